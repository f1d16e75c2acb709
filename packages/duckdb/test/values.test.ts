/** Values of every type go into tables and come back unchanged. */
import {
  Batch,
  type BatchSchema,
  type ColumnType,
  Decimal,
  Interval,
  type Row,
  scalarTypes,
  type SqlRequest,
  type Value,
} from "@deltaflow/core"
import { columnName, cutRows, rowsOf, schemas } from "@deltaflow/testing"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { duckdbSql } from "../src/index.ts"
import { temporaryFolder } from "./harness.ts"

const request = (tables: SqlRequest["tables"], query: string, folder: string): SqlRequest => ({
  query,
  tables,
  runtimeValues: {},
  place: "orders / transforms[0] (sql)",
  memory: 64 * 1024 * 1024,
  threads: 2,
  folder,
  batchSize: 7,
})

interface Bad {
  readonly row: number
  readonly column: string
  readonly message: string
}

/** What comes out of the query over a table that gets these batches, and which rows it could not hold. */
const through = async (schema: BatchSchema | undefined, batches: ReadonlyArray<Batch>, query: string, folder: string) => {
  const session = await duckdbSql.open(request([{ names: ["input"], schema }], query, folder))
  const bad: Array<Bad> = []
  try {
    let known = schema
    for (const batch of batches) {
      if (known !== batch.schema) await session.define(0, batch.schema)
      known = batch.schema
      await session.add(0, batch, (row, column, { message }) => bad.push({ row, column, message }))
    }
    const rows: Array<ReadonlyArray<Value | null>> = []
    let given: BatchSchema | undefined
    for await (const batch of session.rows()) {
      expect(batch.length).toBeLessThanOrEqual(7)
      given = batch.schema
      for (let i = 0; i < batch.length; i++) rows.push(batch.columns.map((column) => column.value(i)))
    }
    return { schema: given, rows, bad }
  } finally {
    await session.close()
  }
}

const allTypes: ReadonlyArray<ColumnType> = [...scalarTypes, ...scalarTypes.map((type): ColumnType => `${type}[]`)]

const decimalsIn = (value: Value | null): ReadonlyArray<Decimal> =>
  value instanceof Decimal ? [value] : Array.isArray(value) ? (value as Array<Value | null>).flatMap(decimalsIn) : []

/** As the column has it: with the scale of the value that has the longest. */
const scaled = (value: Value | null, scale: number): Value | null => {
  if (value instanceof Decimal) return value.withScale(scale)
  return Array.isArray(value) ? (value as Array<Value | null>).map((item) => scaled(item, scale)) : value
}

const fits = (digits: ReadonlyArray<Decimal>): boolean => {
  const behind = Math.max(0, ...digits.map(({ scale }) => scale))
  const before = Math.max(0, ...digits.map(({ coefficient, scale }) => String(coefficient).replace("-", "").length - scale))
  return digits.every(({ isFinite }) => isFinite) && before + behind <= 38
}

const valuesOf = (schema: BatchSchema, rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Value | null>> => {
  const batch = Batch.fromRows(rows, schema)
  return rows.map((_, i) => batch.columns.map((column) => column.value(i)))
}

const columnsIn = (values: ReadonlyArray<ReadonlyArray<Value | null>>, column: number): ReadonlyArray<Decimal> =>
  values.flatMap((row) => decimalsIn(row[column]!))

describe("values of every type", () => {
  it("come back unchanged, in order, however rows are cut; decimals with the scale of their column", async () => {
    const folder = temporaryFolder()
    const shapes = schemas({ types: allTypes, names: columnName }).filter(
      ({ columns }) => new Set(columns.map(({ name }) => name.toLowerCase())).size === columns.length,
    )
    const cases = shapes.chain((schema) =>
      rowsOf(schema, { maxLength: 25 }).chain((rows) => cutRows(rows).map((pieces) => ({ schema, pieces }))),
    )
    const seen = new Set<ColumnType>()
    await fc.assert(
      fc.asyncProperty(cases, async ({ schema, pieces }) => {
        const values = valuesOf(schema, pieces.flat())
        const digits = schema.columns.map((_, i) => columnsIn(values, i))
        fc.pre(digits.every(fits))
        const batches = pieces.map((rows) => Batch.fromRows(rows, schema))
        const { rows, bad, schema: given } = await through(schema, batches, "SELECT * FROM input", folder)
        expect(bad).toEqual([])
        const scales = digits.map((column) => Math.max(0, ...column.map(({ scale }) => scale)))
        expect(rows).toEqual(values.map((row) => row.map((value, i) => scaled(value, scales[i]!))))
        if (given !== undefined)
          expect(given.columns.map(({ name, type }) => ({ name, type }))).toEqual(schema.columns.map(({ name, type }) => ({ name, type })))
        for (const { type } of schema.columns) seen.add(type)
      }),
      { numRuns: 60 },
    )
    expect(seen.size).toBeGreaterThan(15)
  })

  const one = async (type: ColumnType, value: Value) => {
    const schema = { columns: [{ name: "x", type, nullable: true }] }
    const column = { type, value: (row: number) => (row === 0 ? value : null), isNull: (row: number) => row > 0 }
    return await through(
      schema,
      [new Batch({ schema, columns: [column], rowCount: 2, byteSize: 1 })],
      "SELECT x FROM input",
      temporaryFolder(),
    )
  }

  it.each<[ColumnType, Value]>([
    ["date", Infinity],
    ["date", -Infinity],
    ["timestamp", Infinity],
    ["timestamptz", -Infinity],
    ["timestamp", -9_223_372_022_400_000n * 1000n],
    ["time", 86_400_000_000],
    ["double", -0],
    ["double", NaN],
    ["string", "a\0b"],
    ["string", "\ufeffmark"],
    ["json", '"\ufeff"'],
    ["string", "x".repeat(100_000)],
    ["integer", -(2n ** 63n)],
    ["json", ' {"a": 1.10, "a": 2} '],
    ["decimal", Decimal.parse("0.00000000000000000000000000000000000001")!],
  ])("%s %s comes back", async (type, value) => {
    const { rows, bad } = await one(type, value)
    expect(bad).toEqual([])
    expect(rows).toEqual([[value], [null]])
  })

  it.each<[ColumnType, Value, string]>([
    ["decimal", new Decimal(NaN, 0), "no decimal NaN"],
    ["decimal", Decimal.parse(`1${"0".repeat(38)}`)!, "39 digits before the point"],
    ["decimal[]", [Decimal.parse("1.5")!, Decimal.parse(`1${"0".repeat(37)}`)!], "and a decimal of DuckDB has 38"],
    ["interval", new Interval(Infinity, Infinity, Infinity), "no interval infinity"],
    ["interval", new Interval(2 ** 31, 0, 0), "no interval"],
    ["timestamp", 2n ** 63n, "outside of DuckDB's calendar"],
    ["date", 2_147_483_647, "outside of DuckDB's calendar"],
    ["string", "half \ud83d of one", "half of a character"],
  ])("%s %s is refused, and its row alone", async (type, value, message) => {
    const { rows, bad } = await one(type, value)
    expect(bad).toMatchObject([{ row: 0, column: "x" }])
    expect(bad[0]!.message).toContain(message)
    expect(rows).toEqual([[null]])
  })

  it("have room for more digits as rows come, and a row that would need too many is refused", async () => {
    const schema: BatchSchema = { columns: [{ name: "x", type: "decimal", nullable: true }] }
    const texts = ["1.5", "12345678901234567890.25", "0.001", `1${"0".repeat(36)}`, "-7"]
    const batches = texts.map((text) => Batch.fromRows([{ x: Decimal.parse(text) }], schema))
    const { rows, bad } = await through(schema, batches, "SELECT x FROM input", temporaryFolder())
    expect(rows.map(String)).toEqual(["1.500", "12345678901234567890.250", "0.001", "-7.000"])
    expect(bad).toHaveLength(1)
  })
})

describe("columns that change while rows come", () => {
  const integers: BatchSchema = { columns: [{ name: "a", type: "integer", nullable: true }] }

  it("are added, and become wider, with the values that are there", async () => {
    const wider: BatchSchema = {
      columns: [
        { name: "a", type: "decimal", nullable: true },
        { name: "b", type: "string", nullable: true },
      ],
    }
    const batches = [
      Batch.fromRows([{ a: 2n ** 62n }, { a: null }], integers),
      Batch.fromRows([{ a: Decimal.parse("0.5"), b: "x" }], wider),
    ]
    const { rows } = await through(undefined, batches, "SELECT * FROM input", temporaryFolder())
    expect(rows).toEqual([
      [Decimal.parse("4611686018427387904.0"), null],
      [null, null],
      [Decimal.parse("0.5"), "x"],
    ])
  })

  it("are refused where values would lose digits", async () => {
    const doubles: BatchSchema = { columns: [{ name: "a", type: "double", nullable: true }] }
    const exact = [Batch.fromRows([{ a: 5 }], integers), Batch.fromRows([{ a: 0.5 }], doubles)]
    expect((await through(undefined, exact, "SELECT * FROM input", temporaryFolder())).rows).toEqual([[5], [0.5]])
    const inexact = [Batch.fromRows([{ a: 2n ** 62n + 1n }], integers), Batch.fromRows([{ a: 0.5 }], doubles)]
    await expect(through(undefined, inexact, "SELECT * FROM input", temporaryFolder())).rejects.toMatchObject({ code: "SCHEMA_CHANGED" })
  })

  it("are none where no row came and nobody knows them, and a query over them gives no rows", async () => {
    expect((await through(undefined, [], "SELECT a FROM input", temporaryFolder())).rows).toEqual([])
    expect((await through(undefined, [], "SELECT count(*) FROM input", temporaryFolder())).rows).toEqual([[0]])
  })
})

describe("what a query computes", () => {
  const typed = async (expression: string) => {
    const described = await duckdbSql.describe({ query: `SELECT ${expression} AS x`, tables: [], runtimeValues: { run_id: "r1" } })
    if (!described.ok) return described.problem.code
    const session = await duckdbSql.open(request([], `SELECT ${expression} AS x`, temporaryFolder()))
    try {
      const values: Array<unknown> = []
      for await (const batch of session.rows()) {
        expect(batch.schema).toEqual(described.schema)
        values.push(batch.columns[0]!.value(0))
      }
      return [described.schema.columns[0]!.type, values[0]]
    } finally {
      await session.close()
    }
  }

  it.each([
    ["1::TINYINT", "integer", 1],
    ["4294967295::UINTEGER", "integer", 4_294_967_295],
    ["18446744073709551615::UBIGINT", "decimal", new Decimal(18_446_744_073_709_551_615n, 0)],
    ["(SELECT sum(i) FROM range(3) t(i))", "decimal", new Decimal(3, 0)],
    ["0.5::FLOAT", "double", 0.5],
    ["'b'::ENUM('a', 'b')", "string", "b"],
    ["'101'::BIT", "string", "101"],
    ["NULL", "integer", null],
    ["[1, NULL]", "integer[]", [1, null]],
    ["[1.25, 2]::DECIMAL(4, 2)[2]", "decimal[]", [new Decimal(125, 2), new Decimal(200, 2)]],
    [
      "{'a': 1.10::DECIMAL(4, 2), 'b': [DATE '2025-01-31', NULL], 'c': 9007199254740993}",
      "json",
      '{"a":1.10,"b":["2025-01-31",null],"c":9007199254740993}',
    ],
    ["MAP {'k': {'v': 'ü'}}", "json", '{"k":{"v":"ü"}}'],
    ["[[1], []]", "json", "[[1],[]]"],
    ["'{\"a\": 1}'::JSON", "json", '{"a": 1}'],
  ])("%s is %s", async (expression, type, value) => {
    expect(await typed(expression)).toEqual([type, value])
  })

  it.each([["TIMESTAMP_NS '2025-01-01 00:00:00.000000001'"], ["union_value(a := 1)"], ["TIMETZ '12:00+01'"], ["{'__proto__': 1}"]])(
    "%s has no type in rows, and is refused",
    async (expression) => {
      expect(await typed(expression)).toBe("EXPRESSION_TYPE")
    },
  )
})
