/** The query of an address: every parameter once, known, and of its type. */
import { decodeWith, formatPath } from "@deltaflow/core/adapter"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { invalidRequest, type RequestIssue } from "./problems.ts"

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export type ReadQuery = (params: URLSearchParams) => Query

/** Made once for each endpoint. Throws a `Problem` that names every parameter that is wrong. */
export const queryReader = (fields: Schema.Struct.Fields = {}): ReadQuery => {
  const schema = Schema.Struct(fields)
  const isNumber = new Map(schema.ast.propertySignatures.map(({ name, type }) => [String(name), kindOf(type)]))
  return (params) => {
    const values: Record<string, unknown> = {}
    const issues: Array<RequestIssue> = []
    for (const [name, text] of params) {
      if (Object.hasOwn(values, name)) issues.push({ path: name, message: "it is given twice." })
      values[name] = valueOf(text, isNumber.get(name))
    }
    const outcome = decodeWith(schema as unknown as Schema.ConstraintDecoder<Query>, values, [])
    if (!outcome.ok) for (const { path, message } of outcome.problems) issues.push({ path: formatPath(path), message })
    if (outcome.ok && issues.length === 0) return outcome.value
    throw invalidRequest(`The query is wrong: ${issues.map(({ path, message }) => `${path}: ${message}`).join(" ")}`, issues)
  }
}

type Kind = "number" | "boolean" | "text"

const kindOf = (ast: SchemaAST.AST): Kind => (SchemaAST.isNumber(ast) ? "number" : SchemaAST.isBoolean(ast) ? "boolean" : "text")

const valueOf = (text: string, kind: Kind | undefined): unknown => {
  if (kind === "number" && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (kind === "boolean" && (text === "true" || text === "false")) return text === "true"
  return text
}

/** A time in milliseconds since 1970. */
export const timeOf = (query: Query, name: string): number | undefined => {
  const text = query[name]
  if (text === undefined) return undefined
  const time = /^\d{4}-\d{2}-\d{2}(T|$)/.test(String(text)) ? Date.parse(String(text)) : NaN
  if (Number.isNaN(time)) {
    const message = `expected a time such as 2026-02-15T10:30:00Z, got ${JSON.stringify(text)}.`
    throw invalidRequest(`The query is wrong: ${name}: ${message}`, [{ path: name, message }])
  }
  return time
}
