import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { Batch, type BatchSchema, type ColumnType, Decimal, Interval, type Row, ValuesColumn } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import type { DuckDBConnection } from "@duckdb/node-api"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { connectDuckDb, tableOf } from "../../test/duckdb.ts"
import { configIssues, failingFiles, loadAll, type LoadOptions, projectFolder, put, readAll } from "../../test/harness.ts"
import { parquetDestination, parquetSource } from "./index.ts"
import { ParquetFile } from "./parquetFile.ts"
import { ParquetWriter } from "./parquetWriter.ts"

let duckdb: DuckDBConnection

beforeAll(async () => {
  duckdb = await connectDuckDb()
})

const schemaOf = (types: Readonly<Record<string, ColumnType>>): BatchSchema => ({
  columns: Object.entries(types).map(([name, type]) => ({ name, type, nullable: true })),
})

const batchOf = (types: Readonly<Record<string, ColumnType>>, rows: ReadonlyArray<Row>): Batch => Batch.fromRows([...rows], schemaOf(types))

const PATH = { path: "out.parquet" }

/** Loads, and gives what a reader and DuckDB then see. */
const loaded = async (batches: ReadonlyArray<Batch>, config: object = {}, options: Partial<LoadOptions> = {}) => {
  const root = projectFolder()
  await loadAll(parquetDestination, { ...PATH, ...config }, batches, { root, ...options })
  const { rows, schema } = await readAll(parquetSource, PATH, { root })
  const table = await tableOf(duckdb, `SELECT * FROM '${join(root, "out.parquet")}'`)
  return { root, rows, table, types: schema.columns.map(({ name, type }) => `${name} ${type}`) }
}

const failure = async (batches: ReadonlyArray<Batch>, config: object = {}, options: Partial<LoadOptions> = {}) => {
  const root = options.root ?? projectFolder()
  return loadAll(parquetDestination, { ...PATH, ...config }, batches, { root, ...options }).then(
    () => Promise.reject(new Error("it was written")),
    (error: unknown) => error as { code: string; message: string; row?: number; column?: string },
  )
}

describe("a load", () => {
  it("leaves the file as it was until it is committed, and nothing beside it", async () => {
    const root = projectFolder()
    const batch = batchOf({ id: "integer" }, [{ id: 1 }])
    await loadAll(parquetDestination, PATH, [batch], { root, ends: "failed" })
    expect(readdirSync(root)).toEqual([])
    await loadAll(parquetDestination, PATH, [batch], { root })
    const before = readFileSync(join(root, "out.parquet"))
    await loadAll(parquetDestination, PATH, [batchOf({ id: "integer" }, [{ id: 2 }])], { root, ends: "failed" })
    expect(readFileSync(join(root, "out.parquet"))).toEqual(before)
    expect(readdirSync(root)).toEqual(["out.parquet"])
  })

  it("without rows leaves a file with the columns", async () => {
    const { rows, table, types } = await loaded([], {}, { schema: schemaOf({ id: "integer", tags: "string[]", price: "decimal" }) })
    expect(rows).toEqual([])
    expect(table).toEqual({ names: ["id", "tags", "price"], types: ["BIGINT", "VARCHAR[]", "DECIMAL(38,0)"], rows: [] })
    expect(types).toEqual(["id integer", "tags string[]", "price decimal"])
  })

  it("without rows and columns leaves a file that says so", async () => {
    const root = projectFolder()
    await loadAll(parquetDestination, PATH, [], { root })
    const { rows, schema } = await readAll(parquetSource, PATH, { root })
    expect({ rows, schema }).toEqual({ rows: [], schema: { columns: [] } })
  })

  it("makes row groups of the size that is asked for, from batches of any size", async () => {
    const cases = fc.record({ sizes: fc.array(fc.nat({ max: 9 }), { maxLength: 6 }), size: fc.integer({ min: 1, max: 12 }) })
    await fc.assert(
      fc.asyncProperty(cases, async ({ sizes, size }) => {
        let next = 0
        const batches = sizes.map((count) =>
          batchOf(
            { id: "integer", l: "integer[]" },
            Array.from({ length: count }, () => ({ id: next++, l: [1, 2] })),
          ),
        )
        const root = projectFolder()
        await loadAll(parquetDestination, { ...PATH, row_group_size: size }, batches, {
          root,
          schema: schemaOf({ id: "integer", l: "integer[]" }),
        })
        const sql = `SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('${join(root, "out.parquet")}') ORDER BY 1`
        const groups = (await tableOf(duckdb, sql)).rows.map((row) => row[1])
        const whole = Array.from({ length: Math.floor(next / size) }, () => size)
        expect(groups).toEqual(next % size === 0 ? whole : [...whole, next % size])
      }),
      { numRuns: 30 },
    )
  })

  it("ends a row group sooner where its values are large", async () => {
    const text = "x".repeat(4 * 1024 * 1024)
    const batches = Array.from({ length: 20 }, (_, id) => batchOf({ id: "integer", text: "string" }, [{ id, text: `${id} ${text}` }]))
    const { root } = await loaded(batches)
    const sql = `SELECT count(DISTINCT row_group_id) FROM parquet_metadata('${join(root, "out.parquet")}')`
    expect((await tableOf(duckdb, sql)).rows[0]![0]).toBeGreaterThan(1)
    const read = await readAll(parquetSource, PATH, { root })
    expect(Math.max(...read.batches.map(({ length }) => length))).toBeLessThan(8)
    expect(read.rows.map((row) => (row["text"] as string).length)).toEqual(batches.map((_, id) => text.length + String(id).length + 1))
  })

  it("writes pages of many values, with and without a dictionary", async () => {
    const types = { id: "integer", status: "string", note: "string", price: "decimal", on: "boolean", tags: "string[]" } as const
    const rows = Array.from({ length: 150_000 }, (_, id) => ({
      id,
      status: id % 11 === 0 ? null : `status ${id % 5}`,
      note: `note ${id * 7919}`,
      price: new Decimal(id % 1000, 2),
      on: id % 3 === 0,
      tags: id % 13 === 0 ? [] : [`t${id % 3}`, null],
    }))
    const batches = Array.from({ length: 15 }, (_, i) => batchOf(types, rows.slice(i * 10_000, (i + 1) * 10_000)))
    const { root } = await loaded([], {}, { schema: schemaOf(types) })
    await loadAll(parquetDestination, { ...PATH, row_group_size: 1_000_000 }, batches, { root })
    const read = await readAll(parquetSource, PATH, { root, batchSize: 9999 })
    expect(read.rows).toEqual(rows)
    const sql = `SELECT count(*), count(DISTINCT note), sum(price), count(status), count_if("on"), sum(len(tags)) FROM '${join(root, "out.parquet")}'`
    const counted = (row: (typeof rows)[number], i: number) =>
      [1, 0, Number(row.price), row.status === null ? 0 : 1, row.on ? 1 : 0, row.tags.length][i]!
    const sums = Array.from({ length: 6 }, (_, i) => rows.reduce((sum, row) => sum + counted(row, i), 0))
    sums[1] = 150_000
    expect((await tableOf(duckdb, sql)).rows[0]!.map(Number)).toEqual(sums.map((sum) => Number(sum.toFixed(2))))
  })
})

describe("columns that change while rows come", () => {
  it("may be added, and are null before", async () => {
    const { rows, table } = await loaded(
      [
        batchOf({ id: "integer" }, [{ id: 1 }, { id: 2 }]),
        batchOf({ id: "integer", s: "string", l: "integer[]" }, [{ id: 3, s: "x", l: [1] }]),
        batchOf({ s: "string" }, [{ s: "y" }]),
      ],
      { row_group_size: 1 },
    )
    const expected = [
      [1, null, null],
      [2, null, null],
      [3, "x", [1]],
      [null, "y", null],
    ]
    expect(table.rows).toEqual(expected)
    expect(rows.map((row) => [row["id"], row["s"], row["l"]])).toEqual(expected)
  })

  it.each(["freeze", "discard", "fail"] as const)("are as schema_changes says: %s", async (schemaChanges) => {
    const batches = [batchOf({ id: "integer" }, [{ id: 1 }]), batchOf({ id: "integer", s: "string" }, [{ id: 2, s: "x" }])]
    if (schemaChanges === "fail") {
      expect(await failure(batches, {}, { schemaChanges })).toMatchObject({ code: "SCHEMA_CHANGED", column: "s" })
      return
    }
    expect((await loaded(batches, {}, { schemaChanges })).rows).toEqual(schemaChanges === "freeze" ? [{ id: 1 }, { id: 2 }] : [{ id: 1 }])
  })

  it("get a type that holds all values, those written before too", async () => {
    const { rows, types, table } = await loaded(
      [
        batchOf({ a: "integer", b: "date", c: "integer", d: "string", e: "decimal" }, [
          { a: 1, b: "2024-02-29", c: 7, d: null, e: new Decimal(5, 1) },
        ]),
        batchOf({ a: "decimal", b: "timestamp", c: "double", d: "json", e: "integer" }, [
          { a: new Decimal(15, 1), b: "2024-02-29T01:02:03.000001", c: 0.5, d: { x: 1 }, e: 3 },
        ]),
      ],
      {},
    )
    expect(types).toEqual(["a decimal", "b timestamp", "c double", "d json", "e decimal"])
    expect(table.types).toEqual(["DECIMAL(38,1)", "TIMESTAMP", "DOUBLE", "JSON", "DECIMAL(38,1)"])
    expect(rows).toEqual([
      { a: new Decimal(10, 1), b: "2024-02-29T00:00:00", c: 7, d: null, e: new Decimal(5, 1) },
      { a: new Decimal(15, 1), b: "2024-02-29T01:02:03.000001", c: 0.5, d: { x: 1 }, e: new Decimal(30, 1) },
    ])
  })

  it("are an error where no type holds all", async () => {
    const change = (first: ColumnType, value: unknown, second: ColumnType, other: unknown) =>
      failure([batchOf({ a: first }, [{ a: value }]), batchOf({ a: second }, [{ a: other }])])
    expect(await change("integer", 1, "string", "x")).toMatchObject({
      code: "SCHEMA_CHANGED",
      message:
        "output: column a: the rows held integer before and now hold string, and a file has one type for all. Give the column one type before.",
      column: "a",
    })
    expect(await change("integer", 9_007_199_254_740_993n, "double", 0.5)).toMatchObject({
      code: "VALUE_NOT_SUPPORTED",
      message:
        "output: column a: it became double after other rows had been written, and among those 9007199254740993 has more digits than a double holds. Give the column one type before.",
    })
  })

  it("have one scale for all decimals, however late the longest comes", async () => {
    const amounts = ["1.5", "-0.25", "100", "0.123456789", "99999999999999999999999999999999999999"].map((text) => Decimal.parse(text)!)
    const batches = amounts.map((a) =>
      batchOf({ a: "decimal", l: "decimal[]" }, [
        { a, l: [a, null] },
        { a: null, l: [] },
      ]),
    )
    const { rows, root } = await loaded(batches, { row_group_size: 3 })
    const expected = amounts.flatMap((a) => [
      { a: a.withScale(9), l: [a.withScale(9), null] },
      { a: null, l: [] },
    ])
    expect(rows).toEqual(expected)
    const described = await tableOf(
      duckdb,
      `SELECT type_length, precision, scale FROM parquet_schema('${join(root, "out.parquet")}') WHERE name = 'a'`,
    )
    // DuckDB gives the length as text.
    expect(described.rows[0]!.map(Number)).toEqual([32, 76, 9])
  })
})

describe("a value that a file cannot hold", () => {
  const only = (type: ColumnType, value: unknown) =>
    failure([
      batchOf({ id: "integer", a: type }, [
        { id: 1, a: null },
        { id: 2, a: value },
      ]),
    ])

  it.each([
    ["decimal", Decimal.parse("NaN"), "a decimal of Parquet is neither NaN nor infinite. Write it as double or text."],
    ["string", "half \ud83d", "the text holds half of a surrogate pair, which UTF-8 cannot hold."],
    [
      "interval",
      new Interval(0, -1, 0),
      "an interval of Parquet holds whole milliseconds and nothing below zero, which -1 days is not. Write it as text: CAST(… AS text).",
    ],
    [
      "interval",
      new Interval(0, 0, 1),
      "an interval of Parquet holds whole milliseconds and nothing below zero, which 00:00:00.000001 is not. Write it as text: CAST(… AS text).",
    ],
    [
      "decimal",
      Decimal.parse(`1e-80`),
      "with it, the decimals of the column have 0 digits before the point and 80 behind it, which are more than the 76 that a file can hold. Round them, or write them as text.",
    ],
  ] as const)("is an error that names row and column: %s %s", async (type, value, message) => {
    expect(await only(type, value)).toMatchObject({
      code: "VALUE_NOT_SUPPORTED",
      message: `output: row 2, column a: ${message}`,
      row: 2,
      column: "a",
    })
  })

  it("takes no row of its batch with it into the file", async () => {
    const root = projectFolder()
    const pieces: Array<Uint8Array> = []
    const types = { id: "integer", a: "string", p: "decimal" } as const
    const output = { write: async (bytes: Uint8Array) => void pieces.push(bytes.slice()) }
    const writer = new ParquetWriter(output, schemaOf(types), { compression: "none", rowGroupSize: 2 })
    const bad = batchOf(types, [
      { id: 1, a: "x", p: new Decimal(1, 1) },
      { id: 2, a: "y", p: new Decimal(1, 3) },
      { id: 3, a: "\ud83d", p: null },
    ])
    await expect(writer.write(bad)).rejects.toMatchObject({ row: 2, column: "a" })
    await writer.write(bad.slice(0, 1))
    await writer.finish()
    put(root, "out.parquet", Buffer.concat(pieces))
    expect((await readAll(parquetSource, PATH, { root })).rows).toEqual([{ id: 1, a: "x", p: new Decimal(1, 1) }])
  })
})

describe("infinite dates and times", () => {
  it("are those of DuckDB", async () => {
    const types = { d: "date", t: "timestamp", z: "timestamptz" } as const
    const rows = ["infinity", "-infinity"].map((word) => ({ d: word, t: word, z: word }))
    const loading = await loaded([batchOf(types, rows)])
    expect(loading.rows).toEqual(rows)
    expect(loading.table.rows).toEqual([
      [Infinity, Infinity, Infinity],
      [-Infinity, -Infinity, -Infinity],
    ])
  })
})

describe("what DuckDB finds in the footer", () => {
  it("are the least and the greatest values, so that it leaves out row groups", async () => {
    const types = { i: "integer", s: "string", d: "date", p: "decimal", x: "double" } as const
    const values = (i: number) => ({
      i: i - 2,
      s: i % 2 === 0 ? "\ud83d\ude00" : "\ue000",
      d: `2024-02-1${i}`,
      p: new Decimal(-i, 2),
      x: i,
    })
    const { root } = await loaded([batchOf(types, [0, 1, 2, 3, 4].map(values))])
    const sql = `SELECT path_in_schema, stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata('${join(root, "out.parquet")}')`
    expect((await tableOf(duckdb, sql)).rows).toEqual([
      ["i", "-2", "2", 0],
      ["s", "\ue000", "\ud83d\ude00", 0],
      ["d", "2024-02-10", "2024-02-14", 0],
      ["p", "-0.04", "0.00", 0],
      ["x", null, null, 0],
    ])
  })
})

describe("a disk", () => {
  const rows = batchOf(
    { id: "integer", s: "string" },
    Array.from({ length: 50 }, (_, id) => ({ id, s: `text ${id}` })),
  )

  it("that is full is an error, and the old file stays", async () => {
    const root = projectFolder({ "out.parquet": "old" })
    for (const operation of ["write", "sync", "openWrite"]) {
      const files = failingFiles((name) => (name === operation ? "ENOSPC" : undefined))
      expect(await failure([rows], { row_group_size: 10 }, { root, files })).toMatchObject({
        code: "DISK_FULL",
        message: "out.parquet: there is no room left to write it (ENOSPC). Make room and run again; the old output is as it was.",
      })
      expect(readFileSync(join(root, "out.parquet"), "utf8")).toBe("old")
      expect(readdirSync(root)).toEqual(["out.parquet"])
    }
  })

  it("refuses folders, and paths out of the project", async () => {
    const root = projectFolder()
    put(root, "out.parquet/x", "")
    expect(await failure([rows], {}, { root })).toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
      message: "out.parquet: it is a folder. Name a file.",
    })
    expect(await failure([rows], { path: "../out.parquet" })).toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
    expect(await configIssues(parquetDestination, { path: "-" })).toEqual([expect.stringContaining("name a file")])
    expect(await configIssues(parquetDestination, { path: "a", row_group_size: 0 })).toHaveLength(1)
    expect(await configIssues(parquetDestination, { path: "a", compression: "lzo" })).toHaveLength(1)
  })

  it("holds a file of which memory sees only a part at a time", async () => {
    const root = projectFolder()
    const schema = schemaOf({ id: "integer" })
    const batch = (from: number) =>
      new Batch({
        schema,
        columns: [
          new ValuesColumn(
            "integer",
            Array.from({ length: 50_000 }, (_, i) => from + i),
          ),
        ],
        rowCount: 50_000,
        byteSize: 0,
      })
    const batches = Array.from({ length: 40 }, (_, i) => batch(i * 50_000))
    await loadAll(parquetDestination, { ...PATH, compression: "none", row_group_size: 2_000_000 }, batches, { root })
    const { size } = statSync(join(root, "out.parquet"))
    const files = nodeFiles()
    let largest = 0
    const watched = {
      ...files,
      openRead: async (path: string) => {
        const handle = await files.openRead(path)
        return {
          ...handle,
          read: (buffer: Uint8Array, at: number) => ((largest = Math.max(largest, buffer.length)), handle.read(buffer, at)),
        }
      },
    }
    const file = await ParquetFile.open(watched, join(root, "out.parquet"), size)
    let sum = 0
    for await (const part of file.rows({ columns: file.columns, conditions: [], from: 0, batchSize: 10_000 })) sum += part.rows
    await file.close()
    expect(sum).toBe(2_000_000)
    expect(largest).toBeLessThan(size / 5)
  })
})
