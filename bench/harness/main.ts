/** The command `pnpm bench`. Ends with code 1 when a contender failed or a figure that must hold was missed, and 2 on wrong usage. */
import { readFileSync, writeFileSync } from "node:fs"
import { dataSet, type DataSet } from "../data.ts"
import { type ExpressionFigures, measureExpressions } from "../further/expressions.ts"
import { measureGrowth } from "../further/growth.ts"
import { measureMemory } from "../further/memory.ts"
import { measurePlugin } from "../further/plugin.ts"
import { type DatabaseContest, databaseJobs, measurePostgres } from "../further/postgres.ts"
import { measureSort, type SortFigures } from "../further/sort.ts"
import { measureStart } from "../further/start.ts"
import { type Entry, type Outcome, runJob, say } from "./contest.ts"
import { type Contest, jobs } from "./jobs.ts"
import { type Options, optionsOf, usage } from "./options.ts"
import { type Budget, page, withDatabases, withSorts } from "./report.ts"

export async function main(args: ReadonlyArray<string>): Promise<number> {
  const options = read(args)
  if (typeof options === "number") return options
  say(`Making ${options.rows} rows, unless they are there.`)
  const set = dataSet(options.folder, options.rows)
  const { entries, outcomes } = await runJobs(options, set)
  const further = await runFurther(options, entries)
  const text = page({ set, entries, outcomes, ...further })
  process.stdout.write(text)
  if (options.write) write(options, text, further)
  return text.includes("MISSED") || text.includes("\n## Failed\n") ? 1 : 0
}

/** The section about sorts alone, or that about databases, takes its place in the page that is there. */
function write({ jobs: chosen }: Options, text: string, { sorts, databases, increments }: Further): void {
  const file = new URL("../RESULTS.md", import.meta.url)
  const before = readFileSync(file, "utf8")
  if (chosen.join() === "sort") writeFileSync(file, withSorts(before, sorts))
  else if (chosen.every((job) => databaseJobs.includes(job))) writeFileSync(file, withDatabases(before, databases, increments))
  else writeFileSync(file, text)
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
  expressions: ReadonlyArray<ExpressionFigures>
  sorts: ReadonlyArray<SortFigures>
  databases: ReadonlyArray<DatabaseContest>
  increments: ReadonlyArray<Budget>
  readonly budgets: Array<Budget>
  readonly notRun: Array<string>
  readonly failed: Array<string>
}

async function runFurther(options: Options, entries: ReadonlyArray<Entry>): Promise<Further> {
  const found: Further = { expressions: [], sorts: [], databases: [], increments: [], budgets: [], notRun: [], failed: [] }
  try {
    if (options.jobs.includes("expressions")) found.expressions = measureExpressions()
  } catch (error) {
    failed(found, "expressions", error)
  }
  try {
    if (options.jobs.includes("sort")) found.sorts = await measureSort(options)
  } catch (error) {
    failed(found, "sort", error)
  }
  try {
    if (options.jobs.some((job) => databaseJobs.includes(job))) {
      const result = await measurePostgres(options)
      if (typeof result === "string") found.notRun.push(`PostgreSQL: ${result}`)
      else {
        found.databases = result.contests
        found.increments = result.budgets
        found.failed.push(...result.failed)
      }
    }
  } catch (error) {
    failed(found, "PostgreSQL", error)
  }
  const measures = { start: measureStart, plugin: measurePlugin, memory: measureMemory, growth: measureGrowth }
  for (const [id, measureBudgets] of Object.entries(measures)) {
    if (!options.jobs.includes(id)) continue
    try {
      const result = await measureBudgets(options, entries)
      if (typeof result === "string") found.notRun.push(`${id}: ${result}`)
      else found.budgets.push(...result)
    } catch (error) {
      failed(found, id, error)
    }
  }
  return found
}

/** What was measured before must not be lost with what fails. */
const failed = (found: Further, id: string, error: unknown): void =>
  void found.failed.push(`${id}: ${error instanceof Error ? error.message : String(error)}`)
