/** What the steps of a pipeline are grouped into: each stage takes a whole batch and gives one. */
import type { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import type { RowReporter } from "./failure.ts"

export interface StageResult {
  readonly batch: Batch
  /** Rows that came out of each step of the stage. */
  readonly passed: ReadonlyArray<number>
  /** Rows of child tables, by name. Of the last stage alone. */
  readonly children?: ReadonlyMap<string, Batch>
}

export interface Stage {
  /** Indexes of its steps among all steps. */
  readonly steps: ReadonlyArray<number>
  readonly isAsync: boolean
  readonly run: (batch: Batch, reporter: RowReporter) => StageResult | Promise<StageResult>
}

export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

/** Text that is the same for equal schemas and no others. */
export const schemaKey = (schema: BatchSchema): string =>
  JSON.stringify(schema.columns.map(({ name, type, nullable }) => [name, type, nullable]))

/** Keeps what was made for a schema. The schema object itself is looked at first: a source uses one for all its batches. */
export class PerSchema<A> {
  private readonly make: (schema: BatchSchema) => A
  private readonly byObject = new WeakMap<BatchSchema, { readonly made: A }>()
  private readonly byKey = new Map<string, { readonly made: A }>()

  constructor(make: (schema: BatchSchema) => A) {
    this.make = make
  }

  get(schema: BatchSchema): A {
    const known = this.byObject.get(schema)
    if (known !== undefined) return known.made
    const key = schemaKey(schema)
    const entry = this.byKey.get(key) ?? { made: this.make(schema) }
    if (this.byKey.size >= MOST_SCHEMAS) this.byKey.clear()
    this.byKey.set(key, entry)
    this.byObject.set(schema, entry)
    return entry.made
  }
}

const MOST_SCHEMAS = 64
