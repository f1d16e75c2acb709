/** Runs contenders against each other, each only after its output was found right. */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { DataSet } from "../data.ts"
import { check } from "./check.ts"
import { type Contender, contenderOf } from "./contenders.ts"
import type { Contest, Job } from "./jobs.ts"
import { measure, type Usage } from "./measure.ts"

export interface Outcome {
  readonly job: Job
  readonly contest: Contest
  readonly a: ReadonlyArray<Usage>
  readonly b: ReadonlyArray<Usage>
}

/** Of a contender in a job: all of its timed runs, or why there are none. */
export interface Entry {
  readonly job: Job
  readonly contender: Contender
  readonly version: string
  readonly runs: Array<Usage>
  readonly orderKept: boolean
  readonly problem?: { readonly kind: "not run" | "failed"; readonly reason: string }
}

export const say = (text: string): void => void process.stderr.write(`${text}\n`)

export async function runJob(job: Job, set: DataSet, contests: ReadonlyArray<Contest>, pairs: number, folder: string) {
  const entries = new Map<string, Entry>()
  for (const id of new Set(contests.flatMap(({ a, b }) => [a, b]))) entries.set(id, await enter(job, set, contenderOf(id), folder))
  const outcomes: Array<Outcome> = []
  for (const contest of contests) {
    const a = entries.get(contest.a)!
    const b = entries.get(contest.b)!
    if (a.problem === undefined && b.problem === undefined)
      outcomes.push(await runContest(contest, a, b, set, pairsOf(contest, pairs), folder))
  }
  return { entries: [...entries.values()], outcomes }
}

/** A contest without a figure to reach is for orientation, and gets fewer pairs. */
const pairsOf = ({ held, stretch }: Contest, pairs: number): number => ((held ?? stretch) === undefined ? Math.min(pairs, 3) : pairs)

export async function enter(job: Job, set: DataSet, contender: Contender, folder: string): Promise<Entry> {
  const presence = contender.version()
  const entry = { job, contender, runs: [], version: "installed" in presence ? presence.installed : "", orderKept: true }
  if ("missing" in presence) return { ...entry, problem: { kind: "not run", reason: presence.missing } }
  const output = outputPath(folder, job, contender)
  try {
    await measure(contender.command({ job: job.id, input: set[job.input], output }))
    const order = check(output, set, job.answer, contender.exact)
    say(`${job.id}: ${contender.name}: ${set.answers[job.answer].rows} rows, ${order}`)
    return { ...entry, orderKept: order === "in order" }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    say(`${job.id}: ${contender.name}: FAILED: ${reason}`)
    return { ...entry, problem: { kind: "failed", reason } }
  } finally {
    rmSync(output, { force: true })
  }
}

async function runContest(contest: Contest, a: Entry, b: Entry, set: DataSet, pairs: number, folder: string): Promise<Outcome> {
  const outcome = { job: a.job, contest, a: new Array<Usage>(), b: new Array<Usage>() }
  for (let pair = 0; pair < pairs; pair++) {
    outcome.a.push(await run(a, set, folder))
    outcome.b.push(await run(b, set, folder))
    const seconds = [outcome.a, outcome.b].map((runs) => runs.at(-1)!.wallSeconds.toFixed(2))
    say(`${a.job.id}: ${contest.a} ${seconds[0]} s, ${contest.b} ${seconds[1]} s`)
  }
  return outcome
}

/** One timed run of an entry whose output was checked. */
export async function run({ job, contender, runs }: Entry, set: DataSet, folder: string): Promise<Usage> {
  const output = outputPath(folder, job, contender)
  try {
    const usage = await measure(contender.command({ job: job.id, input: set[job.input], output }))
    runs.push(usage)
    return usage
  } finally {
    // A deleted file costs the next run no write-back.
    rmSync(output, { force: true })
  }
}

export function outputPath(folder: string, job: Job, contender: Contender): string {
  mkdirSync(folder, { recursive: true })
  return join(folder, `out-${job.id}-${contender.id}.${job.input === "csv" ? "ndjson" : "csv"}`)
}
