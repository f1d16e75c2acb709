/** From the name of a type in a cast to a column type and what else the cast has to do. */
import { type ColumnType, type ScalarType } from "../../model/ColumnType.ts"
import type { Context } from "./context.ts"
import { didYouMean } from "../../model/nearestName.ts"
import type { TreeNode } from "../Parse.ts"

/** A type as a cast names it. */
export interface NamedType {
  readonly type: ColumnType
  /** `numeric(10, 2)`, `varchar(20)`, `timestamp(3)`: what is in the brackets. */
  readonly modifiers: ReadonlyArray<number>
  /** The name that PostgreSQL knows it by. */
  readonly name: string
}

export type TypeName = Extract<TreeNode, { TypeName: unknown }>["TypeName"]

const NAMES: Readonly<Record<string, ScalarType>> = {
  bool: "boolean",
  boolean: "boolean",
  int2: "integer",
  int4: "integer",
  int8: "integer",
  integer: "integer",
  float8: "double",
  double: "double",
  numeric: "decimal",
  decimal: "decimal",
  text: "string",
  string: "string",
  varchar: "string",
  bytea: "bytes",
  bytes: "bytes",
  date: "date",
  time: "time",
  timestamp: "timestamp",
  timestamptz: "timestamptz",
  interval: "interval",
  uuid: "uuid",
  json: "json",
}

/** Names that many databases have, and what to write here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  float4: "double precision",
  real: "double precision",
  float: "double precision",
  bpchar: "text",
  char: "text",
  name: "text",
  citext: "text",
  jsonb: "json",
  timetz: "time",
  datetime: "timestamp",
  datetime2: "timestamp",
  number: "numeric",
  tinyint: "smallint",
  int64: "bigint",
  money: "numeric",
  blob: "bytea",
}

/** How many modifiers a type takes at most, by its name. */
const MODIFIERS: Readonly<Record<string, number>> = { numeric: 2, varchar: 1, time: 1, timestamp: 1, timestamptz: 1, interval: 2 }

export const namedType = (context: Context, tree: TypeName, location: number | undefined): NamedType | undefined => {
  const names = (tree.names ?? []).map(nameOf)
  if (names.length > 1 && names[0] !== "pg_catalog") return context.unsupported(location, `A type of a schema (${names.join(".")})`)
  const name = names.at(-1) ?? ""
  const scalar = Object.hasOwn(NAMES, name) ? NAMES[name]! : undefined
  if (scalar === undefined) return unknownType(context, name, location)
  if (tree.setof === true || tree.pct_type === true) return context.unsupported(location, "SETOF and %TYPE")
  const modifiers = modifiersOf(tree)
  if (modifiers === undefined || modifiers.length > (MODIFIERS[name] ?? 0)) {
    return context.issue("EXPRESSION_TYPE", context.position(location), `The type ${name} does not take these modifiers.`)
  }
  const bounds = tree.arrayBounds?.length ?? 0
  if (bounds > 1) return context.unsupported(location, "An array of arrays")
  return { type: bounds === 1 ? `${scalar}[]` : scalar, modifiers, name }
}

export const nameOf = (tree: TreeNode): string => ("String" in tree ? (tree.String.sval ?? "") : "")

const unknownType = (context: Context, name: string, location: number | undefined): undefined => {
  if (Object.hasOwn(ELSEWHERE, name)) return context.unsupported(location, `The type ${name}`, `Use ${ELSEWHERE[name]!}.`)
  const hint = didYouMean(name, Object.keys(NAMES)).trim()
  return context.issue("EXPRESSION_TYPE", context.position(location), `There is no type ${name}.`, hint === "" ? undefined : hint)
}

const modifiersOf = (tree: TypeName): ReadonlyArray<number> | undefined => {
  const values = (tree.typmods ?? []).map(integerOf)
  return values.every((value) => value !== undefined) ? values : undefined
}

const integerOf = (tree: TreeNode): number | undefined => {
  if ("A_Const" in tree && tree.A_Const.ival !== undefined) return tree.A_Const.ival.ival ?? 0
  // A minus before the number.
  const { name, lexpr, rexpr } = "A_Expr" in tree ? tree.A_Expr : {}
  const inner = rexpr === undefined || lexpr !== undefined ? undefined : integerOf(rexpr)
  return inner !== undefined && name !== undefined && nameOf(name[0]!) === "-" ? -inner : undefined
}
