import { beforeAll, describe, expect, it } from "vitest"
import { loadExpressions } from "../expression/load.ts"
import { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { compileSteps } from "./Segment.ts"
import { expressionsOf, type RowStep, type StepsResult } from "./Step.ts"

const input: BatchSchema = {
  columns: [
    { name: "id", type: "integer", nullable: true },
    { name: "first", type: "string", nullable: true },
    { name: "last", type: "string", nullable: true },
    { name: "gone", type: "boolean", nullable: false },
  ],
}

const steps: ReadonlyArray<RowStep> = [
  { type: "map", fields: { full: "first || ' ' || last", twice: "id * 2", shout: "upper(first)" } },
  { type: "map", fields: { label: "shout || '!'", fixed: "'x'" } },
  { type: "rename", columns: { id: "number", last: "surname" } },
  { type: "filter", condition: "twice > 0" },
  { type: "select", columns: ["number", "full", "surname", "label", "twice", "gone", "fixed"] },
]

describe.each(["code", "closure"] as const)("rows that lack columns, as %s", (backend) => {
  const compiled = (list: ReadonlyArray<RowStep>) => {
    const result = compileSteps({ steps: list, input, isPartial: true, runtime: {}, now: 0, backend }, () => undefined)
    if (!result.ok) throw new Error(result.issues[0]!.message)
    return (rows: ReadonlyArray<object>, names: ReadonlyArray<string>) => {
      const schema = {
        columns: names.map(
          (name) => input.columns.find((column) => column.name === name) ?? ({ name, type: "string", nullable: true } as const),
        ),
      }
      return (
        result.steps.run(Batch.fromRows(rows as ReadonlyArray<Record<string, unknown>>, schema), undefined, undefined) as StepsResult
      ).batch.toRows()
    }
  }
  beforeAll(async () => await loadExpressions([...steps.flatMap(expressionsOf), "last = 'x'", "id > 1", "coalesce(last, 'none') = 'none'"]))

  it("go without what would be made of them, whole rows between them as ever", () => {
    const run = compiled(steps)
    expect(run([{ id: 1, first: "Ada", last: "L", gone: false }], ["id", "first", "last", "gone"])).toEqual([
      { number: 1, full: "Ada L", surname: "L", label: "ADA!", twice: 2, gone: false, fixed: "x" },
    ])
    expect(run([{ id: 2, gone: true }], ["id", "gone"])).toEqual([{ number: 2, twice: 4, gone: true, fixed: "x" }])
    expect(
      run(
        [
          { id: 3, first: "Bob", gone: false },
          { id: 0, first: "No", gone: false },
        ],
        ["id", "first", "gone"],
      ),
    ).toEqual([{ number: 3, label: "BOB!", twice: 6, gone: false, fixed: "x" }])
  })

  it("bring new columns along", () => {
    const run = compiled([{ type: "map", fields: { full: "first || last" } }])
    expect(run([{ id: 1, more: "m", gone: false }], ["id", "gone", "more"])).toEqual([{ id: 1, gone: false, more: "m" }])
  })

  it("are refused by a condition over what they lack, even where a null would pass it", () => {
    for (const condition of ["last = 'x'", "coalesce(last, 'none') = 'none'"]) {
      const run = compiled([
        { type: "filter", condition: "id > 1" },
        { type: "filter", condition },
      ])
      expect(() => run([{ id: 2, gone: true }], ["id", "gone"])).toThrow(
        /transforms\[1\] \(filter\): its condition reads `last`.*REPLICA IDENTITY FULL/,
      )
    }
  })

  it("keep rules of the columns that they have", () => {
    const run = compiled([
      {
        type: "schema",
        rules: [
          { column: "last", required: true, onViolation: "fail" },
          { column: "id", required: true, onViolation: "fail" },
        ],
      },
    ])
    expect(run([{ id: 2, gone: true }], ["id", "gone"])).toEqual([{ id: 2, gone: true }])
    expect(() => run([{ id: null, gone: true }], ["id", "gone"])).toThrow(/id/)
  })
})
