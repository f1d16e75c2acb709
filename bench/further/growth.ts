/** Whether time grows with the rows and memory does not. */
import { dataSet } from "../data.ts"
import { type Entry, run, say } from "../harness/contest.ts"
import type { Usage } from "../harness/measure.ts"
import type { Options } from "../harness/options.ts"
import type { Budget } from "../harness/report.ts"
import { spread } from "../harness/statistics.ts"

const rounds = 3
const heldTime = 1.1
/** The heap's own swing between two runs of the same size. */
const heldMemory = 1.2

interface Point {
  readonly rows: number
  readonly microsecondsPerRow: number
  readonly peakMegabytes: number
}

export async function measureGrowth(options: Options, entries: ReadonlyArray<Entry>): Promise<ReadonlyArray<Budget> | string> {
  const own = entries.filter(({ contender, problem }) => contender.id === "deltaflow" && problem === undefined)
  if (own.length === 0) return "no job ran with Deltaflow; choose one that it runs, such as j1, as well"
  const sizes = [options.rows / 10, options.rows, ...(options.growthLarge ? [options.rows * 10] : [])].map(Math.ceil)
  const budgets: Array<Budget> = []
  for (const entry of own) budgets.push(...judged(entry, await pointsOf(entry, sizes, options.folder)))
  return budgets
}

async function pointsOf(entry: Entry, sizes: ReadonlyArray<number>, folder: string): Promise<Array<Point>> {
  const runs = sizes.map((rows) => ({ ...entry, rows, runs: new Array<Usage>() }))
  // In turn, so that a drift of the machine's speed meets all sizes alike.
  for (let round = 0; round < rounds; round++) for (const one of runs) await run(one, dataSet(folder, one.rows), folder)
  return runs.map(({ rows, runs: usages }) => {
    const seconds = spread(usages.map(({ wallSeconds }) => wallSeconds)).median
    const peakMegabytes = Math.max(...usages.map((usage) => usage.peakMegabytes))
    say(`growth: ${entry.job.id}, ${rows} rows: ${seconds.toFixed(2)} s, ${peakMegabytes.toFixed(0)} MB`)
    return { rows, microsecondsPerRow: (seconds * 1e6) / rows, peakMegabytes }
  })
}

function judged({ job }: Entry, points: ReadonlyArray<Point>): Array<Budget> {
  const [first, ...others] = points as [Point, ...Array<Point>]
  return others.flatMap((point) => {
    const steps = `${job.id}, ${first.rows} → ${point.rows} rows`
    return [
      ratio(`time per row, ${steps}`, first.microsecondsPerRow, point.microsecondsPerRow, 2, "µs", heldTime),
      ratio(`peak memory, ${steps}`, first.peakMegabytes, point.peakMegabytes, 0, "MB", heldMemory),
    ]
  })
}

function ratio(what: string, from: number, to: number, places: number, unit: string, held: number): Budget {
  const factor = to / from
  return {
    what,
    measured: `${from.toFixed(places)} → ${to.toFixed(places)} ${unit} (${factor.toFixed(2)} ×)`,
    held: `≤ ${held} ×`,
    met: factor <= held ? "held" : `MISSED by ${(factor / held).toFixed(2)} ×`,
  }
}
