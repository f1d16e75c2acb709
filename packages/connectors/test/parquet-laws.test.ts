/** The Parquet connectors keep the laws that any plugin has to keep. */
import { Batch, type Row, type RowValue } from "@deltaflow/core"
import { destinationLaws, memoryFiles, type MemoryFiles, runLaws, sourceLaws } from "@deltaflow/testing"
import { beforeAll, describe, test } from "vitest"
import { parquetDestination, parquetSource } from "../src/parquet/index.ts"
import { loadAll, readAll } from "./harness.ts"
import { asStored, holds } from "./parquetRows.ts"

const PROJECT = "/project"

const emptyDisk = (): MemoryFiles => {
  const disk = memoryFiles()
  disk.put(`${PROJECT}/.keep`, "")
  return disk
}

const COLUMNS = [
  { name: "id", type: "integer", nullable: false },
  { name: "text", type: "string", nullable: true },
  { name: "price", type: "decimal", nullable: true },
  { name: "tags", type: "string[]", nullable: true },
  { name: "at", type: "timestamptz", nullable: true },
] as const

const ROWS: ReadonlyArray<Row> = asStored(
  Array.from({ length: 53 }, (_, id) => ({
    id,
    text: id % 5 === 0 ? null : `é😀 ${id % 7}`,
    price: `${id}.50`,
    tags: id % 4 === 0 ? null : Array.from({ length: id % 4 }, (_item, i) => (i === 1 ? null : `t${i}`)),
    at: `2024-02-29T01:02:03.${String(456_000 + id).padStart(6, "0")}Z`,
  })).map((row) => Batch.fromRows([row], { columns: COLUMNS }).toRows()[0]!),
  { columns: COLUMNS },
)

describe("the parquet source", () => {
  const disk = emptyDisk()
  beforeAll(async () => {
    for (const [name, from, to] of [
      ["a", 0, 20],
      ["b", 20, 20],
      ["c", 20, 21],
      ["d", 21, 53],
    ] as const) {
      const batch = Batch.fromRows(ROWS.slice(from, to), { columns: COLUMNS })
      await loadAll(parquetDestination, { path: `in/${name}.parquet`, row_group_size: 7 }, [batch], { root: PROJECT, files: disk })
    }
  })
  runLaws(
    sourceLaws({
      source: parquetSource,
      config: { path: "in/*.parquet" },
      rows: ROWS,
      projectRoot: PROJECT,
      files: disk,
      badConfigs: [{ path: "none" }, { path: "../up" }, { path: ".keep" }, { path: "in" }],
    }),
    { test },
  )
})

describe.each([{}, { compression: "gzip", row_group_size: 3 }])("the parquet destination, %j", (config) => {
  const make = () => {
    const files = emptyDisk()
    const readBack = async (): Promise<ReadonlyArray<Row>> => {
      if ((await files.stat(`${PROJECT}/out.parquet`)) === undefined) return []
      return (await readAll(parquetSource, { path: "out.parquet" }, { root: PROJECT, files })).rows
    }
    return { config: { path: "out.parquet", ...config }, files, projectRoot: PROJECT, readBack }
  }
  const canHold = (value: RowValue) => holds(value)
  runLaws(destinationLaws({ destination: parquetDestination, make, holds: canHold, expected: asStored, runs: 20 }), { test })
})
