/**
 * Random expressions over random rows, computed by PostgreSQL 18 and by us: in both back ends and in every form of the rows.
 * `DELTAFLOW_PAIRS=1000000` asks for so many pairs of an expression and a row, `DELTAFLOW_SEED` for others.
 */
// oxlint-disable vitest/expect-expect -- the functions that are called expect
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { generated, outcome } from "../../test/expression/evaluate.ts"
import { ask, differs, giveRows, type ServerAnswer } from "../../test/expression/postgres.ts"
import { type Program, programColumns, programRow, programs, type ProgramType } from "../../test/expression/programs.ts"
import { missingServer, type Server, startServer } from "../../test/expression/server.ts"
import { batchOf, shapes } from "../../test/steps/batches.ts"
import { checkExpression, compileClosure, compileCondition, loadExpressionParser, type Node, type Scope } from "./Expression.ts"
import { library } from "./functions/library.ts"
import { childrenOf } from "./Node.ts"

const PAIRS = Number(process.env["DELTAFLOW_PAIRS"] ?? 24_000)
const SEED = Number(process.env["DELTAFLOW_SEED"] ?? 20_250_304)
const ROWS = 200
/** Each expression is computed in so many rows. */
const ROWS_EACH = 3
/** Expressions that the server is asked at once. */
const CHUNK = 500

const missing = await missingServer()
const isRequired = process.env["DELTAFLOW_SERVICES"] === "required"

const scope: Scope = { columns: programColumns, runtime: {}, now: 0 }

const rows = fc.sample(programRow, { numRuns: ROWS, seed: SEED })
const batches = shapes.map((shape) => batchOf({ columns: programColumns }, rows, shape).columns)

interface Sample extends Program {
  readonly type: ProgramType
  readonly rows: ReadonlyArray<number>
}

const sample = fc
  .tuple(programs(3), fc.uniqueArray(fc.nat({ max: ROWS - 1 }), { minLength: ROWS_EACH, maxLength: ROWS_EACH }))
  .map(([program, picked]): Sample => ({ ...program, rows: picked.toSorted((a, b) => a - b) }))

const used = new Set<string>()

const noteUsed = (node: Node): void => {
  if (node.kind === "call" || node.kind === "prepare") used.add(node.name)
  childrenOf(node).forEach(noteUsed)
}

/** One outcome per row; where back ends or forms of the rows disagree, what each of them says. */
const ourAnswers = (program: Sample): ReadonlyArray<string> => {
  const result = checkExpression(program.ours, scope, program.type)
  if (!result.ok) return program.rows.map(() => `error ${result.issues[0]!.code} ${result.issues[0]!.message}`)
  const { expression } = result
  noteUsed(expression.node)
  const closure = compileClosure(expression)
  const condition = expression.type === "boolean" ? compileCondition(expression) : undefined
  const code = batches.map((columns) => generated(expression, columns, "value").run)
  const conditionCode = condition === undefined ? [] : batches.map((columns) => generated(expression, columns, "condition").run)
  return program.rows.map((row) => {
    const seen = new Set<string>()
    const tests = new Set<string>()
    for (const [i, columns] of batches.entries()) {
      seen.add(outcome(() => closure(columns, row), expression.type)).add(outcome(() => code[i]!(columns, row), expression.type))
      if (condition === undefined) continue
      tests.add(outcome(() => condition(columns, row), "boolean")).add(outcome(() => conditionCode[i]!(columns, row), "boolean"))
    }
    if (seen.size > 1 || tests.size > 1) return `disagree: ${[...seen, ...tests].join(" | ")}`
    return [...seen][0]!
  })
}

interface Difference {
  readonly ours: string
  readonly postgres: string
  readonly row: string
  readonly got: string
  readonly expected: ServerAnswer
}

const differences = (samples: ReadonlyArray<Sample>, answers: ReadonlyArray<ReadonlyArray<ServerAnswer>>): ReadonlyArray<Difference> =>
  samples.flatMap((program, i) => {
    const got = ourAnswers(program)
    return program.rows.flatMap((row, j) => {
      const expected = answers[i]![j]!
      if (!differs(got[j]!, expected)) return []
      const shown = programColumns.map(({ name }, column) => `${name}=${String(rows[row]![column])}`).join(" ")
      return [{ ours: program.ours, postgres: program.postgres, row: shown, got: got[j]!, expected }]
    })
  })

/** What C libraries round in their own ways (see `differences.t1.test.ts`), and what is always computed before there are rows. */
const ELSEWHERE: ReadonlySet<string> = new Set(["expDouble", "lnDouble", "logDouble", "powerDouble", "pi"])

describe("random expressions", () => {
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

  it.skipIf(missing !== undefined)(
    `give what PostgreSQL gives, ${PAIRS} times`,
    async () => {
      const wrong: Array<Difference> = []
      let compared = 0
      for (let chunk = 0; compared < PAIRS; chunk++) {
        const samples = fc.sample(sample, { numRuns: CHUNK, seed: SEED + chunk })
        const questions = samples.map(({ postgres, rows: picked }) => ({ expression: postgres, rows: picked }))
        const answers = await ask(server!.client, questions)
        wrong.push(...differences(samples, answers))
        compared += CHUNK * ROWS_EACH
        if (wrong.length > 200) break
      }
      expect(wrong.slice(0, 10), `${wrong.length} of ${compared} differ, seed ${SEED}`).toEqual([])
      expect(compared).toBeGreaterThanOrEqual(PAIRS)
    },
    600_000 + PAIRS * 2,
  )

  it.skipIf(missing !== undefined)("reach every function and operator", () => {
    const all = [...library.values()].flat().flatMap(({ implementation, prepare }) => [implementation, ...(prepare ? [prepare.by] : [])])
    expect(all.filter((name) => !used.has(name) && !ELSEWHERE.has(name))).toEqual([])
  })
})
