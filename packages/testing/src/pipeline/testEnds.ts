/** What a test puts in place of sources, destinations and the dead letter. */
import {
  anyConfig,
  Batch,
  type BatchSchema,
  type CommittedRows,
  defineDestination,
  type Destination,
  DestinationError,
  type LoadRequest,
  type Plugin,
  type Row,
  type Source,
  type SourceBatch,
  type WriteMode,
} from "@deltaflow/core"
import { TEST_DEAD_LETTER } from "@deltaflow/core/testing"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ChangedTable, EmptyColumnError, keyOf } from "./tableChanges.ts"
import { mergeSchemas, namesOf, noRows, type TestRows, typesOf } from "./testRows.ts"

/** Type of the destination for the rows after a step. */
export const TEST_ROWS = "test_rows"

/** The fixtures of the run that goes on, and what destinations hold. */
export class TestEnds {
  fixtures: ReadonlyMap<string, TestRows> = new Map()
  rejected: TestRows = noRows
  private readonly tables = new Map<string, TestRows>()
  private runs = 0

  /** What the destination holds after the runs so far. */
  table(destination: string): TestRows {
    return this.tables.get(destination) ?? noRows
  }

  beginRun(fixtures: ReadonlyMap<string, TestRows>): void {
    this.fixtures = fixtures
    this.rejected = noRows
    this.runs++
  }

  /** One plugin for each type that the definition names, which goes before the real one. */
  plugins(definition: unknown, known: ReadonlyArray<Plugin>): ReadonlyArray<Plugin> {
    const destinations = typesIn(definition, "destinations").map((type) => this.destination(type, modesOf(type, known)))
    return [
      ...typesIn(definition, "sources").map((type) => this.source(type)),
      ...destinations,
      this.destination(TEST_ROWS, ["replace"]),
      this.deadLetter(),
    ]
  }

  private source(type: string): Source {
    return {
      kind: "source",
      type,
      summary: "The rows of a test's fixture",
      config: anyConfig(),
      supportsIncremental: true,
      fingerprint: () => type,
      open: ({ name, batchSize, incremental }) =>
        Effect.sync(() => {
          const { schema, rows } = this.fixtures.get(name) ?? noRows
          const cursor = incremental === undefined ? {} : { cursor: { run: this.runs } }
          const batches = cut(rows, batchSize).map((part, i): SourceBatch => ({
            batch: Batch.fromRows(part, schema, i * batchSize + 1),
            // The whole of a fixture has been read, or nothing.
            ...((i + 1) * batchSize < rows.length ? {} : cursor),
          }))
          return {
            schema,
            isEmpty: rows.length === 0 && schema.columns.length === 0,
            read: () => ({ rows: { kind: "batches" as const, stream: Stream.fromIterable(batches) } }),
          }
        }),
    }
  }

  private destination(type: string, writeModes: ReadonlyArray<WriteMode>): Destination {
    return defineDestination({
      type,
      summary: "Rows that a test looks at",
      delivery: "idempotent",
      writeModes,
      takesChanges: true,
      open: (request) => {
        if (request.changes !== undefined) return this.changedLoad(request)
        const load = new TableLoad(request, this.table(request.name))
        return {
          label: request.name,
          write: (rows, batch) => load.write(rows, batch.schema),
          commit: () => void this.tables.set(request.name, load.result()),
        }
      },
    })
  }

  private changedLoad(request: LoadRequest<unknown>) {
    const table = new ChangedTable(request, this.table(request.name))
    return {
      label: request.name,
      write: (rows: ReadonlyArray<Row>, { schema }: Batch) => {
        try {
          table.write(rows, schema)
        } catch (error) {
          if (!(error instanceof EmptyColumnError)) throw error
          throw new DestinationError({ code: "VALUE_NOT_SUPPORTED", message: `${request.name}: ${error.message}.`, path: [request.name] })
        }
      },
      commit: (_: unknown, __: boolean, rows: CommittedRows) => void this.tables.set(request.name, table.result(rows)),
    }
  }

  private deadLetter(): Destination {
    return defineDestination({
      type: TEST_DEAD_LETTER,
      writeModes: ["append"],
      open: () => ({
        commitsEarly: true,
        write: (rows, { schema }) => {
          this.rejected = { schema, rows: [...this.rejected.rows, ...rows] }
        },
      }),
    })
  }
}

const cut = <A>(items: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

const testedModes: ReadonlyArray<WriteMode> = ["append", "replace", "upsert", "merge", "scd2"]

/** The modes of the real destination, its default first; all of them where it is not known here. */
export const modesOf = (type: string, known: ReadonlyArray<Plugin>): ReadonlyArray<WriteMode> => {
  const plugin = known.find((other): other is Destination => other.kind === "destination" && other.type === type)
  return plugin === undefined ? testedModes : plugin.writeModes.filter((mode) => testedModes.includes(mode))
}

/** The types that stand in a list of the definition, each once. */
export const typesIn = (definition: unknown, list: "sources" | "destinations"): ReadonlyArray<string> => {
  const entries = typeof definition === "object" && definition !== null ? (definition as Record<string, unknown>)[list] : undefined
  const types = Array.isArray(entries) ? entries.map((entry: unknown) => (entry as { readonly type?: unknown } | null)?.type) : []
  return [...new Set(types.filter((type) => typeof type === "string"))]
}

/** What a table holds after a run, by write mode and key. */
export class TableLoad {
  private readonly request: LoadRequest<unknown>
  private readonly before: TestRows
  private readonly rows: Array<Row>
  private readonly places = new Map<string, number>()
  private schema: BatchSchema

  constructor(request: LoadRequest<unknown>, table: TestRows) {
    this.request = request
    this.before = request.writeMode === "replace" ? noRows : table
    this.schema = this.before.schema
    this.rows = [...this.before.rows]
    if (request.writeMode === "upsert") this.rows.forEach((row, i) => this.remember(row, i))
  }

  write(rows: ReadonlyArray<Row>, schema: BatchSchema): void {
    const kept = this.withSchemaChanges(rows, schema)
    for (const row of kept) {
      const known = this.request.writeMode === "upsert" ? this.places.get(this.keyOf(row)) : undefined
      if (known !== undefined) this.rows[known] = row
      else this.remember(row, this.rows.push(row) - 1)
    }
  }

  /** Every row has every column. */
  result(): TestRows {
    const schema = this.rows.length === 0 && this.schema.columns.length === 0 ? this.request.schema : this.schema
    const rows = this.rows.map((row) =>
      Object.fromEntries(namesOf(schema).map((name) => [name, Object.hasOwn(row, name) ? row[name] : null])),
    )
    return { schema, rows }
  }

  private remember(row: Row, place: number): void {
    if (this.request.writeMode !== "upsert") return
    this.places.set(this.keyOf(row), place)
  }

  private keyOf(row: Row): string {
    const types = typesOf(this.schema)
    const missing = this.request.key.find((name) => !Object.hasOwn(types, name))
    if (missing !== undefined) throw this.refuse("UNKNOWN_COLUMN", `the rows have no column ${missing}, which its key names`)
    const found = keyOf(row, this.request.key, types)
    if (typeof found === "string") return found
    throw this.refuse("VALUE_NOT_SUPPORTED", `a row has no value in ${found.empty}, by which it would be found`)
  }

  /** What `schema_changes` says of columns that the table does not have yet. */
  private withSchemaChanges(rows: ReadonlyArray<Row>, schema: BatchSchema): ReadonlyArray<Row> {
    const known = new Set(namesOf(this.before.schema))
    const added = known.size === 0 ? [] : namesOf(schema).filter((name) => !known.has(name))
    const { schemaChanges } = this.request
    if (added.length === 0 || schemaChanges === "evolve") {
      this.schema = mergeSchemas(this.schema, schema)
      return rows
    }
    if (schemaChanges === "fail") throw this.refuse("SCHEMA_CHANGED", `there are new columns: ${added.join(", ")}`)
    return schemaChanges === "freeze" ? rows : rows.filter((row) => added.every((name) => row[name] === null))
  }

  private refuse(code: "UNKNOWN_COLUMN" | "SCHEMA_CHANGED" | "VALUE_NOT_SUPPORTED", what: string): DestinationError {
    return new DestinationError({ code, message: `${this.request.name}: ${what}.`, path: [this.request.name] })
  }
}
