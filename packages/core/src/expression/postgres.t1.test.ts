// oxlint-disable vitest/expect-expect -- the functions that are called expect
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { outcome } from "../../test/expression/evaluate.ts"
import { ask, missingServer, type Question, type ServerAnswer } from "../../test/expression/postgres.ts"
import { type Program, programColumns, programRow, programs, type ProgramType } from "../../test/expression/programs.ts"
import { ValuesColumn } from "../model/Batch.ts"
import { checkExpression, compileClosure, loadExpressionParser, type Scope } from "./Expression.ts"

const PAIRS = 12_000
const ROWS = 200
const SEED = Number(process.env["DELTAFLOW_SEED"] ?? 20_250_304)

const missing = missingServer()
const isRequired = process.env["DELTAFLOW_SERVICES"] === "required"

const scope: Scope = { columns: programColumns, runtime: {}, now: 0 }

/** Classes of PostgreSQL's errors for which ours has a code of its own. */
const CODES: Readonly<Record<string, string>> = {
  "22012": "DIVISION_BY_ZERO",
  "22003": "NUMBER_OUT_OF_RANGE",
  "22P02": "INVALID_CAST",
  "22007": "INVALID_CAST",
}

const rows = fc.sample(programRow, { numRuns: ROWS, seed: SEED })
const columns = programColumns.map(
  ({ type }, i) =>
    new ValuesColumn(
      type,
      rows.map((row) => row[i]!),
    ),
)

const ourAnswer = (program: Program, row: number): string => {
  const result = checkExpression(program.ours, scope)
  if (!result.ok) return `error ${result.issues[0]!.code} ${result.issues[0]!.message}`
  return outcome(() => compileClosure(result.expression)(columns, row), result.expression.type)
}

const differs = (type: ProgramType, ours: string, theirs: ServerAnswer): boolean => {
  if ("value" in theirs) return ours !== `${type} ${theirs.value ?? "NULL"}`
  // Of a text that is too large and badly written too, each side may name either.
  if (theirs.error.includes("is out of range for type")) return !/^error (NUMBER_OUT_OF_RANGE|INVALID_CAST) /.test(ours)
  const code = CODES[theirs.error.slice(0, 5)]
  return !ours.startsWith(code === undefined ? "error " : `error ${code} `)
}

describe("random expressions", () => {
  beforeAll(loadExpressionParser)

  it.runIf(missing !== undefined)(`are compared with PostgreSQL (not run: ${missing ?? ""})`, (context) => {
    if (isRequired) throw new Error(`DELTAFLOW_SERVICES=required, and ${missing ?? ""}`)
    context.skip()
  })

  it.skipIf(missing !== undefined)(`give what PostgreSQL gives, ${PAIRS} times`, () => {
    const sampled = fc.sample(fc.tuple(programs(3), fc.nat({ max: ROWS - 1 })), { numRuns: PAIRS, seed: SEED })
    const questions = sampled.map(([program, row]): Question => ({ expression: program.postgres, row }))
    const answers = ask(rows, questions)
    expect(answers).toHaveLength(PAIRS)
    const wrong = sampled.flatMap(([program, row], i) => {
      const ours = ourAnswer(program, row)
      return differs(program.type, ours, answers[i]!)
        ? [{ ...program, row: rows[row], ours: program.ours, got: ours, expected: answers[i] }]
        : []
    })
    expect(wrong.slice(0, 10), `${wrong.length} of ${PAIRS} differ, seed ${SEED}`).toEqual([])
  })
})
