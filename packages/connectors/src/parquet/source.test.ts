/** Files of other programs, and files that are none or no more. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Batch, type BatchSchema, Decimal, Interval, type PushedCondition } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import type { DuckDBConnection } from "@duckdb/node-api"
import fc from "fast-check"
import { parquetWriteBuffer } from "hyparquet-writer"
import { beforeAll, describe, expect, it } from "vitest"
import { connectDuckDb } from "../../test/duckdb.ts"
import { configIssues, loadAll, projectFolder, put, readAll, type ReadOptions } from "../../test/harness.ts"
import { parquetDestination, parquetSource } from "./index.ts"
import { ParquetFile } from "./parquetFile.ts"

let duckdb: DuckDBConnection

beforeAll(async () => {
  duckdb = await connectDuckDb()
})

type Options = Omit<ReadOptions, "root">

/** A folder with the file `a.parquet` that DuckDB made of a query. */
const folderOf = async (query: string, options = ""): Promise<string> => {
  const root = projectFolder()
  await duckdb.run(`COPY (${query}) TO '${join(root, "a.parquet")}' (FORMAT parquet${options})`)
  return root
}

const read = async (query: string, options: Options = {}) =>
  readAll(parquetSource, { path: "a.parquet" }, { root: await folderOf(query), ...options })

/** The only row, and the types of its columns. */
const rowOf = async (select: string, options: Options = {}) => {
  const { rows, schema } = await read(`SELECT ${select}`, options)
  return { row: rows[0]!, types: schema.columns.map(({ type }) => type) }
}

const failure = (reading: Promise<unknown>) =>
  reading.then(
    () => Promise.reject(new Error("it was read")),
    (error: unknown) => error as { code: string; message: string; row?: number; column?: string },
  )

const collect = async <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const found: Array<A> = []
  for await (const item of items) found.push(item)
  return found
}

const bytesOf = (files: Readonly<Record<string, string | Uint8Array>>, path = "a.parquet", options: Options = {}) =>
  readAll(parquetSource, { path }, { root: projectFolder(files), ...options })

describe("DuckDB's types", () => {
  it("are whole numbers of any size", async () => {
    const { row, types } = await rowOf(
      `(-128)::TINYINT a, (-32768)::SMALLINT b, (-2147483648)::INTEGER c, (-9223372036854775808)::BIGINT d,
       255::UTINYINT e, 65535::USMALLINT f, 4294967295::UINTEGER g, 18446744073709551615::UBIGINT h, 170141183460469231731::HUGEINT i`,
    )
    expect(types).toEqual([...Array.from({ length: 7 }, () => "integer"), "decimal", "double"])
    expect(Object.values(row)).toEqual([
      -128,
      -32_768,
      -2_147_483_648,
      -9_223_372_036_854_775_808n,
      255,
      65_535,
      4_294_967_295,
      new Decimal(18_446_744_073_709_551_615n, 0),
      // DuckDB writes a hugeint as a double.
      Number(170_141_183_460_469_231_731n),
    ])
  })

  it("are decimals of any size, negative ones too", async () => {
    const { row } = await rowOf(
      `-12.34::DECIMAL(4,2) a, 123456.789::DECIMAL(9,3) b, -123456789012.345678::DECIMAL(18,6) c,
       -99999999999999999999999999999999999.999::DECIMAL(38,3) d, -0.01::DECIMAL(38,2) e, 0::DECIMAL(38,0) f`,
    )
    expect(Object.values(row).map(String)).toEqual([
      "-12.34",
      "123456.789",
      "-123456789012.345678",
      "-99999999999999999999999999999999999.999",
      "-0.01",
      "0",
    ])
  })

  it("are doubles with their signs, and floats as the doubles that they are", async () => {
    const { row } = await rowOf(`'nan'::DOUBLE a, 'inf'::DOUBLE b, '-inf'::DOUBLE c, -0.0::DOUBLE d, 0.1::FLOAT e, 5e-324::DOUBLE f`)
    expect(Object.values(row)).toEqual([NaN, Infinity, -Infinity, -0, Math.fround(0.1), 5e-324])
  })

  it("are texts, bytes, enums, uuids and JSON", async () => {
    const { row, types } = await rowOf(
      `'é😀' a, '' b, NULL::VARCHAR c, '\\x00\\xFF'::BLOB d, 'b'::ENUM('a', 'b') e, '{"n": 9007199254740993}'::JSON f,
       'b3b5b9b8-94e5-4b6e-8a3c-7d6b8f7a1c2d'::UUID g, '101'::BIT h, true i`,
    )
    expect(types).toEqual(["string", "string", "string", "bytes", "string", "json", "uuid", "string", "boolean"])
    expect(Object.values(row)).toEqual([
      "é😀",
      "",
      null,
      Uint8Array.of(0, 255),
      "b",
      { n: 9_007_199_254_740_993n },
      "b3b5b9b8-94e5-4b6e-8a3c-7d6b8f7a1c2d",
      "101",
      true,
    ])
  })

  it("are dates and times with every microsecond, and endless ones", async () => {
    const { row, types } = await rowOf(
      `DATE '0001-01-01' a, 'infinity'::DATE b, TIME '23:59:59.999999' c, TIMESTAMP '1969-12-31 23:59:59.999999' d,
       TIMESTAMPTZ '2024-02-29 01:02:03.456789+02' e, '-infinity'::TIMESTAMP f, TIMESTAMP_S '2024-02-29 01:02:03' g,
       TIMESTAMP_MS '1900-01-01 00:00:00.001' h, TIMESTAMP_NS '2024-02-29 01:02:03.123456' i, TIME WITH TIME ZONE '01:02:03+02' j,
       INTERVAL '14 months 3 days 04:05:06.007' k`,
    )
    expect(types).toEqual([
      "date",
      "date",
      "time",
      "timestamp",
      "timestamptz",
      "timestamp",
      "timestamp",
      "timestamp",
      "timestamp",
      "time",
      "interval",
    ])
    expect(Object.values(row)).toEqual([
      "0001-01-01",
      "infinity",
      "23:59:59.999999",
      "1969-12-31T23:59:59.999999",
      "2024-02-28T23:02:03.456789Z",
      "-infinity",
      "2024-02-29T01:02:03",
      "1900-01-01T00:00:00.001",
      "2024-02-29T01:02:03.123456",
      "23:02:03",
      new Interval(14, 3, (4 * 3600 + 5 * 60 + 6) * 1_000_000 + 7000),
    ])
  })

  it("keep their nanoseconds as text or number, and are an error where they would lose them", async () => {
    const select = `TIMESTAMP_NS '1969-12-31 23:59:59.123456789' a`
    expect(await failure(rowOf(select))).toMatchObject({
      code: "VALUE_TYPE",
      message:
        "a.parquet: row 1, column a: 1969-12-31T23:59:59.123456789 has nanoseconds, and a timestamp holds microseconds. Declare the column as string under columns.",
      row: 1,
      column: "a",
    })
    expect((await rowOf(select, { columns: { a: "string" } })).row).toEqual({ a: "1969-12-31T23:59:59.123456789" })
    expect((await rowOf(select, { columns: { a: "integer" } })).row).toEqual({ a: -876_543_211 })
  })

  it("are lists of values, and JSON where they are nested", async () => {
    const { row, types } = await rowOf(
      `[1, NULL, 3] a, [] :: VARCHAR[] b, NULL::DATE[] c, [[1], [], NULL] d, {'x': 1.50::DECIMAL(3, 2), 'y': {'z': ['q']}} e,
       MAP {'k': 9007199254740993, '__proto__': 2} f, MAP {1: 'v'} g, [{'t': TIMESTAMP '2024-01-01'}, NULL] h, [DATE '2024-02-29'] i,
       NULL::STRUCT(x INTEGER) j, {'x': NULL::INTEGER[]} k`,
    )
    expect(types).toEqual(["integer[]", "string[]", "date[]", "json", "json", "json", "json", "json", "date[]", "json", "json"])
    expect(Object.values(row)).toEqual([
      [1, null, 3],
      [],
      null,
      [[1], [], null],
      { x: 1.5, y: { z: ["q"] } },
      JSON.parse('{"k": 1, "__proto__": 2}', (key, value: unknown) => (key === "k" ? 9_007_199_254_740_993n : value)),
      [{ key: 1, value: "v" }],
      [{ t: "2024-01-01T00:00:00" }, null],
      ["2024-02-29"],
      null,
      { x: null },
    ])
  })
})

describe("a file of many pages and row groups", () => {
  const QUERY = `SELECT i id, CASE WHEN i % 7 = 0 THEN NULL ELSE 'text ' || (i % 50) END t, i * 0.25 d,
    CASE WHEN i % 5 = 0 THEN NULL ELSE range(i % 4) END l, {'a': i, 'b': [i % 3]} s FROM range(10000) r(i)`
  const expected = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, k) => k + from).map((i) => ({
      id: i,
      t: i % 7 === 0 ? null : `text ${i % 50}`,
      d: new Decimal(i * 25, 2),
      l: i % 5 === 0 ? null : Array.from({ length: i % 4 }, (_, k) => k),
      s: { a: i, b: [i % 3] },
    }))

  it.each([
    "",
    ", COMPRESSION uncompressed",
    ", COMPRESSION gzip",
    ", COMPRESSION zstd",
    ", COMPRESSION brotli",
    ", COMPRESSION lz4_raw",
    ", ROW_GROUP_SIZE 2048",
    ", PARQUET_VERSION V2",
    ", DICTIONARY_SIZE_LIMIT 1",
    ", PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1, COMPRESSION zstd",
  ])("is read whole%s", async (options) => {
    const root = await folderOf(QUERY, options)
    const { rows } = await readAll(parquetSource, { path: "a.parquet" }, { root, batchSize: 777 })
    expect(rows).toEqual(expected(0, 10_000))
  })

  it("is read from any row on", async () => {
    const root = await folderOf(QUERY, ", ROW_GROUP_SIZE 2048")
    const file = await ParquetFile.open(nodeFiles(), join(root, "a.parquet"), readFileSync(join(root, "a.parquet")).length)
    for (const from of [0, 1, 2047, 2048, 5000, 9999, 10_000]) {
      let rows = 0
      let first: number | undefined
      for await (const part of file.rows({ columns: file.columns, conditions: [], from, batchSize: 500 })) {
        first ??= part.firstRow
        expect(part.columns[0]![0]).toBe(part.firstRow - 1)
        rows += part.rows
      }
      expect({ from, rows, first }).toEqual({ from, rows: 10_000 - from, first: from === 10_000 ? undefined : from + 1 })
    }
    await file.close()
  })

  it("gives rows with their numbers, and knows how many bytes there are", async () => {
    const { batches, reader } = await read(QUERY, { batchSize: 3000 })
    expect(batches.map(({ firstRow, length }) => [firstRow, length])).toEqual([
      [1, 3000],
      [3001, 3000],
      [6001, 3000],
      [9001, 1000],
    ])
    expect(reader.totalBytes).toBeGreaterThan(1000)
    expect(reader.notes).toEqual(["reads a.parquet", "types of the file: id integer, t string, d decimal, l integer[], s json"])
  })
})

describe("an encoding", () => {
  const numbers = Array.from({ length: 300 }, (_, i) => (i * 7919) % 1009)
  const written = (encoding: string, type: string, data: ReadonlyArray<unknown>, extra: object = {}) =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [{ name: "a", data: [...data], encoding: encoding as "PLAIN" }],
        schema: [
          { name: "root", num_children: 1 },
          { name: "a", type: type as "INT32", repetition_type: "REQUIRED", ...extra },
        ],
        pageSize: 200,
      }),
    )

  it.each([
    ["PLAIN", "INT32", numbers],
    ["RLE_DICTIONARY", "INT32", numbers],
    ["DELTA_BINARY_PACKED", "INT32", numbers],
    ["DELTA_BINARY_PACKED", "INT64", numbers.map((number) => BigInt(number) * 10_000_000_007n)],
    ["BYTE_STREAM_SPLIT", "INT64", numbers.map(BigInt)],
    ["BYTE_STREAM_SPLIT", "DOUBLE", numbers.map((number) => number / 3)],
    ["BYTE_STREAM_SPLIT", "FLOAT", numbers.map((number) => Math.fround(number / 3))],
    ["RLE", "BOOLEAN", numbers.map((number) => number % 3 === 0)],
  ] as const)("%s of %s is read", async (encoding, type, data) => {
    const { rows, schema } = await bytesOf({ "a.parquet": written(encoding, type, data) })
    expect(rows.map((row) => row["a"])).toEqual(
      data.map((value) => (typeof value === "bigint" && value < 2n ** 53n ? Number(value) : value)),
    )
    expect(schema.columns[0]!.nullable).toBe(false)
  })

  it.each(["PLAIN", "RLE_DICTIONARY", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])("%s of texts is read", async (encoding) => {
    const texts = numbers.map((number) => `common é ${number} end`)
    const { rows } = await bytesOf({ "a.parquet": written(encoding, "BYTE_ARRAY", texts, { converted_type: "UTF8" }) })
    expect(rows.map((row) => row["a"])).toEqual(texts)
  })

  it("of bytes of one length is read", async () => {
    const data = numbers.map((number) => Uint8Array.of(number & 255, 7, number >> 8))
    for (const encoding of ["PLAIN", "BYTE_STREAM_SPLIT"]) {
      const { rows } = await bytesOf({ "a.parquet": written(encoding, "FIXED_LEN_BYTE_ARRAY", data, { type_length: 3 }) })
      expect(rows.map((row) => row["a"])).toEqual(data)
    }
  })
})

describe("a column", () => {
  it("may be read as another type that holds its values", async () => {
    const select = `1 a, '2024-01-31' b, '0042' c, 1.50::DECIMAL(3, 2) d, [1, 2] e, encode('é') f`
    const columns = { a: "decimal", b: "date", c: "integer", d: "string", e: "string[]", f: "string" } as const
    const { row, types } = await rowOf(select, { columns })
    expect(types).toEqual(Object.values(columns))
    expect(row).toEqual({ a: new Decimal(1, 0), b: "2024-01-31", c: 42, d: "1.50", e: ["1", "2"], f: "é" })
    expect(await failure(rowOf(`'x' a`, { columns: { a: "integer" } }))).toMatchObject({
      code: "VALUE_TYPE",
      message: 'a.parquet: row 1, column a: "x" is no integer.',
    })
    expect(await failure(rowOf(`{'x': 1} a`, { columns: { a: "integer" } }))).toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      message:
        "a.parquet: column a: it is json, and cannot be read as integer. Leave the column out by a select, or write it with another type.",
    })
    expect(await failure(rowOf(`1 a`, { columns: { b: "integer" } }))).toMatchObject({
      code: "UNKNOWN_COLUMN",
      message: 'input: columns names "b", which a.parquet does not have. It has a.',
    })
  })

  it("that nobody asks for is not read", async () => {
    const root = await folderOf("SELECT i a, repeat('x', 1000) || i b FROM range(20000) r(i)", ", COMPRESSION uncompressed")
    let bytes = 0
    const files = nodeFiles()
    const counting = {
      ...files,
      openRead: async (path: string) => {
        const handle = await files.openRead(path)
        return { ...handle, read: async (buffer: Uint8Array, at: number) => ((bytes += buffer.length), await handle.read(buffer, at)) }
      },
    }
    const file = await ParquetFile.open(counting, join(root, "a.parquet"), readFileSync(join(root, "a.parquet")).length)
    let sum = 0
    for await (const part of file.rows({ columns: [file.columns[0]!], conditions: [], from: 0, batchSize: 1000 }))
      for (const value of part.columns[0]!) sum += value as number
    await file.close()
    expect(sum).toBe((19_999 * 20_000) / 2)
    expect(bytes).toBeLessThan(500_000)
  })

  it("of a type that is not read fails only where it is asked for", async () => {
    const schema = [
      { name: "root", num_children: 2 },
      { name: "v", num_children: 2, repetition_type: "OPTIONAL", logical_type: { type: "VARIANT" } },
      { name: "metadata", type: "BYTE_ARRAY", repetition_type: "REQUIRED" },
      { name: "value", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      { name: "id", type: "INT32", repetition_type: "REQUIRED" },
    ] as const
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: "v", data: [{ a: 1 }] },
        { name: "id", data: [5] },
      ],
      schema: [...schema],
    })
    const root = projectFolder({ "a.parquet": new Uint8Array(bytes) })
    expect(await failure(readAll(parquetSource, { path: "a.parquet" }, { root }))).toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      message: "a.parquet: column v: the type VARIANT is not read. Leave the column out by a select, or write it with another type.",
      column: "v",
    })
    const file = await ParquetFile.open(nodeFiles(), join(root, "a.parquet"), bytes.byteLength)
    const parts = await collect(file.rows({ columns: [file.columns[1]!], conditions: [], from: 0, batchSize: 10 }))
    await file.close()
    expect(parts.map(({ columns }) => columns)).toEqual([[[5]]])
  })

  it("with text that is no UTF-8 or no JSON is an error that names the row", async () => {
    const bytes = (converted: string, data: Uint8Array) =>
      new Uint8Array(
        parquetWriteBuffer({
          columnData: [{ name: "a", data: [Buffer.from("1"), data] }],
          schema: [
            { name: "root", num_children: 1 },
            { name: "a", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: converted as "ENUM" },
          ],
        }),
      )
    expect(await failure(bytesOf({ "a.parquet": bytes("ENUM", Uint8Array.of(0xff)) }))).toMatchObject({
      code: "VALUE_TYPE",
      message: "a.parquet: row 2, column a: the bytes are no UTF-8.",
      row: 2,
      column: "a",
    })
  })
})

describe("conditions and limits", () => {
  it("leave out row groups without a row that passes, and no row that does", async () => {
    const schema: BatchSchema = {
      columns: [
        { name: "i", type: "integer", nullable: true },
        { name: "s", type: "string", nullable: true },
        { name: "d", type: "date", nullable: true },
        { name: "t", type: "timestamptz", nullable: true },
        { name: "p", type: "decimal", nullable: true },
      ],
    }
    const days = Array.from({ length: 9 }, (_, day) => `2024-02-0${day + 1}`)
    const rows = fc.array(
      fc.record({
        i: fc.option(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(9_007_199_254_740_993n))),
        s: fc.option(fc.constantFrom("", "a", "ab", "é", "\ud83d\ude00", "\ue000", "zzzzzzzzzzzzzzzzzzzzzzzz")),
        d: fc.option(fc.constantFrom(...days, "infinity")),
        t: fc.option(fc.constantFrom(...days.map((day) => `${day}T00:00:00.000001Z`))),
        p: fc.option(fc.integer({ min: -3, max: 3 }).map((cents) => new Decimal(cents, 2))),
      }),
      { maxLength: 30 },
    )
    const condition = fc.tuple(
      fc.nat({ max: 4 }),
      fc.constantFrom("=", "<>", "<", "<=", ">", ">=", "is null", "is not null"),
      fc.nat({ max: 29 }),
    )
    let leftOut = 0
    await fc.assert(
      fc.asyncProperty(rows, condition, fc.boolean(), async (given, [at, operator, pick], byDuckDb) => {
        const root = projectFolder()
        const batch = Batch.fromRows(given, schema)
        await loadAll(parquetDestination, { path: "a.parquet", row_group_size: 3 }, [batch], { root, schema })
        if (byDuckDb && given.length > 0) {
          await duckdb.run(`COPY (FROM '${join(root, "a.parquet")}') TO '${join(root, "b.parquet")}' (FORMAT parquet, ROW_GROUP_SIZE 3)`)
        }
        const path = join(root, byDuckDb && given.length > 0 ? "b.parquet" : "a.parquet")
        const { name: column, type } = schema.columns[at]!
        const value = given.length === 0 ? null : batch.columns[at]!.value(pick % given.length)
        const pushed: PushedCondition = { column, type, operator, value }
        if (value === null && !operator.startsWith("is")) return
        const file = await ParquetFile.open(nodeFiles(), path, readFileSync(path).length)
        const found = await collect(file.rows({ columns: file.columns, conditions: [pushed], from: 0, batchSize: 2 }))
        await file.close()
        const values = found.flatMap(({ columns }) => columns[at]!)
        const all = Array.from({ length: given.length }, (_, row) => batch.columns[at]!.value(row))
        expect(values.filter((one) => passes(one, operator, value)).map(String)).toEqual(
          all.filter((one) => passes(one, operator, value)).map(String),
        )
        leftOut += all.length - values.length
      }),
      { numRuns: 150 },
    )
    expect(leftOut).toBeGreaterThan(50)
  })

  it("take no more rows than asked for", async () => {
    const { rows } = await read("SELECT i id, 'x' s FROM range(100000) r(i)", { offer: { limit: 7, columns: ["id"] }, batchSize: 5 })
    expect(rows).toEqual(Array.from({ length: 7 }, (_, id) => ({ id })))
  })
})

const passes = (value: unknown, operator: string, bound: unknown): boolean => {
  if (operator === "is null") return value === null
  if (operator === "is not null") return value !== null
  if (value === null) return false
  const order = orderOf(value, bound)
  return { "=": order === 0, "<>": order !== 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 }[operator]!
}

const orderOf = (a: unknown, b: unknown): number => {
  if (a instanceof Decimal) return Decimal.compare(a, b as Decimal)
  if (typeof a === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b as string))
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0
}

describe("several files", () => {
  const three = async (queries: Readonly<Record<string, string>>): Promise<string> => {
    const root = projectFolder()
    for (const [name, query] of Object.entries(queries)) await duckdb.run(`COPY (${query}) TO '${join(root, name)}' (FORMAT parquet)`)
    return root
  }

  it("are read in the order of their names, with columns in any order", async () => {
    const root = await three({
      "b.parquet": "SELECT 'y' s, 3 id",
      "a.parquet": "SELECT 1 id, 'x' s UNION ALL SELECT 2, NULL",
      "c.parquet": "SELECT 9 id, 'z' s WHERE false",
    })
    const { rows, batches } = await readAll(parquetSource, { path: "*.parquet" }, { root })
    expect(rows).toEqual([
      { id: 1, s: "x" },
      { id: 2, s: null },
      { id: 3, s: "y" },
    ])
    expect(batches.map(({ firstRow }) => firstRow)).toEqual([1, 1])
  })

  it.each([
    ["SELECT 1 id", "b.parquet: it has no column s."],
    ["SELECT 1 id, 'x' s, true more", "b.parquet: it has another column, more (boolean)."],
    ["SELECT 1.5::DOUBLE id, 'x' s", "b.parquet: its column id is double, where integer is expected."],
  ])("must have the same columns: %s", async (query, message) => {
    const root = await three({ "a.parquet": "SELECT 1 id, 'x' s", "b.parquet": query })
    expect(await failure(readAll(parquetSource, { path: "*.parquet" }, { root }))).toMatchObject({
      code: "SCHEMA_CHANGED",
      message: `${message} Read files with other columns by a source of their own, or declare the type of a column under columns.`,
    })
  })

  it("may have another type in one, where the type is declared", async () => {
    const root = await three({ "a.parquet": "SELECT 1 id", "b.parquet": "SELECT 1.5::DECIMAL(3, 1) id", "c.parquet": "SELECT '7' id" })
    const { rows } = await readAll(parquetSource, { path: "*.parquet" }, { root, columns: { id: "decimal" } })
    expect(rows.map(({ id }) => String(id))).toEqual(["1", "1.5", "7"])
  })

  it("are read again where they changed, and not where they did not", async () => {
    const root = await three({ "a.parquet": "SELECT 1 id", "b.parquet": "SELECT i id FROM range(5) r(i)" })
    const warnings: Array<string> = []
    const next = (cursor: unknown) =>
      readAll(parquetSource, { path: "*.parquet" }, { root, incremental: {}, cursor, batchSize: 2, warnings })
    const first = await next(undefined)
    expect(first.rows).toHaveLength(6)
    const second = await next(first.cursor)
    expect(second.rows).toEqual([])
    expect(second.schema).toEqual(first.schema)
    await duckdb.run(`COPY (SELECT 2 id) TO '${join(root, "a.parquet")}' (FORMAT parquet)`)
    await duckdb.run(`COPY (SELECT 3 id) TO '${join(root, "c.parquet")}' (FORMAT parquet)`)
    const third = await next(first.cursor)
    expect(third.rows).toEqual([{ id: 2 }, { id: 3 }])
    expect(warnings).toEqual(["a.parquet was changed since it was read, so it is read again from its start."])
  })
})

describe("what is no Parquet file", () => {
  const good = async (): Promise<Uint8Array> => {
    const root = projectFolder()
    const batch = Batch.fromRows(
      Array.from({ length: 40 }, (_, id) => ({ id, s: `text ${id % 3}`, l: [id, null] })),
      {
        columns: [
          { name: "id", type: "integer", nullable: false },
          { name: "s", type: "string", nullable: true },
          { name: "l", type: "integer[]", nullable: true },
        ],
      },
    )
    await loadAll(parquetDestination, { path: "a.parquet", compression: "none", row_group_size: 16 }, [batch], { root })
    return new Uint8Array(readFileSync(join(root, "a.parquet")))
  }

  it("is an error that says what it is", async () => {
    expect(await failure(bytesOf({}))).toMatchObject({ code: "FILE_NOT_FOUND" })
    expect(await failure(bytesOf({ "a.parquet": "" }))).toMatchObject({
      code: "SOURCE_EMPTY",
      message: "a.parquet: the file is empty. See whether it was written to its end, or set optional: true.",
    })
    expect((await bytesOf({ "a.parquet": "" }, "a.parquet", { optional: true })).rows).toEqual([])
    expect((await bytesOf({}, "a.parquet", { optional: true, columns: { id: "integer" } })).schema.columns).toHaveLength(1)
    expect(await failure(bytesOf({ "a.parquet": "id,name\n1,Ann\n2,Bob\n" }))).toMatchObject({
      code: "CORRUPT_FILE",
      message: 'a.parquet: this is no Parquet file: it begins with "id,n", not with "PAR1".',
    })
    expect(await failure(bytesOf({ "a.parquet": "PAR1" }))).toMatchObject({ code: "CORRUPT_FILE" })
    expect(await failure(bytesOf({ "a.parquet": "PARE0000000000PARE" }))).toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      message: "a.parquet: the file is encrypted. Write it without encryption.",
    })
    expect(await configIssues(parquetSource, { path: "-" })).toEqual([expect.stringContaining("name a file")])
  })

  it("is an error wherever the file is cut off", async () => {
    const bytes = await good()
    for (let length = 1; length < bytes.length; length += 7)
      expect(await failure(bytesOf({ "a.parquet": bytes.subarray(0, length) }))).toMatchObject({ code: "CORRUPT_FILE" })
  })

  it("never gives other values where a bit of a page is wrong", async () => {
    const bytes = await good()
    const expected = (await bytesOf({ "a.parquet": bytes })).rows
    const footer = bytes.length - 8 - Buffer.from(bytes).readUInt32LE(bytes.length - 8)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: footer - 1 }), fc.nat({ max: 7 }), async (at, bit) => {
        const damaged = bytes.slice()
        damaged[at]! ^= 1 << bit
        const result = await bytesOf({ "a.parquet": damaged }).then(
          ({ rows }) => rows,
          (error: unknown) => error,
        )
        if (result instanceof Error)
          expect(result).toMatchObject({
            code: expect.stringMatching(/^(CORRUPT_FILE|UNSUPPORTED_FEATURE)$/) as string,
            column: expect.any(String) as string,
          })
        else expect(result).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  it("ends with an error, and not with the process, whatever is in the footer", async () => {
    const bytes = await good()
    const footer = bytes.length - 8 - Buffer.from(bytes).readUInt32LE(bytes.length - 8)
    const damage = fc.array(fc.tuple(fc.integer({ min: footer, max: bytes.length - 9 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const damaged = bytes.slice()
        for (const [at, byte] of changes) damaged[at] = byte
        const result = await bytesOf({ "a.parquet": damaged }).then(
          ({ rows }) => rows,
          (error: unknown) => error,
        )
        if (result instanceof Error) expect(result).toMatchObject({ name: "SourceError" })
      }),
      { numRuns: 200 },
    )
  })

  it("names the column whose compressed page is damaged", async () => {
    for (const compression of ["zstd", "snappy", "gzip", "lz4_raw", "brotli"]) {
      const root = await folderOf("SELECT i id, 'text ' || (i * 7919 % 100000) s FROM range(3000) r(i)", `, COMPRESSION ${compression}`)
      const bytes = readFileSync(join(root, "a.parquet"))
      const [from, to] = [Math.floor(bytes.length * 0.5), Math.floor(bytes.length * 0.6)]
      bytes.fill(0xa5, from, to)
      put(root, "a.parquet", bytes)
      const error = await failure(readAll(parquetSource, { path: "a.parquet" }, { root }))
      expect(error).toMatchObject({
        code: "CORRUPT_FILE",
        column: expect.stringMatching(/^(id|s)$/) as string,
        message: expect.stringMatching(/^a\.parquet: column (id|s): /) as string,
      })
    }
  })
})
