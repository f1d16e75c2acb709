/**
 * A sort of all rows within a limit of memory, against DuckDB under the same limit. Where that is not enough for DuckDB, the least limit is
 * looked for with which it works.
 */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { dataSet, type DataSet } from "../data.ts"
import { checkSorted } from "../harness/check.ts"
import { say } from "../harness/contest.ts"
import { measure, type Usage } from "../harness/measure.ts"
import type { Options } from "../harness/options.ts"
import { ratios, type Spread, spread } from "../harness/statistics.ts"

/** Megabytes that a contender may hold. */
export const sortLimit = 256

/** What a process may take beside: Node itself, and what the heap swings. */
const besideLimit = 150

const largerLimits = [384, 512, 768, 1024, 1536, 2048, 3072, 4096]

const script = fileURLToPath(new URL("../contenders/sort.ts", import.meta.url))

interface Sorting {
  readonly name: string
  readonly engine: "deltaflow" | "duckdb"
  readonly threads: number
}

const sortings: ReadonlyArray<Sorting> = [
  { name: "Deltaflow", engine: "deltaflow", threads: 1 },
  { name: "Deltaflow, 2 workers", engine: "deltaflow", threads: 2 },
  { name: "DuckDB, 2 threads", engine: "duckdb", threads: 2 },
  { name: "DuckDB, 1 thread", engine: "duckdb", threads: 1 },
]

/** One line of the table. */
export interface SortFigures {
  readonly rows: number
  readonly name: string
  readonly limit: number
  readonly usages: ReadonlyArray<Usage>
  /** Wall time of Deltaflow on one thread as a part of this one's, in pairs. */
  readonly wall: Spread | undefined
  readonly cpu: Spread | undefined
  readonly result: string
}

export async function measureSort({ folder, rows, pairs, sortLarge }: Options): Promise<ReadonlyArray<SortFigures>> {
  const small = await figuresOf(dataSet(folder, rows), folder, pairs)
  return sortLarge ? [...small, ...(await figuresOf(dataSet(folder, 10 * rows), folder, 1))] : small
}

interface Contender {
  readonly sorting: Sorting
  /** Undefined where none is enough. */
  readonly limit: number | undefined
  /** Why it takes more than the others. */
  readonly reason: string | undefined
  readonly usages: Array<Usage>
}

async function figuresOf(set: DataSet, folder: string, rounds: number): Promise<ReadonlyArray<SortFigures>> {
  mkdirSync(folder, { recursive: true })
  const contenders: Array<Contender> = []
  for (const sorting of sortings) contenders.push({ sorting, ...(await limitOf(sorting, set, folder)), usages: [] })
  // In turn, so that a drift of the machine's speed meets all alike.
  for (let round = 0; round < rounds; round++)
    for (const { sorting, limit, usages } of contenders)
      if (limit !== undefined) usages.push(await sortOnce(sorting, set, folder, limit, false))
  const [own] = contenders as [Contender]
  return contenders.map(({ sorting, limit, reason, usages }) => ({
    rows: set.rows,
    name: sorting.name,
    limit: limit ?? largerLimits.at(-1)!,
    usages,
    wall: usages.length === 0 ? undefined : ratioOf(own.usages, usages, "wallSeconds"),
    cpu: usages.length === 0 ? undefined : ratioOf(own.usages, usages, "cpuSeconds"),
    result: resultOf(sorting, reason, usages),
  }))
}

const ratioOf = (a: ReadonlyArray<Usage>, b: ReadonlyArray<Usage>, figure: "wallSeconds" | "cpuSeconds"): Spread =>
  ratios(
    a.map((one) => one[figure]),
    b.map((one) => one[figure]),
  )

const resultOf = ({ engine }: Sorting, reason: string | undefined, usages: ReadonlyArray<Usage>): string => {
  if (reason !== undefined) return `with ${sortLimit} MB: ${reason}`
  if (engine === "duckdb") return ""
  const most = spread(usages.map((usage) => usage.peakMegabytes)).most
  const held = sortLimit + besideLimit
  return most <= held ? `held (≤ ${held} MB)` : `MISSED by ${(most / held).toFixed(2)} × (≤ ${held} MB)`
}

/** The least limit with which a contender sorts, its output checked. Deltaflow has to do with the first. */
async function limitOf(sorting: Sorting, set: DataSet, folder: string): Promise<Pick<Contender, "limit" | "reason">> {
  let reason: string | undefined
  for (const limit of sorting.engine === "deltaflow" ? [sortLimit] : [sortLimit, ...largerLimits]) {
    try {
      const { peakMegabytes } = await sortOnce(sorting, set, folder, limit, true)
      say(`sort: ${sorting.name}: ${set.rows} rows in order, limit ${limit} MB, peak ${peakMegabytes.toFixed(0)} MB`)
      return { limit, reason }
    } catch (error) {
      if (sorting.engine === "deltaflow") throw error
      reason ??= error instanceof Error ? error.message.replace(/^.*Out of Memory Error: /, "out of memory: ") : String(error)
      say(`sort: ${sorting.name}: limit ${limit} MB: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { limit: undefined, reason }
}

async function sortOnce({ engine, threads }: Sorting, set: DataSet, folder: string, limit: number, isChecked: boolean): Promise<Usage> {
  const output = join(folder, `out-sort-${engine}.csv`)
  try {
    const usage = await measure({
      file: process.execPath,
      args: [script, engine, set.csv, output, String(threads)],
      env: { NODE_COMPILE_CACHE: join(folder, "compile-cache"), BENCH_MEMORY: String(limit) },
      reports: true,
    })
    if (isChecked) checkSorted(output, set.rows)
    else say(`sort: ${engine} on ${threads}: ${usage.wallSeconds.toFixed(2)} s, CPU ${usage.cpuSeconds.toFixed(2)} s`)
    return usage
  } finally {
    rmSync(output, { force: true })
  }
}
