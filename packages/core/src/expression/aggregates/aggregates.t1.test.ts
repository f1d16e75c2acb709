// oxlint-disable vitest/expect-expect -- the first says why nothing is compared
/** Random metrics over random groups of rows, computed by PostgreSQL 18 and by us: at once, and in pieces that are merged. */
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { atOnce, checkedMetric, inPieces, metricOutcome } from "../../../test/expression/metrics.ts"
import { askMetrics, differs, giveRows, type ServerAnswer } from "../../../test/expression/postgres.ts"
import { type Program, programColumns, programOf, programRow, type ProgramType } from "../../../test/expression/programs.ts"
import { missingServer, type Server, startServer } from "../../../test/expression/server.ts"
import { ValuesColumn } from "../../model/Batch.ts"
import { loadExpressionParser, type Scope } from "../Expression.ts"
import { aggregateLibrary } from "./aggregateLibrary.ts"

const GROUPS = Number(process.env["DELTAFLOW_GROUPS"] ?? 4000)
const SEED = Number(process.env["DELTAFLOW_SEED"] ?? 20_250_304)
const ROWS = 60

const missing = await missingServer()
const isRequired = process.env["DELTAFLOW_SERVICES"] === "required"

type Arbitrary = fc.Arbitrary<Program>
type Part = ProgramType | ReadonlyArray<string>

/** A call over parts; what PostgreSQL is asked may be written differently. */
type Form = readonly [template: string, parts: ReadonlyArray<Part>, postgres?: string]

/** Doubles whose sum does not depend on how it is rounded by more than the last digits. */
const DOUBLES = ["case when abs(f) < 100 then f end", "(n % 1000)::double precision / 8"]

const FORMS: ReadonlyArray<Form> = [
  ["count(*)", []],
  ...(["integer", "string", "boolean", "timestamp", "decimal[]"] as const).flatMap((type): ReadonlyArray<Form> => [["count($1)", [type]]]),
  ...(["integer", "decimal", "double", "interval", "string", "timestamptz", "integer[]"] as const).flatMap((type): ReadonlyArray<Form> => [
    ["count(distinct $1)", [type]],
  ]),
  ...["sum", "avg", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"].flatMap((name): ReadonlyArray<Form> => [
    [`${name}($1)`, ["integer"]],
    [`${name}($1)`, ["decimal"]],
    [`${name}($1)`, [DOUBLES]],
    [`${name}(distinct $1)`, ["integer"]],
  ]),
  ["sum($1)", ["interval"]],
  ["avg($1)", ["interval"]],
  ...(
    ["integer", "decimal", "double", "string", "bytes", "date", "time", "timestamp", "timestamptz", "interval", "integer[]"] as const
  ).flatMap((type): ReadonlyArray<Form> => [
    ["min($1)", [type]],
    ["max($1)", [type]],
  ]),
  ["bool_and($1)", ["boolean"]],
  ["bool_or($1)", ["boolean"]],
  ["every($1)", ["boolean"]],
  ...(["integer", "decimal", "string", "boolean", "date", "interval", "json"] as const).map((type): Form => ["array_agg($1)", [type]]),
  ["array_agg($1 order by $1 desc)", ["integer"]],
  ["array_agg($1 order by $1 nulls first)", ["string"]],
  ["array_agg(distinct $1)", ["timestamp"]],
  ["array_agg(distinct $1 order by $1 desc nulls last)", ["string"]],
  ["any_value($1)", ["decimal"]],
  ["any_value($1)", ["string[]"]],
  ["string_agg($1, $2)", ["string", "string"]],
  ["string_agg($1, $2)", ["bytes", "bytes"]],
  ["string_agg(distinct $1, ',')", ["string"]],
  ["string_agg($1, '-' order by $1)", ["string"]],
  ["percentile_cont($2) within group (order by $1)", ["integer", ["0", "0.25", "0.5", "0.9", "1"]]],
  ["percentile_cont($2) within group (order by $1 desc)", [DOUBLES, ["0.1", "0.5", "0.75"]]],
  [
    "percentile_cont($2) within group (order by $1)",
    [
      ["span", "span - interval '2 hours'"],
      ["0.1", "0.5", "0.75"],
    ],
  ],
  ["percentile_cont(array[0, 0.3, 1]) within group (order by $1)", ["integer"]],
  ["percentile_cont(array[0.5, 0.3]) within group (order by $1)", [["span"]]],
  ["percentile_disc($2) within group (order by $1)", ["string", ["0", "0.25", "0.5", "0.9", "1"]]],
  ["percentile_disc(array[0.5, 0.1]) within group (order by $1 desc)", ["date"]],
  ["mode() within group (order by $1)", ["integer"]],
]

const fill = (template: string, parts: ReadonlyArray<string>): string =>
  template.replace(/\$(\d)/g, (_, digit: string) => parts[Number(digit) - 1]!)

const callOf = ([template, parts, postgres]: Form): Arbitrary =>
  fc
    .tuple(
      ...parts.map((part) =>
        typeof part === "string" ? programOf(part, 1) : fc.constantFrom(...part).map((text) => ({ ours: text, postgres: text })),
      ),
    )
    .map((programs) => ({
      ours: fill(
        template,
        programs.map(({ ours }) => ours),
      ),
      postgres: fill(
        postgres ?? template,
        programs.map((program) => program.postgres),
      ),
    }))

const filtered = (call: Arbitrary): Arbitrary =>
  fc.tuple(call, fc.option(programOf("boolean", 1), { freq: 3 })).map(([{ ours, postgres }, filter]) => {
    if (filter === null) return { ours, postgres }
    return { ours: `${ours} filter (where ${filter.ours})`, postgres: `${postgres} filter (where ${filter.postgres})` }
  })

const calls = fc.oneof(...FORMS.map((form) => filtered(callOf(form))))

const both = (template: string, ...parts: ReadonlyArray<Arbitrary>): Arbitrary => callOfParts(template, parts)

const callOfParts = (template: string, parts: ReadonlyArray<Arbitrary>): Arbitrary =>
  fc.tuple(...parts).map((programs) => ({
    ours: fill(
      template,
      programs.map(({ ours }) => ours),
    ),
    postgres: fill(
      template,
      programs.map(({ postgres }) => postgres),
    ),
  }))

const sumOf = (type: ProgramType): Arbitrary => filtered(callOf(["sum($1)", [type]]))
const countAll: Arbitrary = filtered(callOf(["count(*)", []]))

const metrics: Arbitrary = fc.oneof(
  { weight: 8, arbitrary: calls },
  { weight: 1, arbitrary: both("round($1 / nullif($2, 0), 2)", sumOf("decimal"), countAll) },
  { weight: 1, arbitrary: both("case when $1 > $2 then 'more' else 'fewer' end::text", countAll, countAll) },
  { weight: 1, arbitrary: both("coalesce($1, 0.0)", sumOf("integer")) },
)

const rows = fc.sample(programRow, { numRuns: ROWS, seed: SEED })
const group = fc.uniqueArray(fc.nat({ max: ROWS - 1 }), { maxLength: 12 }).map((picked) => picked.toSorted((a, b) => a - b))
const scope: Scope = { columns: programColumns, runtime: {}, now: 0 }

/** Results that are doubles may differ in their last digits: PostgreSQL rounds after each row. */
const isNear = (ours: string, theirs: ServerAnswer): boolean => {
  if (!("value" in theirs) || theirs.value === null || !ours.startsWith("double ") || theirs.type !== "double precision") return false
  const [a, b] = [Number(ours.slice(7)), Number(theirs.value)]
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a))
}

describe("random metrics", () => {
  let server: Server | undefined
  beforeAll(loadExpressionParser)
  beforeAll(async () => {
    if (missing !== undefined) return
    server = await startServer()
    await giveRows(server.client, programColumns, rows)
  })
  afterAll(() => server?.stop())

  it.runIf(missing !== undefined)(`are compared with PostgreSQL (not run: ${missing ?? ""})`, (context) => {
    if (isRequired) throw new Error(`DELTAFLOW_SERVICES=required, and ${missing ?? ""}`)
    context.skip()
  })

  it.skipIf(missing !== undefined)(`give what PostgreSQL gives over ${GROUPS} groups`, async () => {
    const samples = fc.sample(fc.tuple(metrics, group), { numRuns: GROUPS, seed: SEED })
    const answers = await askMetrics(
      server!.client,
      samples.map(([{ postgres }, picked]) => ({ expression: postgres, rows: picked })),
    )
    const used = new Set<string>()
    const wrong = samples.flatMap(([{ ours, postgres }, picked], i) => {
      const metric = checkedMetric(ours, scope)
      for (const { aggregate } of metric.calls) used.add(aggregate)
      const columns = programColumns.map(
        ({ type }, column) =>
          new ValuesColumn(
            type,
            picked.map((row) => rows[row]![column]!),
          ),
      )
      const got = metricOutcome(metric, columns, picked.length, atOnce)
      const merged = metricOutcome(metric, columns, picked.length, inPieces(1 + (i % 4)))
      const expected = answers[i]!
      if (got === merged && (!differs(got, expected) || isNear(got, expected))) return []
      return [{ ours, postgres, picked, got, merged, expected }]
    })
    expect(wrong.slice(0, 10), `${wrong.length} of ${GROUPS} differ, seed ${SEED}`).toEqual([])
    expect([...aggregateLibrary.keys()].filter((name) => !used.has(name))).toEqual([])
  })
})
