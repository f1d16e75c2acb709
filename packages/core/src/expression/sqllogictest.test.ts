/**
 * The queries of sqllogictest's `select1.test`, with the answers that are written there. Each is taken apart: the expressions of SELECT
 * and WHERE are ours, what the sub-queries count is in columns that were computed before.
 */
import { hash } from "node:crypto"
import { readFileSync } from "node:fs"
import path from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { checked, generated } from "../../test/expression/evaluate.ts"
import { atOnce, checkedMetric, metricOutcome } from "../../test/expression/metrics.ts"
import { type Column, ValuesColumn } from "../model/Batch.ts"
import type { ColumnSchema } from "../model/ColumnType.ts"
import type { Value } from "../model/Value.ts"
import { compileClosure, compileCondition, loadExpressionParser, type Scope } from "./Expression.ts"

const corpus = process.env["DELTAFLOW_CORPUS"]

const NAMES = ["a", "b", "c", "d", "e"]
const schema: ReadonlyArray<ColumnSchema> = [...NAMES, "smaller", "crossing"].map((name) => ({ name, type: "integer", nullable: true }))

interface Query {
  readonly line: number
  readonly select: ReadonlyArray<string>
  readonly where: string | undefined
  readonly orderBy: ReadonlyArray<number>
  readonly answer: string
}

/** Commas outside of brackets part a list. */
const split = (text: string): ReadonlyArray<string> => {
  const parts = [""]
  let depth = 0
  for (const character of text) {
    if (character === "(") depth++
    if (character === ")") depth--
    if (character === "," && depth === 0) parts.push("")
    else parts[parts.length - 1] += character
  }
  return parts.map((part) => part.trim())
}

const withoutQueries = (text: string): string =>
  text
    .replace(/EXISTS\(SELECT 1 FROM t1 AS x WHERE x\.b<t1\.b\)/g, "(smaller > 0)")
    .replace(/\(SELECT count\(\*\) FROM t1 AS x WHERE x\.b<t1\.b\)/g, "smaller")
    .replace(/\(SELECT count\(\*\) FROM t1 AS x WHERE x\.c>t1\.c AND x\.d<t1\.d\)/g, "crossing")
    .replace(/\(SELECT avg\(c\) FROM t1\)/g, "(:average::numeric)")

const queryOf = (block: string, line: number): Query => {
  const [statement, answer] = block.split(/\n----\n?/) as [string, string]
  const sql = withoutQueries(statement.split("\n").slice(1).join(" ").replace(/\s+/g, " "))
  const match = /^SELECT (.*?) FROM t1(?: WHERE (.*?))?(?: ORDER BY ([\d,]+))?$/.exec(sql)
  if (match === null) throw new Error(`line ${line}: ${sql} is not taken apart`)
  const orderBy = match[3] === undefined ? [] : match[3].split(",").map((place) => Number(place) - 1)
  return { line, select: split(match[1]!), where: match[2], orderBy, answer: answer.trim() }
}

const readCorpus = (
  text: string,
): { readonly rows: ReadonlyArray<ReadonlyArray<Value | null>>; readonly queries: ReadonlyArray<Query> } => {
  const rows: Array<ReadonlyArray<Value | null>> = []
  const queries: Array<Query> = []
  let line = 1
  for (const block of text.split(/\n\n/)) {
    const insert = /INSERT INTO t1\(([a-e,]+)\) VALUES\(([\d,NULL-]+)\)/.exec(block)
    if (insert !== null) {
      const [names, values] = [insert[1]!.split(","), insert[2]!.split(",")]
      const valueOf = (name: string): Value | null => (values[names.indexOf(name)] === "NULL" ? null : Number(values[names.indexOf(name)]))
      rows.push(NAMES.map(valueOf))
    } else if (block.startsWith("query ")) queries.push(queryOf(block, line))
    line += block.split("\n").length + 1
  }
  return { rows, queries }
}

const columnsOf = (rows: ReadonlyArray<ReadonlyArray<Value | null>>): ReadonlyArray<Column> => {
  const smaller = rows.map((row) => rows.filter((other) => Number(other[1]) < Number(row[1])).length)
  const crossing = rows.map(([, , c, d]) => rows.filter((other) => other[2]! > c! && other[3]! < d!).length)
  return [...NAMES.map((_, i) => rows.map((row) => row[i]!)), smaller, crossing].map((values) => new ValuesColumn("integer", values))
}

describe.skipIf(corpus === undefined)("sqllogictest (DELTAFLOW_CORPUS)", () => {
  beforeAll(loadExpressionParser)

  it("gives the written answers to its 1,000 queries, in both back ends", () => {
    const { rows, queries } = readCorpus(readFileSync(path.join(corpus!, "sql/test/select1.test"), "utf8"))
    const columns = columnsOf(rows)
    const plain: Scope = { columns: schema, runtime: {}, now: 0 }
    const average = metricOutcome(checkedMetric("avg(c)", plain), columns, rows.length, atOnce).replace("decimal ", "")
    const scope: Scope = { ...plain, runtime: { average } }

    const answerTo = ({ select, where, orderBy }: Query): string => {
      const condition = where === undefined ? undefined : checked(where, scope, "boolean")
      const keeps = condition === undefined ? () => true : compileCondition(condition)
      const keepsToo = condition === undefined ? () => true : generated(condition, columns, "condition").run
      const expressions = select.map((text) => checked(text, scope))
      const closures = expressions.map((expression) => compileClosure(expression))
      const codes = expressions.map((expression) => generated(expression, columns, "value").run)
      const result = rows.flatMap((_, row) => {
        expect(keepsToo(columns, row)).toBe(keeps(columns, row))
        if (!keeps(columns, row)) return []
        const values = closures.map((closure) => closure(columns, row))
        expect(codes.map((code) => code(columns, row))).toEqual(values)
        return [values]
      })
      const sorted = result.toSorted((x, y) => {
        const place = orderBy.find((index) => x[index] !== y[index])
        return place === undefined ? 0 : Number(x[place]) - Number(y[place])
      })
      const shown = sorted.flat().map((value) => (value === null ? "NULL" : String(value)))
      return shown.length <= 8 ? shown.join("\n") : `${shown.length} values hashing to ${hash("md5", `${shown.join("\n")}\n`)}`
    }

    expect(queries).toHaveLength(1000)
    const wrong = queries.flatMap((query) => {
      const ours = answerTo(query)
      return ours === query.answer ? [] : [{ ...query, ours }]
    })
    expect(wrong.slice(0, 5), `${wrong.length} of ${queries.length} differ`).toEqual([])
  })
})
