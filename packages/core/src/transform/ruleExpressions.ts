/** What the rules of the section `schema` say as SQL. */
import type { ColumnType } from "../model/ColumnType.ts"
import type { ColumnRule } from "./Step.ts"

const quotedName = (name: string): string => `"${name.replaceAll('"', '""')}"`

const literal = (value: string | number | boolean): string =>
  typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : typeof value === "number" ? `(${value})` : String(value)

/** The expressions that a rule asks for, by the key that asks. */
export const expressionsOfRule = (rule: ColumnRule, type: ColumnType): ReadonlyArray<{ readonly key: string; readonly text: string }> => {
  const name = quotedName(rule.column)
  const measured = type === "string" ? `LENGTH(${name})` : name
  return [
    ...(rule.min === undefined ? [] : [{ key: "min", text: `${measured} >= ${literal(rule.min)}` }]),
    ...(rule.max === undefined ? [] : [{ key: "max", text: `${measured} <= ${literal(rule.max)}` }]),
    ...(rule.enum === undefined ? [] : [{ key: "enum", text: `${name} IN (${rule.enum.map(literal).join(", ")})` }]),
    ...(rule.pattern === undefined ? [] : [{ key: "pattern", text: `${name} ~ ${literal(rule.pattern)}` }]),
  ]
}

/** The texts of a rule for a column of any type: a length is asked about text, and about numbers their value. */
export const textsOfRule = (rule: ColumnRule): ReadonlyArray<string> => [
  ...new Set((["string", "integer"] as const).flatMap((type) => expressionsOfRule(rule, type).map(({ text }) => text))),
]
