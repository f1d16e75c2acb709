/**
 * Peak resident memory of the product in every job: as Node is, whose nursery grows to 64 MB, and with a nursery of the size that a host
 * which minds its memory would choose.
 */
import { rmSync } from "node:fs"
import { dataSet, type DataSet } from "../data.ts"
import { type Entry, outputPath, run, say } from "../harness/contest.ts"
import { measure } from "../harness/measure.ts"
import type { Options } from "../harness/options.ts"
import type { Budget } from "../harness/report.ts"

const held = 150
const smallNursery = "--max-semi-space-size=4"

export async function measureMemory({ folder, rows }: Options, entries: ReadonlyArray<Entry>): Promise<ReadonlyArray<Budget> | string> {
  const own = entries.filter(({ contender, problem }) => contender.id.startsWith("deltaflow") && problem === undefined)
  if (own.length === 0) return "no job ran with Deltaflow; choose one that it runs, such as j1, as well"
  const budgets: Array<Budget> = []
  for (const entry of own) {
    if (entry.runs.length === 0) await run(entry, dataSet(folder, rows), folder)
    budgets.push(budget(entry, "", Math.max(...entry.runs.map(({ peakMegabytes }) => peakMegabytes))))
    budgets.push(budget(entry, `, \`node ${smallNursery}\``, await peakWithSmallNursery(entry, dataSet(folder, rows), folder)))
  }
  return budgets
}

async function peakWithSmallNursery({ job, contender }: Entry, set: DataSet, folder: string): Promise<number> {
  const output = outputPath(folder, job, contender)
  const command = contender.command({ job: job.id, input: set[job.input], output })
  try {
    return (await measure({ ...command, env: { ...command.env, NODE_OPTIONS: smallNursery } })).peakMegabytes
  } finally {
    rmSync(output, { force: true })
  }
}

function budget({ job, contender }: Entry, how: string, peak: number): Budget {
  const what = `${job.id}, ${contender.name}${how}`
  say(`memory: ${what}: ${peak.toFixed(0)} MB`)
  return {
    what: `peak memory, ${what}`,
    measured: `${peak.toFixed(0)} MB`,
    held: `≤ ${held} MB`,
    met: peak <= held ? "held" : `MISSED by ${(peak / held).toFixed(2)} ×`,
  }
}
