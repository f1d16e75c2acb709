/** Peak resident memory of the product in every job. */
import { dataSet } from "../data.ts"
import { type Entry, run, say } from "../harness/contest.ts"
import type { Options } from "../harness/options.ts"
import type { Budget } from "../harness/report.ts"

const held = 150

export async function measureMemory({ folder, rows }: Options, entries: ReadonlyArray<Entry>): Promise<ReadonlyArray<Budget> | string> {
  const own = entries.filter(({ contender, problem }) => contender.id.startsWith("deltaflow") && problem === undefined)
  if (own.length === 0) return "no job ran with Deltaflow; choose j1, j1-opaque or j4 as well"
  const budgets: Array<Budget> = []
  for (const entry of own) {
    if (entry.runs.length === 0) await run(entry, dataSet(folder, rows), folder)
    const peak = Math.max(...entry.runs.map(({ peakMegabytes }) => peakMegabytes))
    say(`memory: ${entry.job.id}, ${entry.contender.name}: ${peak.toFixed(0)} MB`)
    budgets.push({
      what: `peak memory, ${entry.job.id}, ${entry.contender.name}`,
      measured: `${peak.toFixed(0)} MB`,
      held: `≤ ${held} MB`,
      met: peak <= held ? "held" : `MISSED by ${(peak / held).toFixed(2)} ×`,
    })
  }
  return budgets
}
