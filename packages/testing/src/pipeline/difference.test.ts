/** Two properties tell rows that are the same from those that are not; the rest is how a difference reads. */
import { Decimal, type Row } from "@deltaflow/core"
import fc from "fast-check"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { tables } from "../rows.ts"
import { difference } from "./difference.ts"
import { SnapshotFile } from "./SnapshotFile.ts"
import { cellOf, identityOf } from "./testRows.ts"

const integer = (name: string) => ({ name, type: "integer" as const, nullable: true })

const anyOrder = { ordered: false, key: [] }

describe("the difference of rows", () => {
  it("is nothing for the same rows in another order, and in order only for the same order", () => {
    fc.assert(
      fc.property(
        tables().chain((table) =>
          fc.shuffledSubarray([...table.rows], { minLength: table.rows.length }).map((shuffled) => ({ ...table, shuffled })),
        ),
        ({ schema: { columns }, rows, shuffled }) => {
          expect(difference(rows, shuffled, { columns, ...anyOrder })).toBe(undefined)
          expect(difference(rows, rows, { columns, ordered: true, key: [] })).toBe(undefined)
          const ids = (all: ReadonlyArray<Row>) => JSON.stringify(all.map((row) => idOf(row, columns)))
          expect(difference(rows, shuffled, { columns, ordered: true, key: [] }) === undefined).toBe(ids(rows) === ids(shuffled))
        },
      ),
    )
  })

  it("counts each row that is on one side only", () => {
    const rows = fc.array(fc.record({ a: fc.nat(2), b: fc.nat(1) }), { maxLength: 8 })
    fc.assert(
      fc.property(rows, rows, fc.boolean(), (expected, found, ordered) => {
        const text = difference(expected, found, { columns: [integer("a"), integer("b")], ordered, key: [] }) ?? ""
        const count = (what: RegExp): number => Number(what.exec(text)?.[1] ?? 0)
        const missing = count(/(\d+) rows? (?:is|are) missing/)
        const added = count(/(\d+) rows? (?:is|are) not expected/)
        expect(missing - added).toBe(expected.length - found.length)
        const apart = missing + added + count(/(\d+) rows? differs?/)
        const tally = (all: ReadonlyArray<object>) =>
          all
            .map((row) => JSON.stringify(row))
            .toSorted()
            .join()
        expect(apart > 0 || text.includes("another order")).toBe(
          ordered ? JSON.stringify(expected) !== JSON.stringify(found) : tally(expected) !== tally(found),
        )
      }),
    )
  })

  it("lays rows with the same key side by side, however little else they share", () => {
    const text = difference([{ id: 7, a: 1, b: 1, c: 1 }], [{ id: 7, a: 2, b: 2, c: 2 }], {
      columns: ["id", "a", "b", "c"].map(integer),
      ordered: false,
      key: ["id"],
    })
    expect(text).toContain("1 row differs:")
    expect(text).toMatch(/~ +1 +7 +1 → 2 +1 → 2 +1 → 2/)
  })

  it("takes a row that comes too often for one too many, and a null, an empty text and the word for three things", () => {
    const columns = [{ name: "t", type: "string" as const, nullable: true }]
    expect(difference([{ t: "a" }], [{ t: "a" }, { t: "a" }], { columns, ...anyOrder })).toMatch(/^1 row is not expected:[^]*\+ +2 +a/)
    const text = difference([{ t: null }, { t: "" }, { t: "null" }], [{ t: "5" }, { t: " " }, { t: "é" }], { columns, ...anyOrder })!
    for (const shown of ["- +1 +null", '- +2 +""', '- +3 +"null"', '\\+ +1 +"5"', '\\+ +2 +" "', "\\+ +3 +é"])
      expect(text).toMatch(new RegExp(shown))
  })

  it("shows at most 20 rows, and of 60 columns those that differ", () => {
    const columns = Array.from({ length: 60 }, (_, i) => integer(`c${i}`))
    const rows = (value: number) =>
      Array.from({ length: 50 }, (_, i) => Object.fromEntries(columns.map(({ name }) => [name, name === "c40" ? value : i])))
    const text = difference(rows(-1), rows(-2), { columns, ...anyOrder })!
    expect(text).toContain("50 rows differ:")
    expect(text).toContain("… and 30 more\n(52 columns without a difference are not shown)")
    expect(text).toContain("c40")
    expect(text.split("\n").every((line) => line.length < 140)).toBe(true)
  })

  it("ends for ten thousand rows that are all others, in any order and in order", () => {
    const rows = (from: number) => Array.from({ length: 10_000 }, (_, i) => ({ id: from + i }))
    for (const ordered of [true, false]) {
      const text = difference(rows(0), rows(50_000), { columns: [integer("id")], ordered, key: [] })
      expect(text).toMatch(/^10000 rows are missing, 10000 rows are not expected:/)
    }
  })
})

const idOf = (row: Row, columns: Parameters<typeof difference>[2]["columns"]): ReadonlyArray<string> =>
  columns.map(({ name, type }) => {
    const cell = cellOf(row[name], type)
    return "value" in cell ? identityOf(cell.value, type) : "wrong"
  })

it("values are equal by what they are, not by how they are written", () => {
  const same = (a: unknown, b: unknown, type: Parameters<typeof cellOf>[1]) =>
    idOf({ v: a }, [{ name: "v", type, nullable: true }]).join() === idOf({ v: b }, [{ name: "v", type, nullable: true }]).join()
  expect(same("1.50", Decimal.parse("1.5"), "decimal")).toBe(true)
  expect(same("1.50", "1.51", "decimal")).toBe(false)
  expect(same("-0.00", 0, "decimal")).toBe(true)
  expect(same("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", "timestamptz")).toBe(true)
  expect(same("2026-01-01T00:00:00.000001", "2026-01-01T00:00:00", "timestamp")).toBe(false)
  expect(same({ a: 1, b: [1.0, { d: 1, c: 2 }] }, { b: [1, { c: 2, d: 1 }], a: 1 }, "json")).toBe(true)
  expect(same([1, null], [1], "integer[]")).toBe(false)
  expect(same("null", null, "string")).toBe(false)
  expect(same(["null"], [null], "string[]")).toBe(false)
  expect(same(NaN, NaN, "double")).toBe(true)
  expect(same(9007199254740993n, "9007199254740993", "integer")).toBe(true)
})

it("a snapshot of any rows is equal to them when it is read again, and to no rows with one cell changed", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-snapshot-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  let count = 0
  await fc.assert(
    fc.asyncProperty(tables({ minRows: 1 }), fc.boolean(), async ({ schema, rows }, ordered) => {
      const file = path.join(folder, `${count++}.ndjson`)
      const name = { test: "any", place: "rows" }
      const table = { schema: { columns: schema.columns.map((column) => ({ ...column, nullable: true })) }, rows }
      const how = { ordered, key: [] }
      expect(await new SnapshotFile(file, {}).compare(name, table, how)).toBe(undefined)
      const again = new SnapshotFile(file, { isCi: true })
      expect(await again.compare(name, table, how)).toBe(undefined)
      expect(again.written).toBe(0)
      const column = schema.columns[0]!
      const changed = rows.map((row, i) => (i > 0 ? row : { ...row, [column.name]: row[column.name] === null ? undefined : null }))
      if (rows[0]![column.name] !== null) expect(await again.compare(name, { ...table, rows: changed }, how)).toContain("--update-snapshot")
    }),
    { numRuns: 60 },
  )
})
