/** Turns what was measured into one Markdown page, which is also what the terminal shows. */
import { availableParallelism } from "node:os"
import type { DataSet } from "../data.ts"
import type { ExpressionFigures } from "../further/expressions.ts"
import type { DatabaseContest } from "../further/postgres.ts"
import { type SortFigures, sortLimit } from "../further/sort.ts"
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
  readonly expressions: ReadonlyArray<ExpressionFigures>
  readonly sorts: ReadonlyArray<SortFigures>
  readonly databases: ReadonlyArray<DatabaseContest>
  readonly increments: ReadonlyArray<Budget>
  readonly budgets: ReadonlyArray<Budget>
  readonly notRun: ReadonlyArray<string>
  readonly failed: ReadonlyArray<string>
}

export function page({ set, entries, outcomes, expressions, sorts, databases, increments, budgets, notRun, failed }: Findings): string {
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
    databaseSection(databases),
    incrementSection(increments),
    section("Budgets", budgetHead, budgets.map(budgetRow)),
    section(
      "Expressions over columns, against the same loop by hand",
      ["type and what", "expression", "ns a row", "by hand", "ratio", "held", "verdict"],
      expressions.map(({ name, expression, perRow, byHand, ratio, held, met }) => [
        name,
        `\`${expression.replaceAll("|", "\\|")}\``,
        perRow,
        byHand,
        ratio,
        held,
        met,
      ]),
    ),
    sortSection(sorts),
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

const databaseTitle = "With PostgreSQL, fsync on"

const databaseSection = (contests: ReadonlyArray<DatabaseContest>): string =>
  section(
    databaseTitle,
    ["job", "A", "against B", "wall A/B", "seconds A / B", "pairs", "held", "stretch", "verdict", "A's memory (≤ 150 MB)"],
    contests.map(({ job, a, b, wall, seconds, pairs, held, stretch, met, memory }) => [
      job,
      a,
      b,
      range(wall),
      seconds,
      String(pairs),
      limit(held),
      limit(stretch),
      met,
      memory,
    ]),
  )

const budgetHead = ["what", "measured", "held", "stretch", "verdict"]

const incrementTitle = "Increments of a table that grows"

const incrementSection = (increments: ReadonlyArray<Budget>): string => section(incrementTitle, budgetHead, increments.map(budgetRow))

const sortTitle = `A sort within ${sortLimit} MB`

/** CSV to CSV, by time and number. */
const sortSection = (sorts: ReadonlyArray<SortFigures>): string =>
  section(
    sortTitle,
    [
      "rows",
      "contender",
      "limit MB",
      "wall s",
      "CPU s",
      "peak MB",
      "spilled MB",
      "Deltaflow's wall",
      "and CPU, against it",
      "runs",
      "result",
    ],
    sorts.map(({ rows, name, limit: megabytesHeld, usages, wall, cpu, result }) => [
      grouped(rows),
      name,
      String(megabytesHeld),
      usages.length === 0 ? "" : range(spread(usages.map((one) => one.wallSeconds))),
      usages.length === 0 ? "" : range(spread(usages.map((one) => one.cpuSeconds))),
      usages.length === 0 ? "" : spread(usages.map((one) => one.peakMegabytes)).most.toFixed(0),
      usages.length === 0 ? "" : spread(usages.map((one) => one.spilledMegabytes ?? 0)).median.toFixed(0),
      wall === undefined ? "" : `${range(wall)} ×`,
      cpu === undefined ? "" : `${range(cpu)} ×`,
      String(usages.length),
      result,
    ]),
  )

/** The page with another section about sorts, which takes longer than all else. */
export const withSorts = (before: string, sorts: ReadonlyArray<SortFigures>): string => withSection(before, sortTitle, sortSection(sorts))

/** The page with other sections about PostgreSQL. */
export const withDatabases = (before: string, contests: ReadonlyArray<DatabaseContest>, increments: ReadonlyArray<Budget>): string => {
  const after = contests.length === 0 ? before : withSection(before, databaseTitle, databaseSection(contests))
  return increments.length === 0 ? after : withSection(after, incrementTitle, incrementSection(increments))
}

const withSection = (before: string, title: string, section_: string): string => {
  const text = `${section_}\n`
  const from = before.indexOf(`## ${title}`)
  if (from < 0) return `${before}\n${text}`
  const to = before.indexOf("\n## ", from)
  return before.slice(0, from) + text + (to < 0 ? "" : before.slice(to))
}

const isRun = ({ runs }: Entry): boolean => runs.length > 0

function contestRow({ job, contest, a, b }: Outcome): Array<string> {
  const [wall, cpu, memory] = (["wallSeconds", "cpuSeconds", "peakMegabytes"] as const).map((figure) =>
    ratios(
      a.map((one) => one[figure]),
      b.map((one) => one[figure]),
    ),
  ) as [Spread, Spread, Spread]
  const { held, heldMemory, stretch } = contest
  return [
    job.id,
    contenderOf(contest.a).name,
    contenderOf(contest.b).name,
    range(wall),
    range(cpu),
    range(memory),
    String(a.length),
    heldMemory === undefined ? limit(held) : `${limit(held)}, memory ${limit(heldMemory)}`,
    limit(stretch),
    verdict(wall.median, held, stretch) + (heldMemory === undefined ? "" : `; memory ${verdict(memory.median, heldMemory, undefined)}`),
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
