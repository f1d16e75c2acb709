import { beforeAll, describe, expect, it } from "vitest"
import { checkMetric, loadExpressionParser } from "../../expression/Expression.ts"
import type { ColumnSchema } from "../../model/ColumnType.ts"
import { shareCalls } from "./sharedCalls.ts"

beforeAll(loadExpressionParser)

const columns: ReadonlyArray<ColumnSchema> = (["integer", "decimal", "double", "string"] as const).map((type, i) => ({
  name: "abcd"[i]!,
  type,
  nullable: true,
}))

/** How many states the metrics need. */
const statesOf = (metrics: ReadonlyArray<string>): number => {
  const calls = metrics.flatMap((text) => {
    const result = checkMetric(text, { columns, runtime: {}, now: 0 }, [])
    if (!result.ok) throw new Error(result.issues.map(({ message }) => message).join("\n"))
    return result.metric.calls
  })
  return shareCalls(calls).calls.length
}

describe("the states of aggregate calls", () => {
  it.each([
    [["SUM(a)", "SUM(a) / COUNT(*)", "COUNT(*)"], 2],
    [["SUM(b)", "AVG(b)"], 1],
    [["AVG(DISTINCT b)", "SUM(DISTINCT b)"], 1],
    [["SUM(b * 2)", "AVG(b * 2)"], 1],
    [["MAX(d) FILTER (WHERE a > 1)", "MAX(d) FILTER (WHERE a > 1)"], 1],
  ] as const)("are shared by %j", (metrics, states) => {
    expect(statesOf(metrics)).toBe(states)
  })

  it.each([
    [["SUM(a)", "SUM(b)"]],
    [["SUM(b)", "SUM(DISTINCT b)"]],
    [["MIN(a)", "MAX(a)"]],
    [["COUNT(*)", "COUNT(a)"]],
    [["SUM(a) FILTER (WHERE a > 1)", "SUM(a)", "SUM(a) FILTER (WHERE a > 2)"]],
    [["SUM(b * 1.5)", "SUM(b * 1.50)"]],
    [["SUM(c * '-0'::double)", "SUM(c * '0'::double)", "SUM(c * 'NaN'::double)", "SUM(c * 'Infinity'::double)"]],
    [["SUM(a + 9007199254740993)", "SUM(a + 9007199254740992)"]],
    [["STRING_AGG(d, ',')", "STRING_AGG(d, ';')"]],
    [["ARRAY_AGG(a ORDER BY a)", "ARRAY_AGG(a ORDER BY a DESC)"]],
    [["PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY c)", "PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY c)"]],
  ] as const)("are not shared by %j", (metrics) => {
    expect(statesOf(metrics)).toBe(metrics.length)
  })
})
