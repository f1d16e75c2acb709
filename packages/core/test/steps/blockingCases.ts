/** Tables of all types, and blocking steps run over them, cut and kept in any way. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as fc from "fast-check"
import { expect } from "vitest"
import type { Batch } from "../../src/model/Batch.ts"
import type { BatchSchema, ColumnType } from "../../src/model/ColumnType.ts"
import { Decimal } from "../../src/model/Decimal.ts"
import { Interval } from "../../src/model/Interval.ts"
import type { Value } from "../../src/model/Value.ts"
import { nodeFiles } from "../../src/node/nodeFiles.ts"
import type { BlockingHost } from "../../src/transform/blocking/host.ts"
import { SpillFile } from "../../src/transform/blocking/spill.ts"
import type { Step } from "../../src/transform/Step.ts"
import { tables, types as plainTypes } from "./arbitraries.ts"
import { batchOf, type Shape, shapes, type Table } from "./batches.ts"
import { compiled } from "./run.ts"

const MORE: Readonly<Partial<Record<ColumnType, fc.Arbitrary<Value>>>> = {
  string: fc.oneof(
    fc.constantFrom("", "a", "ab", "A", "ä", "z", "\uffff", "👋", "\u{10ffff}", "a,b", 'say "x"', "line\nbreak", "x".repeat(300)),
    fc.string({ maxLength: 6, unit: "grapheme" }).map((text) => text.replaceAll("\u0000", "").toWellFormed()),
  ),
  double: fc.constantFrom(-0, 0, 1.5, -1.5, NaN, Infinity, -Infinity, 1e308, 5e-324, -5e-324),
  decimal: fc.oneof(
    fc
      .tuple(fc.constantFrom("0", "0.00", "1", "1.0", "1.00", "-1", "-1.5", "10", "9.99", "-10.01", "123456789012345678901234567890.12"))
      .map(([text]) => Decimal.parse(text)!),
    fc.constantFrom("NaN", "Infinity", "-Infinity").map((text) => Decimal.parse(text)!),
  ),
  bytes: fc.uint8Array({ maxLength: 4 }),
  uuid: fc.uuid(),
  time: fc.integer({ min: 0, max: 86_399_999_999 }),
  interval: fc
    .tuple(fc.integer({ min: -14, max: 14 }), fc.integer({ min: -40, max: 40 }), fc.integer({ min: -10_000_000, max: 10_000_000 }))
    .map(([months, days, micros]) => new Interval(months, days, micros)),
  "integer[]": fc.array(fc.option(fc.integer({ min: -2, max: 2 }), { freq: 4 }), { maxLength: 3 }),
  "string[]": fc.array(fc.option(fc.constantFrom("", "a", "b"), { freq: 4 }), { maxLength: 3 }),
}

/** Types that have an order. */
export const orderedTypes: ReadonlyArray<ColumnType> = [...new Set([...plainTypes, ...(Object.keys(MORE) as Array<ColumnType>)])]

/** A column of any type: few different values, so that keys are shared, or many. */
const valuesOf = (type: ColumnType): fc.Arbitrary<Value | null> => {
  const more = MORE[type]
  const plain = (plainTypes as ReadonlyArray<ColumnType>).includes(type)
    ? [tables({ columns: [{ name: "x", type, nullable: true }] }, 1).map((table) => table[0]?.[0] ?? null)]
    : []
  return fc.option(fc.oneof(...(more === undefined ? [] : [more]), ...plain), { freq: 5 })
}

/** Columns `a`, `b`, … of ordered types, and `n`, the number of the row. */
export const blockingSchemas: fc.Arbitrary<BatchSchema> = fc
  .array(fc.constantFrom(...orderedTypes), { minLength: 1, maxLength: 4 })
  .map((types) => ({
    columns: [...types.map((type, i) => ({ name: "abcdef"[i]!, type, nullable: true })), { name: "n", type: "integer", nullable: true }],
  }))

export const blockingTables = ({ columns }: BatchSchema, maxRows: number): fc.Arbitrary<Table> => {
  const values = columns.slice(0, -1).map(({ type }) => valuesOf(type))
  const few = fc
    .tuple(...values.map((one) => fc.array(one, { minLength: 1, maxLength: 3 })))
    .chain((pools) => fc.array(fc.tuple(...pools.map((pool) => fc.constantFrom(...pool))), { maxLength: maxRows }))
  const many = fc.array(fc.tuple(...values), { maxLength: maxRows })
  return fc.oneof(few, many).map((rows) => rows.map((row, i) => [...row, i]))
}

/** How a table is handed to a step. */
export interface Handing {
  readonly shape: Shape
  /** Rows of each batch, taken in turn. */
  readonly cuts: ReadonlyArray<number>
  readonly memory: number
  readonly batchSize: number
}

export const handings: fc.Arbitrary<Handing> = fc.record(
  {
    shape: fc.constantFrom(...shapes),
    cuts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
    memory: fc.constantFrom(1, 200, 1000, 4000, 1_000_000),
    batchSize: fc.integer({ min: 1, max: 20 }),
  },
  { noNullPrototype: true },
)

export const cutTable = (schema: BatchSchema, table: Table, { shape, cuts }: Pick<Handing, "shape" | "cuts">): ReadonlyArray<Batch> => {
  const batches: Array<Batch> = []
  for (let at = 0, i = 0; at < table.length; i++) {
    const end = at + cuts[i % cuts.length]!
    batches.push(batchOf(schema, table.slice(at, end), shape, at + 1))
    at = end
  }
  return batches
}

export interface BlockingResult {
  readonly schema: BatchSchema | undefined
  readonly rows: Table
  readonly spilled: boolean
  /** Files that are left in the temp folder. */
  readonly left: ReadonlyArray<string>
}

export const valuesOfBatch = (batch: Batch): Table =>
  Array.from({ length: batch.length }, (_, i) => batch.columns.map((column) => column.value(batch.physicalRow(i))))

/** The other source of a join. */
export interface Side {
  readonly name: string
  readonly schema: BatchSchema
  readonly batches: ReadonlyArray<Batch>
}

/** Runs one blocking step over batches. */
export const runBlocking = async (
  step: Step,
  planned: BatchSchema,
  batches: ReadonlyArray<Batch>,
  { memory, batchSize }: Pick<Handing, "memory" | "batchSize">,
  side?: Side,
): Promise<BlockingResult> => {
  const folder = mkdtempSync(path.join(tmpdir(), "blocking-"))
  let spill: Promise<SpillFile> | undefined
  const openSpill = () =>
    (spill ??= SpillFile.open({ files: nodeFiles(), folder, place: "orders / transforms[0]", now: Date.now, timeout: 60_000 }))
  const host: BlockingHost = { memory, batchSize, openSpill }
  const rows: Array<ReadonlyArray<Value | null>> = []
  let schema: BatchSchema | undefined
  const take = async (given: AsyncIterable<Batch>): Promise<void> => {
    for await (const batch of given) {
      expect(batch.length).toBeLessThanOrEqual(batchSize)
      schema ??= batch.schema
      rows.push(...valuesOfBatch(batch))
    }
  }
  try {
    const { later, output } = compiled([step], planned, side === undefined ? {} : { sides: { [side.name]: side.schema } })
    const [blocking] = later
    if (blocking?.kind !== "blocking") throw new Error("the step is no blocking one")
    const run = blocking.start(host)
    for (const batch of side?.batches ?? []) await run.addSide!(batch, side!.name)
    for (const batch of batches) await (run.through === undefined ? run.add(batch) : take(run.through(batch)))
    await take(run.finish())
    if (schema !== undefined) expect(schema).toEqual(output)
    return { schema, rows, spilled: spill !== undefined, left: readdirSync(folder) }
  } finally {
    const opened: SpillFile | undefined = await spill
    await opened?.close()
    rmSync(folder, { recursive: true })
  }
}

/**
 * The step gives the rows that `naive` gives, spilled or not, however rows are cut and kept, and leaves no file; many of the runs do spill,
 * and many do not.
 */
export const expectSameAsNaive = async <S extends Step>(
  steps: (schema: BatchSchema) => fc.Arbitrary<S>,
  naive: (schema: BatchSchema, table: Table, step: S) => Table,
  numRuns: number,
): Promise<void> => {
  const spilled = { yes: 0, no: 0 }
  await fc.assert(
    fc.asyncProperty(fc.gen(), handings, async (g, handing) => {
      const schema = g(() => blockingSchemas)
      const table = g(blockingTables, schema, 60)
      const step = g(steps, schema)
      const result = await runBlocking(step, schema, cutTable(schema, table, handing), handing)
      expect(result.rows).toEqual(naive(schema, table, step))
      expect(result.left).toEqual([])
      spilled[result.spilled ? "yes" : "no"]++
    }),
    { numRuns },
  )
  expect(Math.min(spilled.yes, spilled.no)).toBeGreaterThan(50)
}
