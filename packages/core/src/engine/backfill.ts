/** A run over a range of the cursor column, beside the live cursor. See docs/decisions/0014-ranges-again.md. */
import { EngineError } from "../contract/Errors.ts"
import type { PlanIssue } from "../pipeline/Plan.ts"
import type { RunRange } from "./Options.ts"
import { rememberingStep } from "./Remembering.ts"
import type { ResolvedPipeline } from "./Resolved.ts"

/** The pipeline over the rows of the range alone. Throws `EngineError` where that could do harm. */
export const overRange = (pipeline: ResolvedPipeline, range: RunRange): ResolvedPipeline => {
  const problem = problemOf(pipeline, range)
  if (problem !== undefined)
    throw new EngineError({ code: "RANGE_REFUSED", message: `${pipeline.name}: ${problem}`, path: [pipeline.name] })
  const column = quoted(pipeline.sources[0]!.incremental!.column!, '"')
  const condition = `${column} >= ${quoted(range.from, "'")} AND ${column} < ${quoted(range.to, "'")}`
  return {
    ...pipeline,
    name: backfillName(pipeline.name),
    range,
    sources: pipeline.sources.map((source) => {
      const { lookback: _, ...incremental } = source.incremental!
      return { ...source, incremental: { ...incremental, initialValue: range.from } }
    }),
    steps: [{ type: "filter", name: "backfill", condition }, ...pipeline.steps],
  }
}

/** No pipeline can have it. */
export const backfillName = (pipeline: string): string => `${pipeline}/backfill`

const quoted = (text: string, quote: string): string => `${quote}${text.replaceAll(quote, quote + quote)}${quote}`

const problemOf = (pipeline: ResolvedPipeline, { from, to }: RunRange): string | undefined => {
  const { sources, destinations, steps } = pipeline
  if (from === to) return `from ${from} to ${to} there is no row: a range ends before its end. Give a later end.`
  const without = sources.find(({ incremental }) => incremental?.column === undefined)
  if (without !== undefined)
    return `the source ${without.name} has no cursor column, so there is no range to read. Name it: incremental: { column: … }.`
  const [first, ...others] = sources.map(({ incremental }) => incremental!.column!)
  const other = others.find((column) => column !== first)
  if (other !== undefined)
    return `the sources go by different columns, ${first} and ${other}, so a range means no one thing. Give them one name, in queries of the sources.`
  const remembering = rememberingStep(pipeline)
  if (remembering !== undefined)
    return `the step ${steps[remembering]!.type} has counted these rows already. Run with --full-refresh instead.`
  const destination = destinations.find(({ writeMode }) => writeMode !== "upsert" && writeMode !== "merge")
  const absence = destinations.find(({ changes }) => changes?.absence === true)
  if (absence !== undefined)
    return `the destination ${absence.name} has hard_deletes: absence, which would delete all rows outside of the range.`
  if (destination === undefined) return undefined
  return `the destination ${destination.name} has write_mode ${destination.writeMode}, which ${HARM[destination.writeMode]}. A range again needs upsert or merge.`
}

const HARM: Readonly<Record<string, string>> = {
  append: "would add the rows once more",
  replace: "would take all other rows away",
  scd2: "would put old versions after new ones",
}

/** Places within the definition, which does not have the filter of the range. */
export const placedInDefinition = (issues: ReadonlyArray<PlanIssue>): ReadonlyArray<PlanIssue> =>
  issues.map((issue) => {
    const { step, position: _, ...rest } = issue
    if (step === undefined) return issue
    return step === 0
      ? { ...rest, path: "range" }
      : { ...issue, step: step - 1, path: issue.path.replace(/^transforms\[\d+\]/, `transforms[${step - 1}]`) }
  })
