/** Turns what was measured into one Markdown page, which is also what the terminal shows. */
import { availableParallelism } from "node:os"
import type { DataSet } from "../data.ts"
import { contenderOf } from "./contenders.ts"
import type { Entry, Outcome } from "./contest.ts"
import { ratios, spread, type Spread } from "./statistics.ts"

/** A figure with a budget of its own, that no peer sets. */
export interface Budget {
  readonly what: string
  readonly measured: string
  readonly held?: string
  readonly stretch?: string
  readonly met: string
}

export interface Findings {
  readonly set: DataSet
  readonly entries: ReadonlyArray<Entry>
  readonly outcomes: ReadonlyArray<Outcome>
  readonly budgets: ReadonlyArray<Budget>
  readonly notRun: ReadonlyArray<string>
  readonly failed: ReadonlyArray<string>
}

export function page({ set, entries, outcomes, budgets, notRun, failed }: Findings): string {
  const inputs = `${grouped(set.rows)} rows: CSV of ${megabytes(set.csvBytes)}, NDJSON of ${megabytes(set.ndjsonBytes)}`
  const machine = `${availableParallelism()} CPUs, Node ${process.versions.node}`
  return [
    "# Benchmark results",
    `Written by \`pnpm bench\`. ${machine}; ${inputs}. Every contender's output was checked before it was timed.`,
    `Only the paired ratios rank: A and B ran in turn. Each is the median of its pairs, with the range.
Below 1, A is faster or needs less.`,
    section(
      "Contests",
      ["job", "A", "against B", "wall A/B", "CPU A/B", "memory A/B", "pairs", "held", "stretch", "verdict"],
      outcomes.map(contestRow),
    ),
    section("Budgets", ["what", "measured", "held", "stretch", "verdict"], budgets.map(budgetRow)),
    section(
      "Single contenders, for orientation",
      ["job", "contender", "wall s", "CPU s", "peak MB", "runs", "version"],
      entries.filter(isRun).map(entryRow),
    ),
    listing("Not run", [...notRun, ...problems(entries, "not run")]),
    listing("Failed", [...failed, ...problems(entries, "failed")]),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n")
}

const isRun = ({ runs }: Entry): boolean => runs.length > 0

function contestRow({ job, contest, a, b }: Outcome): Array<string> {
  const wall = ratios(
    a.map((one) => one.wallSeconds),
    b.map((one) => one.wallSeconds),
  )
  return [
    job.id,
    contenderOf(contest.a).name,
    contenderOf(contest.b).name,
    range(wall),
    range(
      ratios(
        a.map((one) => one.cpuSeconds),
        b.map((one) => one.cpuSeconds),
      ),
    ),
    range(
      ratios(
        a.map((one) => one.peakMegabytes),
        b.map((one) => one.peakMegabytes),
      ),
    ),
    String(a.length),
    limit(contest.held),
    limit(contest.stretch),
    verdict(wall.median, contest.held, contest.stretch),
  ]
}

const limit = (ratio: number | undefined): string => (ratio === undefined ? "" : `≤ ${ratio}`)

export function verdict(value: number, held: number | undefined, stretch: number | undefined): string {
  if (held !== undefined && value > held) return `MISSED by ${(value / held).toFixed(2)} ×`
  if (stretch !== undefined && value <= stretch) return held === undefined ? "reached" : "held, stretch reached"
  if (stretch !== undefined) return `${held === undefined ? "" : "held, "}stretch missed by ${(value / stretch).toFixed(2)} ×`
  return held === undefined ? "" : "held"
}

const budgetRow = ({ what, measured, held, stretch, met }: Budget): Array<string> => [what, measured, held ?? "", stretch ?? "", met]

function entryRow({ job, contender, runs, version, orderKept }: Entry): Array<string> {
  return [
    job.id,
    `${contender.name}${orderKept ? "" : " (order lost)"}`,
    range(spread(runs.map((one) => one.wallSeconds))),
    spread(runs.map((one) => one.cpuSeconds)).median.toFixed(2),
    spread(runs.map((one) => one.peakMegabytes)).most.toFixed(0),
    String(runs.length),
    version,
  ]
}

const problems = (entries: ReadonlyArray<Entry>, kind: "not run" | "failed"): Array<string> =>
  entries.flatMap(({ job, contender, problem }) => (problem?.kind === kind ? [`${job.id}, ${contender.name}: ${problem.reason}`] : []))

export const range = ({ median, least, most }: Spread, places = 2): string =>
  Number.isNaN(median) ? "" : `${median.toFixed(places)} (${least.toFixed(places)}–${most.toFixed(places)})`

const grouped = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",")
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`

const listing = (title: string, items: ReadonlyArray<string>): string =>
  items.length === 0 ? "" : `## ${title}\n\n${items.map((item) => `- ${item}`).join("\n")}`

function section(title: string, head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string {
  if (rows.length === 0) return ""
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: ReadonlyArray<string>): string => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [`## ${title}`, "", line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n")
}
