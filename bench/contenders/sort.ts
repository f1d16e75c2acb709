/** Sorts orders by time and number, CSV to CSV, within a limit of memory: `sort.ts deltaflow|duckdb input output threads`. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { csvDestination, csvSource } from "@deltaflow/connectors/csv"
import { createEngine, type Files } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { contender, type Task } from "./contender.ts"
import { columns, timestampFormat } from "./duckdbColumns.ts"

/** Megabytes of 1024 × 1024 bytes. */
const limit = Number(process.env.BENCH_MEMORY ?? 256)

/** Counts the bytes of files that have no name when the run is over. */
const counting = (folder: string, count: (bytes: number) => void): Files => {
  const files = nodeFiles()
  return {
    ...files,
    openWrite: async (path, mode) => {
      const handle = await files.openWrite(path, mode)
      if (!path.startsWith(folder)) return handle
      return {
        ...handle,
        write: (bytes) => {
          count(bytes.length)
          return handle.write(bytes)
        },
      }
    },
  }
}

async function deltaflow({ input, output, threads }: Task, folder: string, count: (bytes: number) => void): Promise<void> {
  await using engine = createEngine({
    plugins: [csvSource, csvDestination],
    projectRoot: dirname(output),
    allowOutside: true,
    tempFolder: folder,
    files: counting(folder, count),
  })
  await engine.run(
    {
      name: "sort",
      defaults: { buffer_memory: `${limit}mb` },
      sources: [{ type: "csv", path: input }],
      transforms: [{ type: "sort", by: [{ column: "created_at" }, { column: "id" }] }],
      destinations: [{ type: "csv", path: output, write_mode: "replace" }],
    },
    { workers: threads },
  )
}

async function duckdb({ input, output, threads }: Task, folder: string, count: (bytes: number) => void): Promise<void> {
  const { DuckDBInstance } = await import("@duckdb/node-api")
  const options = { threads: String(threads), memory_limit: `${limit}MiB`, temp_directory: folder }
  const database = await DuckDBInstance.create(":memory:", options)
  const connection = await database.connect()
  let most = 0
  const timer = setInterval(() => {
    const size = sizeOf(folder)
    if (size > most) count(size - most)
    most = Math.max(most, size)
  }, 50)
  try {
    await connection.run(`
      COPY (SELECT * FROM read_csv('${input}', header = true, columns = ${columns}) ORDER BY created_at, id)
      TO '${output}' (FORMAT csv, HEADER, ${timestampFormat})`)
  } finally {
    clearInterval(timer)
    connection.closeSync()
    database.closeSync()
  }
}

/** Bytes of the files in a folder. */
const sizeOf = (folder: string): number =>
  readdirSync(folder).reduce((size, name) => size + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0)

const measured = (run: typeof deltaflow) => async (task: Task) => {
  const folder = mkdtempSync(join(dirname(task.output), "spill-"))
  let spilled = 0
  try {
    await run(task, folder, (bytes) => (spilled += bytes))
    return { spilledMegabytes: spilled / 1e6 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await contender({ deltaflow: measured(deltaflow), duckdb: measured(duckdb) })
