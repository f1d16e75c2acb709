import type { PipelineDefinition } from "@deltaflow/core"
import { describe, expect, it } from "vitest"
import { testPipeline } from "./testPipeline.ts"

const definition = (destination: Record<string, unknown>, more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "people",
  sources: [{ type: "feed", name: "feed", incremental: true, columns: { at: "timestamptz", name: "string", _deleted: "boolean" } }],
  destinations: [{ type: "table", name: "people", key: "id", ...destination }],
  ...more,
})

const over = async (pipeline: PipelineDefinition, ...runs: ReadonlyArray<ReadonlyArray<Record<string, unknown>>>) =>
  (await testPipeline(pipeline, { runs: runs.map((feed) => ({ fixtures: { feed } })) })).rows()

describe("the table of a test", () => {
  it("follows the rules of merge, one row after the other", async () => {
    const when = [
      { condition: "name = 'gone'", action: "delete" },
      { condition: "name IS NULL", action: "update", set: { age: "age + 100" } },
      { action: "update" },
      { condition: "age > 1", action: "insert", set: { seen: "'new'" } },
    ]
    const rows = await over(
      definition({ write_mode: "merge", when }),
      [
        { id: 1, name: "a", age: 5 },
        { id: 2, name: "b", age: 1 },
        { id: 1, name: null, age: 6 },
        { id: 3, name: "c", age: 9 },
      ],
      [
        { id: 3, name: "gone", age: 0 },
        { id: 4, name: "d", age: 2 },
        { id: 4, name: "e", age: 3 },
      ],
    )
    const rest = { at: null, _deleted: null }
    expect(rows).toEqual([
      { id: 1, name: "a", age: 106, seen: "new", ...rest },
      { id: 4, name: "e", age: 3, seen: "new", ...rest },
    ])
  })

  it("deletes by a row that says so, and by absence where all rows came", async () => {
    const byKey = definition({ write_mode: "upsert", hard_deletes: "key" })
    expect(
      await over(
        byKey,
        [
          { id: 1, name: "a" },
          { id: 2, name: "b" },
        ],
        [
          { id: 1, _deleted: true },
          { id: 3, name: "c" },
        ],
      ),
    ).toEqual([
      { id: 2, name: "b", at: null },
      { id: 3, name: "c", at: null },
    ])
    const sources = [{ type: "feed", name: "feed", columns: { name: "string" } }] as const
    const byAbsence = definition({ write_mode: "upsert", hard_deletes: "absence" }, { sources: [...sources] })
    expect(
      await over(
        byAbsence,
        [
          { id: 1, name: "a" },
          { id: 2, name: "b" },
        ],
        [{ id: 2, name: "c" }],
      ),
    ).toEqual([{ id: 2, name: "c" }])
  })

  it("keeps versions, also one that comes late and one that says nothing new", async () => {
    const at = (day: number) => `2026-01-0${day}T00:00:00Z`
    const kept = definition({ write_mode: "scd2", changed_at: "at", hard_deletes: "key" })
    const rows = await over(
      kept,
      [
        { id: 1, name: "a", at: at(1) },
        { id: 1, name: "c", at: at(5) },
        { id: 1, name: "c", at: at(6) },
      ],
      [
        { id: 1, name: "b", at: at(3) },
        { id: 1, at: at(8), _deleted: true },
      ],
    )
    expect(rows.map(({ name, valid_from, valid_to, is_current }) => [name, valid_from, valid_to, is_current])).toEqual([
      ["a", at(1), at(3), false],
      ["b", at(3), at(5), false],
      ["c", at(5), at(8), false],
    ])
  })

  it("refuses a row that could not be found by its key", async () => {
    await expect(over(definition({ write_mode: "upsert" }), [{ id: 1 }, { id: null }])).rejects.toThrow("a row has no value in id")
    await expect(over(definition({ write_mode: "merge", when: [{ action: "insert" }] }), [{ id: null, name: "a" }])).rejects.toThrow(
      "a row has no value in id",
    )
  })
})
