/** Files between this connector and DuckDB, in both directions. */
import { join } from "node:path"
import { Batch, type BatchSchema, type ColumnType, fromRowValue, type Row, type RowValue } from "@deltaflow/core"
import type { DuckDBConnection } from "@duckdb/node-api"
import fc from "fast-check"
import { columnTypes, tables } from "@deltaflow/testing"
import { beforeAll, describe, expect, it } from "vitest"
import { connectDuckDb, tableOf } from "../../test/duckdb.ts"
import { loadAll, projectFolder, readAll } from "../../test/harness.ts"
import { asStored, typesOf } from "../../test/parquetRows.ts"
import { parquetDestination, parquetSource } from "./index.ts"
import { compressions } from "./options.ts"

let duckdb: DuckDBConnection

beforeAll(async () => {
  duckdb = await connectDuckDb()
})

const TYPES: Readonly<Partial<Record<ColumnType, string>>> = {
  boolean: "BOOLEAN",
  integer: "BIGINT",
  double: "DOUBLE",
  string: "VARCHAR",
  bytes: "BLOB",
  date: "DATE",
  time: "TIME",
  timestamp: "TIMESTAMP",
  timestamptz: "TIMESTAMP WITH TIME ZONE",
  interval: "INTERVAL",
  uuid: "UUID",
  json: "JSON",
}

const duckdbType = (type: ColumnType, digits: string): string =>
  type.startsWith("decimal")
    ? `${digits}${type.slice("decimal".length)}`
    : type.endsWith("[]")
      ? `${TYPES[type.slice(0, -2) as ColumnType]}[]`
      : TYPES[type]!

/** DuckDB knows no more digits, and does not tell names by their case. */
const DIGITS = 18

const cases = tables({
  types: columnTypes,
  names: fc.nat({ max: 30 }).map((number) => `c${number}`),
  minRows: 1,
}).map(({ schema, rows }) => ({ schema, rows: asStored(rows, schema, DIGITS) }))

const valuesOf = (rows: ReadonlyArray<Row>, { columns }: BatchSchema) =>
  rows.map((row) => columns.map(({ name, type }) => fromRowValue(row[name], type)))

describe("DuckDB", () => {
  it("reads what was written, with its types and values, and what it writes of it is read", async () => {
    const options = fc.record({
      compression: fc.constantFrom(...compressions),
      size: fc.integer({ min: 1, max: 12 }),
      theirs: fc.constantFrom("uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"),
      version: fc.constantFrom("V1", "V2"),
    })
    await fc.assert(
      fc.asyncProperty(cases, options, async ({ schema, rows }, { compression, size, theirs, version }) => {
        const root = projectFolder()
        const ours = join(root, "ours.parquet")
        await loadAll(
          parquetDestination,
          { path: "ours.parquet", compression, row_group_size: size },
          [Batch.fromRows([...rows], schema)],
          { root },
        )
        const table = await tableOf(duckdb, `SELECT * FROM '${ours}'`)
        const scaled = rows.map((row) => schema.columns.map(({ name }) => scaleOf(row[name])))
        expect(table.types).toEqual(
          schema.columns.map(({ type }, i) => duckdbType(type, `DECIMAL(38,${Math.max(0, ...scaled.map((row) => row[i]!))})`)),
        )
        expect(table.rows.map(comparable(schema))).toEqual(valuesOf(rows, schema).map(comparable(schema)))
        await duckdb.run(
          `COPY (FROM '${ours}') TO '${join(root, "theirs.parquet")}' (FORMAT parquet, COMPRESSION ${theirs}, PARQUET_VERSION ${version})`,
        )
        const back = await readAll(parquetSource, { path: "theirs.parquet" }, { root })
        expect(typesOf(back.schema)).toEqual(typesOf(schema))
        expect(back.rows).toEqual(rows)
      }),
      { numRuns: 100 },
    )
  })
})

const scaleOf = (value: RowValue): number => {
  if (Array.isArray(value)) return Math.max(0, ...value.map(scaleOf))
  return typeof value === "object" && value !== null && "scale" in value ? (value.scale as number) : 0
}

/** JSON text may be spelt in more than one way, and DuckDB's client for Node leaves out a byte order mark at the start of a text. */
const comparable =
  ({ columns }: BatchSchema) =>
  (row: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
    row.map((value, i) => (columns[i]!.type === "json" && value !== null ? JSON.parse(value as string) : withoutMark(value)))

const withoutMark = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutMark)
  return typeof value === "string" ? value.replace(/^\ufeff/, "") : value
}
