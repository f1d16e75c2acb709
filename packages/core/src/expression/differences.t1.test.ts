/** The differences that are documented, as PostgreSQL has them; and doubles, which differ in their last digits at most. */
// oxlint-disable vitest/expect-expect -- the first says why nothing is compared
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { differences } from "../../test/expression/differences.ts"
import { checked, emptyScope } from "../../test/expression/evaluate.ts"
import { missingServer, type Server, startServer } from "../../test/expression/server.ts"
import { compileClosure, ExpressionError, loadExpressionParser } from "./Expression.ts"

const missing = await missingServer()
const isRequired = process.env["DELTAFLOW_SERVICES"] === "required"

const DOUBLES = [0.5, 1, 1.5, 2, 3, 10, 0.1, 1e-7, 123.456, 1e10, 7.25, 0.999999, 1.000001, 700]

const CALLS: ReadonlyArray<string> = [
  ...DOUBLES.flatMap((x) => [`exp(${x}::double precision)`, `ln(${x}::double precision)`, `log(${x}::double precision)`]),
  ...DOUBLES.flatMap((x) => [-2.5, -1, 0, 0.5, 1 / 3, 2, 3, 10.1].map((y) => `power(${x}::double precision, (${y})::double precision)`)),
]

describe.skipIf(missing !== undefined)("PostgreSQL", () => {
  let server: Server
  beforeAll(loadExpressionParser)
  beforeAll(async () => {
    server = await startServer()
    await server.client.unsafe("set timezone = 'UTC'")
  })
  afterAll(() => server.stop())

  const answerTo = async (expression: string): Promise<string> => {
    try {
      const [row] = await server.client.unsafe<Array<{ readonly value: string | null }>>(`select (${expression})::text as value`)
      return row?.value ?? "NULL"
    } catch (error) {
      return `error ${(error as { readonly code: string }).code}`
    }
  }

  it.each(differences.flatMap(({ examples }) => examples.map(([expression, , there]) => [expression, there])))(
    "gives for %s %s",
    async (expression, there) => {
      expect(await answerTo(expression)).toBe(there)
    },
  )

  it("rounds sums of doubles after each row", async () => {
    expect(await answerTo("select sum(x) from (values (1e16::float8), (1), (-1e16)) as t(x)")).toBe("0")
  })

  it("has the same powers, roots and logarithms of doubles, but for the last digits", async () => {
    for (const call of CALLS) {
      const theirs = await answerTo(call)
      const ours = numberOr(() => compileClosure(checked(call, emptyScope))([], 0) as number)
      if (typeof ours === "string") expect(theirs, call).toMatch(/^error /)
      else expect(Math.abs(ours - Number(theirs)), call).toBeLessThanOrEqual(Math.abs(ours) * 2 ** -51)
    }
  })
})

const numberOr = (run: () => number): number | string => {
  try {
    return run()
  } catch (error) {
    if (error instanceof ExpressionError) return error.code
    throw error
  }
}

describe.runIf(missing !== undefined)("PostgreSQL", () => {
  it(`is not asked (${missing ?? ""})`, (context) => {
    if (isRequired) throw new Error(`DELTAFLOW_SERVICES=required, and ${missing ?? ""}`)
    context.skip()
  })
})
