/** How long expressions take over columns of each type, against the same loop by hand. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { caseNames } from "../contenders/expressionCases.ts"
import { say } from "../harness/contest.ts"
import { range, verdict } from "../harness/report.ts"
import { spread } from "../harness/statistics.ts"

/** One line of the table. */
export interface ExpressionFigures {
  readonly name: string
  readonly expression: string
  /** Nanoseconds. */
  readonly perRow: string
  /** Nanoseconds. */
  readonly byHand: string
  readonly ratio: string
  readonly held: string
  readonly met: string
}

export const heldExpressions = 1.3

const script = fileURLToPath(new URL("../contenders/expressions.ts", import.meta.url))

interface Measured {
  readonly perRow: ReadonlyArray<number>
  readonly byHand: ReadonlyArray<number>
  readonly ratios: ReadonlyArray<number>
}

/**
 * Each case has a process of its own, so that none runs in code that another has made the compiler give up on. Throws where a case fails.
 */
export const measureExpressions = (): ReadonlyArray<ExpressionFigures> =>
  caseNames.map(({ name, expression }) => {
    // The sources, because the built package does not show its parts.
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--conditions=source", script, name], { encoding: "utf8" })
    if (status !== 0) throw new Error(`${name}: ${stderr.split("\n").find((line) => line.includes("Error")) ?? "it said nothing"}`)
    const { perRow, byHand, ratios } = JSON.parse(stdout) as Measured
    const found = spread(ratios)
    say(`expressions: ${name}: ${range(found)} × the loop by hand`)
    return {
      name,
      expression,
      perRow: spread(perRow).median.toFixed(1),
      byHand: spread(byHand).median.toFixed(1),
      ratio: `${range(found)} ×`,
      held: `≤ ${heldExpressions} ×`,
      met: verdict(found.median, heldExpressions, undefined),
    }
  })
