import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { atOnce, checkedMetric, inPieces, metricOutcome } from "../../../test/expression/metrics.ts"
import { programColumns, programRow } from "../../../test/expression/programs.ts"
import { type Column, ValuesColumn } from "../../model/Batch.ts"
import type { ColumnSchema, ColumnType } from "../../model/ColumnType.ts"
import type { Value } from "../../model/Value.ts"
import { accumulatorOf, checkMetric, compileAggregate, loadExpressionParser, type Scope } from "../Expression.ts"
import { readText } from "../functions/casts.ts"

beforeAll(loadExpressionParser)

const schema: ReadonlyArray<ColumnSchema> = (
  [
    ["i", "integer"],
    ["d", "decimal"],
    ["f", "double"],
    ["s", "string"],
    ["b", "boolean"],
    ["day", "date"],
    ["at", "timestamp"],
    ["span", "interval"],
    ["raw", "bytes"],
    ["doc", "json"],
  ] as const
).map(([name, type]) => ({ name, type, nullable: true }))

const texts: ReadonlyArray<ReadonlyArray<string | null>> = [
  ["3", "1.50", "0.5", "a", "true", "2024-02-29", "2024-02-29 23:59:59.999999", "1 mon", "\\x01", '{"a":1}'],
  ["1", "2.25", "1.5", "b", "false", "2025-01-31", "2025-01-31 00:00:00", "1 day", "\\x02ff", "2"],
  [null, null, null, null, null, null, null, null, null, null],
  ["3", "1.5", "-0.25", "a", "true", "1999-12-31", "1969-12-31 12:30:00.5", "24:00:00", "\\x01", "[]"],
  ["9223372036854775807", "100", "8", "Ä", "true", "1970-01-01", "2025-03-30 01:30:00", "-3 days 04:05:06.7", "\\x", "null"],
]

const columnsOf = (columns: ReadonlyArray<ColumnSchema>, rows: ReadonlyArray<ReadonlyArray<Value | null>>): ReadonlyArray<Column> =>
  columns.map(
    ({ type }, i) =>
      new ValuesColumn(
        type,
        rows.map((row) => row[i]!),
      ),
  )

const rows = texts.map((row) => row.map((text, i) => (text === null ? null : readText(text, schema[i]!.type))))
const scope: Scope = { columns: schema, runtime: {}, now: 0 }

/** Answers of PostgreSQL 18.4. */
const ANSWERS: ReadonlyArray<readonly [metric: string, answer: string]> = [
  ["count(*)", "integer 5"],
  ["count(i)", "integer 4"],
  ["count(distinct d)", "integer 3"],
  ["count(distinct s)", "integer 3"],
  ["count(*) filter (where b)", "integer 3"],
  ["sum(i)", "decimal 9223372036854775814"],
  ["sum(d)", "decimal 105.25"],
  ["sum(f)", "double 9.75"],
  ["sum(span)", "interval 1 mon -2 days +28:05:06.7"],
  ["avg(i)", "decimal 2305843009213693954"],
  ["avg(d)", "decimal 26.3125000000000000"],
  ["avg(f)", "double 2.4375"],
  ["avg(span)", "interval 7 days 07:01:16.675"],
  ["min(i)", "integer 1"],
  ["max(i)", "integer 9223372036854775807"],
  ["min(d)", "decimal 1.5"],
  ["max(d)", "decimal 100"],
  ["min(f)", "double -0.25"],
  ["max(s)", "string Ä"],
  ["min(s)", "string a"],
  ["max(day)", "date 2025-01-31"],
  ["min(at)", "timestamp 1969-12-31 12:30:00.5"],
  ["max(span)", "interval 1 mon"],
  ["min(span)", "interval -3 days +04:05:06.7"],
  ["max(raw)", "bytes \\x02ff"],
  ["bool_and(b)", "boolean false"],
  ["bool_or(b)", "boolean true"],
  ["every(b)", "boolean false"],
  ["array_agg(i)", "integer[] {3,1,NULL,3,9223372036854775807}"],
  ["array_agg(d order by d desc)", "decimal[] {NULL,100,2.25,1.50,1.5}"],
  ["array_agg(distinct s)", "string[] {a,b,Ä,NULL}"],
  ["array_agg(distinct s order by s desc)", "string[] {NULL,Ä,b,a}"],
  ["array_agg(s order by i desc nulls last, s)", "string[] {Ä,a,a,b,NULL}"],
  ["array_agg(doc)", 'json[] {"{\\"a\\":1}",2,NULL,[],"null"}'],
  ["string_agg(s, ', ')", "string a, b, a, Ä"],
  ["string_agg(s, ',' order by s desc)", "string Ä,b,a,a"],
  ["string_agg(distinct s, ',')", "string a,b,Ä"],
  ["string_agg(raw, '\\x00'::bytea)", "bytes \\x010002ff000100"],
  ["string_agg(s, null)", "string abaÄ"],
  ["stddev(i)", "decimal 4611686018427387902"],
  ["stddev(d)", "decimal 49.1262722481565865"],
  ["stddev(f)", "double 3.776986232434532"],
  ["variance(d)", "decimal 2413.3906250000000000"],
  ["variance(f)", "double 14.265625"],
  ["var_pop(d)", "decimal 1810.0429687500000000"],
  ["stddev_pop(d)", "decimal 42.5445997601340704"],
  ["var_samp(i)", "decimal 21267647932558653951088626236394220206"],
  ["stddev_samp(f)", "double 3.776986232434532"],
  ["var_pop(f)", "double 10.69921875"],
  ["percentile_cont(0.5) within group (order by d)", "double 1.875"],
  ["percentile_cont(0.25) within group (order by f desc)", "double 3.125"],
  ["percentile_cont(0.3) within group (order by span)", "interval 14:48:30.67"],
  ["percentile_cont(array[0,0.5,1]) within group (order by f)", "double[] {-0.25,1,8}"],
  ["percentile_disc(0.5) within group (order by s)", "string a"],
  ["percentile_disc(array[0.1,0.9]) within group (order by i)", "integer[] {1,9223372036854775807}"],
  ["mode() within group (order by s)", "string a"],
  ["mode() within group (order by d desc)", "decimal 1.50"],
  ["round(sum(d) / count(*), 2)", "decimal 21.05"],
  ["sum(d) filter (where s = 'a') / nullif(count(*) filter (where s = 'zz'), 0)", "decimal NULL"],
  ["coalesce(sum(i) filter (where false), 0)", "decimal 0"],
  ["sum(f) filter (where false)", "double NULL"],
  ["count(i) filter (where false)", "integer 0"],
  ["sum(distinct i)", "decimal 9223372036854775811"],
  ["avg(distinct d)", "decimal 34.5833333333333333"],
  ["avg(i) > 3", "boolean true"],
  ["case when count(*) > 3 then 'many' else 'few' end", "string many"],
  ["min(s) || max(s)", "string aÄ"],
  ["max(array[i, 2])", "integer[] {NULL,2}"],
  ["any_value(s)", "string a"],
  ["stddev(i) filter (where i = 1)", "decimal NULL"],
  ["stddev_pop(i) filter (where i = 1)", "decimal 0"],
]

/** What is wrong, and where. */
const WRONG: ReadonlyArray<readonly [metric: string, code: string, position: number]> = [
  ["min(b)", "UNKNOWN_FUNCTION", 0],
  ["string_agg(i, ',')", "UNKNOWN_FUNCTION", 0],
  ["sum(s)", "UNKNOWN_FUNCTION", 0],
  ["1 + percentile_cont(1.5) within group (order by d)", "INVALID_ARGUMENT", 20],
  ["percentile_cont(f) within group (order by d)", "UNSUPPORTED_EXPRESSION", 16],
  ["sum(sum(i))", "UNSUPPORTED_EXPRESSION", 4],
  ["sum(i) + i", "UNKNOWN_COLUMN", 9],
  ["sum(x)", "UNKNOWN_COLUMN", 4],
  ["count(distinct doc)", "EXPRESSION_TYPE", 0],
  ["max(doc)", "UNKNOWN_FUNCTION", 0],
  ["mode() within group (order by doc)", "EXPRESSION_TYPE", 30],
  ["array_agg(array[i])", "UNKNOWN_FUNCTION", 0],
  ["json_agg(i)", "UNSUPPORTED_EXPRESSION", 0],
  ["lower(s) filter (where b)", "UNSUPPORTED_EXPRESSION", 0],
  ["count()", "UNSUPPORTED_EXPRESSION", 0],
  ["sum(*)", "UNSUPPORTED_EXPRESSION", 0],
  ["sum(i) filter (where i)", "EXPRESSION_TYPE", 21],
  ["percentile_cont(0.5)", "UNSUPPORTED_EXPRESSION", 0],
  ["sum(i) within group (order by i)", "UNSUPPORTED_EXPRESSION", 0],
  ["sum(i) over ()", "UNSUPPORTED_EXPRESSION", 0],
  ["string_agg(distinct s, ',' order by i)", "UNSUPPORTED_EXPRESSION", 0],
  ["cuont(i)", "UNKNOWN_FUNCTION", 0],
]

describe("aggregates", () => {
  it.each(ANSWERS)("%s gives %s", (text, answer) => {
    expect(metricOutcome(checkedMetric(text, scope), columnsOf(schema, rows), rows.length, atOnce)).toBe(answer)
  })

  it.each(WRONG)("%s is %s at %i", (text, code, position) => {
    const result = checkMetric(text, scope, [])
    expect(result.ok ? [] : result.issues.map((issue) => [issue.code, issue.position])).toEqual([[code, position]])
  })

  it("may name the keys of the group beside aggregates", () => {
    const result = checkMetric("s || count(*)", scope, [3])
    expect(result.ok && [result.metric.result.type, result.metric.result.columns]).toEqual(["string", [0, 1]])
  })

  it("say which column is no key", () => {
    const result = checkMetric("d / count(*)", scope, [3])
    expect(result).toMatchObject({
      issues: [{ message: "The column d is no key of the group, and not within an aggregate.", hint: expect.stringContaining("MAX(d)") }],
    })
  })

  it("fail with the values where an argument fails", () => {
    const outcome = metricOutcome(checkedMetric("sum(1 / (i - 1))", scope), columnsOf(schema, rows), rows.length, atOnce)
    expect(outcome).toBe("error DIVISION_BY_ZERO 1 / 0: division by zero.")
  })
})

const EVERY = [
  "count(*)",
  "count(distinct d)",
  "sum(i)",
  "sum(d)",
  "sum(distinct d)",
  "sum(f)",
  "avg(f)",
  "avg(i)",
  "avg(d)",
  "avg(span)",
  "min(d)",
  "max(s)",
  "max(moment)",
  "max(list)",
  "bool_and(b)",
  "bool_or(c)",
  "any_value(t)",
  "array_agg(f)",
  "array_agg(span)",
  "array_agg(list[1] order by i, n)",
  "array_agg(distinct moment)",
  "string_agg(s, t)",
  "string_agg(s, ',' order by t, s desc)",
  "string_agg(s::bytea, t::bytea)",
  "stddev(i)",
  "variance(d)",
  "stddev_pop(f)",
  "variance(f)",
  "percentile_cont(0.3) within group (order by n)",
  "percentile_cont(0.7) within group (order by span)",
  "percentile_disc(array[0, 0.4]) within group (order by clock)",
  "mode() within group (order by day)",
]

describe("states", () => {
  beforeAll(loadExpressionParser)

  it.each(EVERY)("of %s are the same in pieces that are saved, restored and merged", (text) => {
    const metric = checkedMetric(text, { columns: programColumns, runtime: {}, now: 0 })
    fc.assert(
      fc.property(fc.array(programRow, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), (table, size) => {
        const columns = columnsOf(programColumns, table)
        expect(metricOutcome(metric, columns, table.length, inPieces(size))).toBe(metricOutcome(metric, columns, table.length, atOnce))
      }),
      { numRuns: 60 },
    )
  })

  it("give a result and go on", () => {
    const [call] = checkedMetric("sum(i)", scope).calls
    const accumulator = accumulatorOf(call!)
    const feed = compileAggregate(call!, accumulator)
    const state = accumulator.init()
    const columns = columnsOf(schema, rows)
    expect(accumulator.finish(state)).toBeNull()
    feed(state, columns, 0)
    expect(String(accumulator.finish(state))).toBe("3")
    feed(state, columns, 1)
    expect(String(accumulator.finish(state))).toBe("4")
  })

  it("grow where rows are kept, and only there", () => {
    const sizeAfter = (text: string): number => {
      const [call] = checkedMetric(text, scope).calls
      const accumulator = accumulatorOf(call!)
      const feed = compileAggregate(call!, accumulator)
      const state = accumulator.init()
      for (let round = 0; round < 100; round++) for (let row = 0; row < rows.length; row++) feed(state, columnsOf(schema, rows), row)
      return accumulator.size(state)
    }
    expect(sizeAfter("count(*)")).toBe(0)
    expect(sizeAfter("sum(f)")).toBe(0)
    expect(sizeAfter("count(distinct s)")).toBeLessThan(1000)
    expect(sizeAfter("array_agg(s)")).toBeGreaterThan(5000)
    expect(sizeAfter("percentile_cont(0.5) within group (order by f)")).toBeGreaterThan(5000)
  })
})

const doubles = (values: ReadonlyArray<number>): ReadonlyArray<Column> => [new ValuesColumn("double" satisfies ColumnType, values)]
const doubleScope: Scope = { columns: [{ name: "x", type: "double", nullable: true }], runtime: {}, now: 0 }

describe("sums of doubles", () => {
  beforeAll(loadExpressionParser)

  const total = (text: string, values: ReadonlyArray<number>): string =>
    metricOutcome(checkedMetric(text, doubleScope), doubles(values), values.length, atOnce)

  it("are exact, where PostgreSQL rounds after each row", () => {
    expect(total("sum(x)", [1e16, 1, -1e16])).toBe("double 1")
    expect(
      total(
        "sum(x)",
        Array.from({ length: 10 }, () => 0.1),
      ),
    ).toBe("double 1")
    expect(total("avg(x)", [1e308, 1e308])).toBe("error NUMBER_OUT_OF_RANGE The sum is too large for a double.")
    expect(total("sum(x)", [1e308, 1e308, -1e308])).toBe("double 1e+308")
    expect(total("variance(x)", [1e8 + 1, 1e8 + 2, 1e8 + 3])).toBe("double 1")
    expect(total("variance(x)", [1e200, -1e200])).toBe("error NUMBER_OUT_OF_RANGE The variance is too large for a double.")
    expect(total("variance(x)", [1e-200, 3e-200])).toBe("double 0")
    expect(total("sum(x)", [5e-324, 5e-324])).toBe("double 1e-323")
  })

  it("keep NaN and the infinities", () => {
    expect(total("sum(x)", [1, Infinity])).toBe("double Infinity")
    expect(total("sum(x)", [-Infinity, Infinity])).toBe("double NaN")
    expect(total("avg(x)", [1, NaN])).toBe("double NaN")
    expect(total("variance(x)", [1, Infinity])).toBe("double NaN")
  })

  it("do not depend on the order of rows", () => {
    const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ min: -100, max: 100, noNaN: true }))
    fc.assert(
      fc.property(fc.array(value, { maxLength: 12 }), fc.integer({ min: 0, max: 12 }), (values, cut) => {
        const turned = [...values.slice(cut), ...values.slice(0, cut)].reverse()
        for (const text of ["sum(x)", "avg(x)", "stddev(x)", "var_pop(x)"]) expect(total(text, turned)).toBe(total(text, values))
      }),
      { numRuns: 300 },
    )
  })
})
