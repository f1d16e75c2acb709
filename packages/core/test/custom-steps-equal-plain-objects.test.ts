import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { TransformFunction } from "../src/contract/Transform.ts"
import { setOwn } from "../src/model/Batch.ts"
import type { BatchSchema } from "../src/model/ColumnType.ts"
import { type Row, toRowValue } from "../src/model/Value.ts"
import type { StepsResult } from "../src/transform/Step.ts"
import { schemas, tables } from "./steps/arbitraries.ts"
import { batchOf, objectOf, shapes, type Table } from "./steps/batches.ts"
import { compiled, custom } from "./steps/run.ts"

/** What happens to one row. */
interface Edit {
  readonly kind: "keep" | "drop" | "change" | "mutate" | "leave out" | "split"
  /** Columns that change, with their new values. */
  readonly changes: Row
  /** The row without these. */
  readonly missing: ReadonlyArray<string>
}

const editOf = (g: fc.GeneratorValue, schema: BatchSchema): Edit => {
  const names = schema.columns.map((column) => column.name)
  const changed = g(fc.subarray<string>, names)
  const values = g(tables, schema, 1)[0] ?? names.map(() => null)
  const changes: Row = {}
  schema.columns.forEach(({ name, type }, i) => {
    if (changed.includes(name)) setOwn(changes, name, toRowValue(values[i]!, type))
  })
  const kind = g(() => fc.constantFrom("keep", "keep", "drop", "change", "change", "mutate", "leave out", "split"))
  return { kind, changes, missing: g(fc.subarray<string>, names) }
}

const merged = (row: Row, changes: Row): Row => {
  const result: Row = {}
  for (const part of [row, changes]) for (const name of Object.keys(part)) setOwn(result, name, part[name])
  return result
}

/** The edit as a function of rows does it. */
const edited = (row: Row, { kind, changes, missing }: Edit): Row | ReadonlyArray<Row> | null => {
  switch (kind) {
    case "keep":
      return row
    case "drop":
      return null
    case "change":
      return merged(row, changes)
    case "mutate":
      for (const name of Object.keys(changes)) setOwn(row, name, changes[name])
      return row
    case "leave out":
      return Object.fromEntries(Object.entries(row).filter(([name]) => !missing.includes(name)))
    case "split":
      return [merged(row, changes), row, merged(row, {})]
  }
}

/** All rows with all keys that appear, in the order in which they appear. */
const filled = (rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<readonly [string, unknown]>> => {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return rows.map((row) => names.map((name) => [name, Object.hasOwn(row, name) ? (row[name] ?? null) : null] as const))
}

const listOf = (result: Row | ReadonlyArray<Row> | null): ReadonlyArray<Row> =>
  result === null ? [] : Array.isArray(result) ? result : [result as Row]

interface Case {
  readonly schema: BatchSchema
  readonly table: Table
  readonly edits: ReadonlyArray<Edit>
}

const caseOf = (g: fc.GeneratorValue): Case => {
  const schema = g(() => schemas)
  const table = g(tables, schema, 8)
  return { schema, table, edits: table.map(() => editOf(g, schema)) }
}

const run = async (g: fc.GeneratorValue, { schema, table }: Case, apply: TransformFunction, cut: number): Promise<ReadonlyArray<Row>> => {
  const backend = g(() => fc.constantFrom("code" as const, "closure" as const))
  const steps = compiled([custom({ concurrency: g(() => fc.integer({ min: 1, max: 3 })) })], schema, { backend, functions: { it: apply } })
  const rows: Array<Row> = []
  for (let from = 0; from < table.length; from += cut) {
    const shape = g(() => fc.constantFrom(...shapes))
    const result: StepsResult = await steps.run(batchOf(schema, table.slice(from, from + cut), shape, from + 1))
    rows.push(...result.batch.toRows())
  }
  return rows
}

/** Calls the edits one after the other, now or later. */
const inTurn = (edits: ReadonlyArray<Edit>, isAsync: boolean) => {
  let next = 0
  return (row: Row) => {
    const edit = edits[next++]!
    return isAsync ? Promise.resolve().then(() => edited(row, edit)) : edited(row, edit)
  }
}

describe("a custom step gives what its function gives over plain objects", () => {
  test.each([false, true])("row by row (async: %s)", async (isAsync) => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const one = caseOf(g)
        const expected = filled(one.table.flatMap((values, i) => listOf(edited(objectOf(one.schema, values), one.edits[i]!))))
        const rows = await run(g, one, { mode: "row", run: inTurn(one.edits, isAsync) as never }, Math.max(1, one.table.length))
        expect(rows.map((row) => Object.entries(row))).toStrictEqual(expected)
      }),
      { numRuns: 150, interruptAfterTimeLimit: 15_000 },
    )
  })

  test("as patches, however rows are cut into batches", async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const one = caseOf(g)
        const isAsync = g(() => fc.boolean())
        const expected = one.table.map((values, i) => Object.entries(merged(objectOf(one.schema, values), one.edits[i]!.changes)))
        let next = 0
        const patch = () => {
          const { changes } = one.edits[next++]!
          return isAsync ? Promise.resolve(changes) : changes
        }
        const rows = await run(
          g,
          one,
          { mode: "patch", run: patch },
          g(() => fc.integer({ min: 1, max: 4 })),
        )
        expect(rows.map((row) => Object.entries(row))).toStrictEqual(expected)
      }),
      { numRuns: 150, interruptAfterTimeLimit: 15_000 },
    )
  })

  test("as whole batches", async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const one = caseOf(g)
        const order = g(() => fc.shuffledSubarray(one.table.map((_, i) => i)))
        const apply = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => order.flatMap((i) => listOf(edited(rows[i]!, one.edits[i]!)))
        const expected = filled(apply(one.table.map((values) => objectOf(one.schema, values))))
        const rows = await run(g, one, { mode: "batch", run: apply }, Math.max(1, one.table.length))
        expect(rows.map((row) => Object.entries(row))).toStrictEqual(expected)
      }),
      { numRuns: 150, interruptAfterTimeLimit: 15_000 },
    )
  })
})
