import { beforeAll, describe, expect, it } from "vitest"
import { checked, outcomes } from "../../test/expression/evaluate.ts"
import { ValuesColumn } from "../model/Batch.ts"
import { checkExpression, loadExpressionParser, type Scope } from "./Expression.ts"

beforeAll(loadExpressionParser)

const scope: Scope = {
  columns: [
    { name: "amount", type: "decimal", nullable: true },
    { name: "Email", type: "string", nullable: true },
    { name: "status", type: "string", nullable: false },
    { name: "id", type: "integer", nullable: true },
    { name: "doc", type: "json", nullable: true },
    { name: "day", type: "date", nullable: true },
  ],
  runtime: { run_id: "r1" },
  now: 0,
}

/** The expression with a caret before the place of the issue, its code, and words of message and hint. */
const WRONG: ReadonlyArray<readonly [marked: string, code: string, ...words: ReadonlyArray<string>]> = [
  ["^'a' + 1", "INVALID_CAST", '"a" is no integer'],
  ["status ^+ 1", "EXPRESSION_TYPE", "no operator string + integer", "joined with ||"],
  ["^amuont > 5", "UNKNOWN_COLUMN", "no column amuont", "Did you mean amount?"],
  ["^emial = 'x'", "UNKNOWN_COLUMN", "no column emial", 'Did you mean "Email"?'],
  ["'é😀' || ^statsu", "UNKNOWN_COLUMN", "no column statsu", "Did you mean status?"],
  ["^lowr(status)", "UNKNOWN_FUNCTION", "no function lowr", "lower"],
  ["^lower(id)", "UNKNOWN_FUNCTION", "lower(integer)", "lower(string)"],
  ["1 + ^now(1)", "UNKNOWN_FUNCTION", "NOW takes no arguments", "now()"],
  ["id = ^'abc'", "INVALID_CAST", '"abc" is no integer'],
  ["status ^= 1", "EXPRESSION_TYPE", "string with integer", "Cast one side"],
  ["case when ^id then 1 end", "EXPRESSION_TYPE", "WHEN takes boolean"],
  ["^id and true", "EXPRESSION_TYPE", "AND takes boolean"],
  ["^coalesce(id, status)", "EXPRESSION_TYPE", "cannot mix integer and string"],
  ["^sum(id) + 1", "UNSUPPORTED_EXPRESSION", "aggregate SUM", "aggregate step"],
  ["^row_number() over ()", "UNSUPPORTED_EXPRESSION", "window function"],
  ["^(select 1)", "UNSUPPORTED_EXPRESSION", "sub-query"],
  ["id::^intger", "EXPRESSION_TYPE", "no type intger", "integer"],
  ["doc::^jsonb", "UNSUPPORTED_EXPRESSION", "type jsonb", "Use json"],
  ["amount ^->> 'a'", "EXPRESSION_TYPE", "decimal ->> text", "json"],
  ["doc ^= doc", "EXPRESSION_TYPE", "json with json", "->>"],
  ["id +^", "EXPRESSION_SYNTAX", "ends too early"],
  ["1 ^+* 2", "UNSUPPORTED_EXPRESSION", "operator +*"],
  ["^'abc", "EXPRESSION_SYNTAX", `Unterminated quoted string at or near "'abc".`],
  ["id ^) + 1", "EXPRESSION_SYNTAX", "closes nothing"],
  ["^extract(foo from day)", "INVALID_ARGUMENT", 'no field "foo"'],
  ["date ^'2024-02-30'", "INVALID_CAST", '"2024-02-30" is no date'],
  ["status ^~ '('", "INVALID_ARGUMENT", "no regular expression"],
  ["status ^~ '(?=a)'", "INVALID_ARGUMENT", "looks ahead"],
  ["^:run_di", "UNKNOWN_COLUMN", "Did you mean :run_id?"],
  ["^$1", "UNSUPPORTED_EXPRESSION", "Write :name"],
  ["day ^at time zone 'Mars/Olympus'", "INVALID_ARGUMENT", "no time zone"],
  ["id in (1, ^'x')", "INVALID_CAST", '"x" is no integer'],
  ["^status[1]", "EXPRESSION_TYPE", "subscript"],
  ["^datediff('dya', day, day)", "INVALID_ARGUMENT", "does not know the unit", "day"],
  ["^to_char(id, '9.9.9')", "INVALID_ARGUMENT", "more than one point"],
]

describe("what is wrong is said with its place", () => {
  it.each(WRONG)("%s is %s", (marked, code, ...words) => {
    const position = marked.indexOf("^")
    const result = checkExpression(marked.replace("^", ""), scope)
    const issues = result.ok ? [] : result.issues
    expect(issues.map((issue) => [issue.code, issue.position])).toEqual([[code, position]])
    const said = `${issues[0]!.message} ${issues[0]!.hint ?? ""}`
    for (const word of words) expect(said).toContain(word)
  })

  it("all at once", () => {
    const result = checkExpression("lenght(status) + amuont + ('x'::intger) > 1", scope)
    expect(result.ok ? [] : result.issues.map(({ code, position }) => [code, position])).toEqual([
      ["UNKNOWN_FUNCTION", 0],
      ["UNKNOWN_COLUMN", 17],
      ["EXPRESSION_TYPE", 32],
    ])
  })

  it("and an expected type too", () => {
    expect(checkExpression("id + 1", scope, "boolean")).toMatchObject({
      issues: [{ code: "EXPRESSION_TYPE", message: "The expression gives integer, and boolean is expected here." }],
    })
  })
})

/** Of a row: the code of the error, and the values that it names. */
const FAILING: ReadonlyArray<readonly [text: string, value: number | string, message: string]> = [
  ["10 / (x - 3)", 3, "error DIVISION_BY_ZERO 10 / 0: division by zero."],
  ["x % 0", 7, "error DIVISION_BY_ZERO 7 % 0: division by zero."],
  ["x * 9223372036854775807", 2, "error NUMBER_OUT_OF_RANGE 2 * 9223372036854775807 does not fit an integer of 64 bits."],
  ["x::smallint", 40_000, "error NUMBER_OUT_OF_RANGE 40000 does not fit a smallint."],
  ["x::numeric(3, 1)", 1000, "error NUMBER_OUT_OF_RANGE 1000 does not fit numeric(3, 1)."],
  ["s::integer", "abc", 'error INVALID_CAST "abc" is no integer.'],
  ["s::date", "2023-02-29", 'error INVALID_CAST "2023-02-29" is no date.'],
  ["s::timestamp", "294277-01-01", 'error INVALID_CAST "294277-01-01" is no timestamp.'],
  ["s::json -> 'a'", "{", 'error INVALID_CAST "{" is no json.'],
  ["sqrt(x)", -4, "error INVALID_ARGUMENT sqrt(-4): a negative number has no square root."],
  ["left(s, 2) ~ s", "(", 'error INVALID_ARGUMENT "(" is no regular expression: missing closing ).'],
  ["date '2024-01-01' + x", 10 ** 10, "error NUMBER_OUT_OF_RANGE The date is out of range."],
  ["make_date(2024, x, 1)", 13, "error NUMBER_OUT_OF_RANGE 2024-13-1 is no date or time that exists."],
]

describe("a row without a value is said with the values", () => {
  it.each(FAILING)("%s of %s", (text, value, message) => {
    const type = typeof value === "number" ? "integer" : "string"
    const rows: Scope = { columns: [{ name: type === "integer" ? "x" : "s", type, nullable: true }], runtime: {}, now: 0 }
    for (const pair of outcomes(checked(text, rows), [new ValuesColumn(type, [value])], 0)) {
      for (const said of pair) expect(said.replace(/: error parsing regexp: /, ": ").replace(/: `.*`\.$/, ".")).toBe(message)
    }
  })

  it("also where another part is null, as in PostgreSQL", () => {
    const columns = (["x", "y"] as const).map((name) => ({ name, type: "integer", nullable: true }) as const)
    const values = [new ValuesColumn("integer", [0]), new ValuesColumn("integer", [null])]
    for (const [text, wanted] of [
      ["y + 10 / x", "error DIVISION_BY_ZERO 10 / 0: division by zero."],
      ["10 / x < y * 2", "error DIVISION_BY_ZERO 10 / 0: division by zero."],
      ["(x + 1) * y - 3", "integer NULL"],
    ] as const) {
      for (const said of outcomes(checked(text, { columns, runtime: {}, now: 0 }), values, 0).flat()) expect(said).toBe(wanted)
    }
  })

  it("but no value is shown at length", () => {
    const rows: Scope = { columns: [{ name: "s", type: "string", nullable: true }], runtime: {}, now: 0 }
    const column = new ValuesColumn("string", ["x".repeat(100_000)])
    for (const text of ["s::integer", "s::numeric", "s::date", "s::json", "s::interval", "s::uuid", "s::bytea::text::boolean"]) {
      for (const said of outcomes(checked(text, rows), [column], 0).flat()) expect(said.length).toBeLessThan(200)
    }
  })
})
