/** The command `pnpm bench`. Ends with code 1 when a contender failed or a figure that must hold was missed, and 2 on wrong usage. */
import { writeFileSync } from "node:fs"
import { dataSet, type DataSet } from "../data.ts"
import { measureGrowth } from "../further/growth.ts"
import { measureMemory } from "../further/memory.ts"
import { measurePlugin } from "../further/plugin.ts"
import { measureStart } from "../further/start.ts"
import { type Entry, type Outcome, runJob, say } from "./contest.ts"
import { type Contest, jobs } from "./jobs.ts"
import { type Options, optionsOf, usage } from "./options.ts"
import { type Budget, page } from "./report.ts"

export async function main(args: ReadonlyArray<string>): Promise<number> {
  const options = read(args)
  if (typeof options === "number") return options
  say(`Making ${options.rows} rows, unless they are there.`)
  const set = dataSet(options.folder, options.rows)
  const { entries, outcomes } = await runJobs(options, set)
  const further = await runFurther(options, entries)
  const text = page({ set, entries, outcomes, ...further })
  process.stdout.write(text)
  if (options.write) writeFileSync(new URL("../RESULTS.md", import.meta.url), text)
  return text.includes("MISSED") || text.includes("\n## Failed\n") ? 1 : 0
}

function read(args: ReadonlyArray<string>): Options | number {
  try {
    const options = optionsOf(args)
    if (options !== undefined) return options
    process.stdout.write(`${usage}\n`)
    return 0
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
}

async function runJobs(options: Options, set: DataSet): Promise<{ entries: Array<Entry>; outcomes: Array<Outcome> }> {
  const all = { entries: new Array<Entry>(), outcomes: new Array<Outcome>() }
  const isKept = ({ a, b }: Contest): boolean => options.only.length === 0 || [a, b].every((id) => options.only.includes(id))
  for (const job of jobs) {
    if (!options.jobs.includes(job.id)) continue
    const { entries, outcomes } = await runJob(job, set, job.contests.filter(isKept), options.pairs, options.folder)
    all.entries.push(...entries)
    all.outcomes.push(...outcomes)
  }
  return all
}

interface Further {
  readonly budgets: Array<Budget>
  readonly notRun: Array<string>
  readonly failed: Array<string>
}

async function runFurther(options: Options, entries: ReadonlyArray<Entry>): Promise<Further> {
  const found: Further = { budgets: [], notRun: [], failed: [] }
  const measures = { start: measureStart, plugin: measurePlugin, memory: measureMemory, growth: measureGrowth }
  for (const [id, measureBudgets] of Object.entries(measures)) {
    if (!options.jobs.includes(id)) continue
    try {
      const result = await measureBudgets(options, entries)
      if (typeof result === "string") found.notRun.push(`${id}: ${result}`)
      else found.budgets.push(...result)
    } catch (error) {
      // What was measured before must not be lost with it.
      found.failed.push(`${id}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return found
}
