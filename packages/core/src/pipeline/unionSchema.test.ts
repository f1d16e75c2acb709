import { describe, expect, test } from "vitest"
import { batchOf, schemaOf } from "../../test/steps/batches.ts"
import { Batch } from "../model/Batch.ts"
import { type BatchSchema, type ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import { conformer, unionSchema } from "./unionSchema.ts"

const named = (...schemas: ReadonlyArray<BatchSchema>) => schemas.map((schema, i) => ({ name: `s${i}`, schema }))

const text = (schema: BatchSchema) => schema.columns.map(({ name, type, nullable }) => `${name} ${type}${nullable ? "" : "!"}`)

const required = (columns: Readonly<Record<string, ColumnType>>): BatchSchema => ({
  columns: schemaOf(columns).columns.map((column) => ({ ...column, nullable: false })),
})

describe("unionSchema", () => {
  test("of one source, and of several alike, is theirs", () => {
    const schema = schemaOf({ id: "integer" })
    expect(unionSchema(named(schema)).schema).toBe(schema)
    expect(unionSchema(named(schema, schemaOf({ id: "integer" }))).schema).toBe(schema)
    expect(unionSchema([])).toStrictEqual({ schema: { columns: [] }, conflicts: [] })
  })

  test("has the columns of all by name, with types that hold both", () => {
    const union = unionSchema(
      named(schemaOf({ id: "integer", day: "date" }), schemaOf({ day: "timestamp", extra: "string", id: "decimal" })),
    )
    expect(text(union.schema)).toStrictEqual(["id decimal", "day timestamp", "extra string"])
  })

  test("is never null only where no source gives null", () => {
    const union = unionSchema(
      named(required({ a: "integer", b: "integer", c: "integer" }), {
        columns: [...required({ a: "integer" }).columns, ...schemaOf({ b: "integer" }).columns],
      }),
    )
    expect(text(union.schema)).toStrictEqual(["a integer!", "b integer", "c integer"])
  })

  test("says for each column which sources cannot meet, and what to do", () => {
    const union = unionSchema(named(schemaOf({ id: "integer", x: "json" }), schemaOf({ id: "string", x: "bytes" })))
    expect(union.conflicts.map((conflict) => [conflict.source, conflict.message])).toStrictEqual([
      [
        1,
        "The column `id` is integer in s0 and string in s1, and the sources' rows are joined into one stream. Give the column one type in both, under `columns` of a source.",
      ],
      [
        1,
        "The column `x` is json in s0 and bytes in s1, and the sources' rows are joined into one stream. Give the column one type in both, under `columns` of a source.",
      ],
    ])
  })
})

describe("conformer", () => {
  const planned = schemaOf({ id: "decimal", day: "timestamp", n: "integer" })

  test("gives a batch back as it is where it is as planned", () => {
    const batch = batchOf(schemaOf({ id: "decimal", day: "timestamp", n: "integer" }), [[null, null, 1]], "csv")
    expect(conformer(planned, true)(batch)).toBe(batch)
  })

  test("reorders and widens columns, and fills with null what a source lacks", () => {
    const batch = batchOf(
      schemaOf({ day: "date", id: "integer" }),
      [
        [1, 7],
        [Infinity, 2n ** 60n],
        [null, null],
      ],
      "csv",
    )
    const conformed = conformer(planned, true)(batch)
    expect(conformed.schema).toStrictEqual(planned)
    expect(conformed.toRows()).toStrictEqual([
      { id: new Decimal(7, 0), day: "1970-01-02T00:00:00", n: null },
      { id: new Decimal(2n ** 60n, 0), day: "infinity", n: null },
      { id: null, day: null, n: null },
    ])
    expect(conformed.columns[0]!.isNull(2)).toBe(true)
  })

  test("leaves columns of the right type the same, so that bytes go through", () => {
    const batch = batchOf(schemaOf({ n: "integer", id: "decimal" }), [[1, null]], "csv")
    const conformed = conformer(planned, true)(batch)
    expect(conformed.columns[2]).toBe(batch.columns[0])
    expect(conformed.columns[0]).toBe(batch.columns[1])
  })

  test("takes along a column that nobody knew of only where it reaches the end", () => {
    const batch = batchOf(schemaOf({ id: "decimal", day: "timestamp", fresh: "string", n: "integer" }), [[null, null, "f", 1]], "csv")
    expect(text(conformer(planned, true)(batch).schema)).toStrictEqual(["id decimal", "day timestamp", "n integer", "fresh string"])
    const closed = conformer(planned, false)(batch)
    expect(closed.schema).toBe(planned)
    expect(closed.columns).toHaveLength(3)
  })

  test("lets a type that has become wider, or another one, through to whoever compiles for it", () => {
    const batch = batchOf(schemaOf({ id: "decimal", day: "timestamp", n: "decimal" }), [[null, null, new Decimal(15, 1)]], "csv")
    expect(text(conformer(planned, true)(batch).schema)).toStrictEqual(["id decimal", "day timestamp", "n decimal"])
    const other = batchOf(schemaOf({ id: "string", day: "timestamp", n: "integer" }), [["x", null, 1]], "csv")
    expect(text(conformer(planned, true)(other).schema)).toStrictEqual(["id string", "day timestamp", "n integer"])
  })

  test("says that a column may be null where the batch's may", () => {
    const strict = required({ n: "integer" })
    expect(text(conformer(strict, true)(Batch.empty(schemaOf({ n: "integer" }))).schema)).toStrictEqual(["n integer"])
    expect(text(conformer(strict, true)(Batch.empty({ columns: [] })).schema)).toStrictEqual(["n integer"])
  })
})
