/**
 * Checks a text against the columns at hand and gives the typed tree, or every issue with its place.
 *
 * Names, types and casts are settled here, by PostgreSQL's rules, so that nothing of the text is left to look up when rows run.
 */
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import { nearestName } from "../model/nearestName.ts"
import { fromRowValue, int64, typeOfRowValue } from "../model/Value.ts"
import { checkCall, checkClock } from "./check/checkCalls.ts"
import {
  checkArray,
  checkBooleanTest,
  checkCase,
  checkCoalesce,
  checkExtreme,
  checkLogic,
  checkNullTest,
  checkSubscript,
} from "./check/checkForms.ts"
import { checkCast } from "./check/checkCasts.ts"
import { checkOperation } from "./check/checkOperators.ts"
import { coerce, expect } from "./check/coerce.ts"
import { Context, type Operand, type UntypedNode } from "./check/context.ts"
import { fold } from "./check/fold.ts"
import { constant } from "./literals.ts"
import { childrenOf, type Node } from "./Node.ts"
import { parseExpression, type TreeNode } from "./Parse.ts"
import type { CheckResult, ExpressionIssue, Scope } from "./Scope.ts"
import { identifierAt, MAX_DEPTH, tooDeep } from "./tokens.ts"
import { nameOf } from "./check/types.ts"

/** `expected` is the type that the result must have; it is brought to it where PostgreSQL does so without a cast. */
export const checkExpression = (text: string, scope: Scope, expected?: ColumnType): CheckResult => {
  const result = parseExpression(text)
  if (!result.ok) return result
  const context = new Context(scope, result.parsed, checkTree)
  const operand = context.check(result.parsed.tree)
  const node = operand === undefined ? undefined : finish(context, operand, expected)
  if (node === undefined || context.issues.length > 0) return { ok: false, issues: inOrder(context) }
  return { ok: true, expression: { text, type: node.type, nullable: node.nullable, columns: columnsOf(node), node } }
}

export const finish = (context: Context, operand: Operand, expected: ColumnType | undefined): Node | undefined => {
  if (expected !== undefined) return expect(context, operand, expected)
  return operand.kind === "untyped" ? coerce(context, operand, "string") : operand
}

export const inOrder = (context: Context): ReadonlyArray<ExpressionIssue> => context.issues.toSorted((a, b) => a.position - b.position)

/** The columns that a node reads, ascending. */
export const columnsOf = (node: Node): ReadonlyArray<number> => {
  const found = new Set<number>()
  const collect = (part: Node): void => {
    if (part.kind === "column") found.add(part.index)
    childrenOf(part).forEach(collect)
  }
  collect(node)
  return Array.from(found).sort((a, b) => a - b)
}

export const checkTree = (context: Context, tree: TreeNode | undefined): Operand | undefined => {
  if (tree === undefined) throw new Error("The parser gave a tree with a part missing.")
  if (context.depth >= MAX_DEPTH) {
    if (!context.issues.some((issue) => issue.code === "EXPRESSION_LIMIT")) context.issues.push(tooDeep(0))
    return undefined
  }
  context.depth++
  const operand = checkKind(context, tree)
  context.depth--
  return operand === undefined || operand.kind === "untyped" ? operand : fold(operand)
}

const checkKind = (context: Context, tree: TreeNode): Operand | undefined => {
  if ("A_Const" in tree) return checkConstant(context, tree.A_Const)
  if ("ColumnRef" in tree) return checkColumn(context, tree.ColumnRef)
  if ("ParamRef" in tree) return checkParameter(context, tree.ParamRef)
  if ("A_Expr" in tree) return checkOperation(context, tree.A_Expr)
  if ("BoolExpr" in tree) return checkLogic(context, tree.BoolExpr)
  if ("FuncCall" in tree) return checkCall(context, tree.FuncCall)
  if ("TypeCast" in tree) return checkCast(context, tree.TypeCast)
  if ("NullTest" in tree) return checkNullTest(context, tree.NullTest)
  if ("BooleanTest" in tree) return checkBooleanTest(context, tree.BooleanTest)
  if ("CaseExpr" in tree) return checkCase(context, tree.CaseExpr)
  if ("CoalesceExpr" in tree) return checkCoalesce(context, tree.CoalesceExpr)
  if ("MinMaxExpr" in tree) return checkExtreme(context, tree.MinMaxExpr)
  if ("A_ArrayExpr" in tree) return checkArray(context, tree.A_ArrayExpr)
  if ("A_Indirection" in tree) return checkSubscript(context, tree.A_Indirection)
  if ("SQLValueFunction" in tree) return checkClock(context, tree.SQLValueFunction)
  return refuseKind(context, tree)
}

type Part<K extends string> = TreeNode extends infer T ? (T extends { readonly [P in K]: infer V } ? V : never) : never

const checkConstant = (context: Context, part: Part<"A_Const">): Operand | undefined => {
  if (part.isnull === true) return untyped(null, context.position(part.location))
  if (part.ival !== undefined) return constant(part.ival.ival ?? 0, "integer")
  if (part.fval !== undefined) return number(context, part.fval.fval ?? "0", part.location)
  if (part.boolval !== undefined) return constant(part.boolval.boolval ?? false, "boolean")
  if (part.bsval !== undefined) return context.unsupported(part.location, "A bit string")
  return untyped(part.sval?.sval ?? "", context.position(part.location))
}

const untyped = (text: string | null, position: number): UntypedNode => ({ kind: "untyped", type: "unknown", text, position })

/** Whole numbers up to 64 bits are integers, all else is decimal; `0x1F` and `1_000` are numbers too. */
const number = (context: Context, text: string, location: number | undefined): Node | undefined => {
  const digits = text.replaceAll("_", "")
  // The parser has made one number of a minus and its digits.
  const isWhole = /^-?(\d+|0[xob][0-9a-f]+)$/i.test(digits)
  const magnitude = isWhole ? BigInt(digits.replace("-", "")) : 0n
  const integer = isWhole ? (digits.startsWith("-") ? -magnitude : magnitude) : undefined
  const value = integer === undefined ? undefined : int64(integer)
  if (value !== undefined) return constant(value, "integer")
  if (integer !== undefined) return constant(new Decimal(integer, 0), "decimal")
  return coerce(context, { kind: "untyped", type: "unknown", text: digits, position: context.position(location) }, "decimal")
}

const checkColumn = (context: Context, part: Part<"ColumnRef">): Operand | undefined => {
  const fields = part.fields ?? []
  if (fields.some((field) => "A_Star" in field)) return context.unsupported(part.location, "A star (*)")
  const position = context.position(part.location)
  if (fields.length !== 1) {
    return context.unsupported(part.location, `A name with a table before it (${fields.map(nameOf).join(".")})`, "Name the column alone.")
  }
  const written = identifierAt(context.parsed.text, position)
  const name = written?.name ?? nameOf(fields[0]!)
  const index = findColumn(context.scope, name, written?.quoted ?? true)
  if (index >= 0) return columnNode(context.scope, index)
  return unknownColumn(context, name, position)
}

/** PostgreSQL folds a name that is not quoted to lower case. Where no column has that name, one that differs in case only is meant. */
const findColumn = ({ columns }: Scope, name: string, quoted: boolean): number => {
  const exact = columns.findIndex((column) => column.name === name)
  if (exact >= 0 || quoted) return exact
  const alike = columns.flatMap((column, i) => (column.name.toLowerCase() === name.toLowerCase() ? [i] : []))
  return alike.length === 1 ? alike[0]! : -1
}

const columnNode = ({ columns }: Scope, index: number): Node => ({
  kind: "column",
  index,
  type: columns[index]!.type,
  nullable: columns[index]!.nullable,
})

const MOST_NAMES = 12

const unknownColumn = (context: Context, name: string, position: number): undefined => {
  if (context.aggregates?.columns.some((column) => column.name === name) === true) {
    const message = `The column ${quoteIdentifier(name)} is no key of the group, and not within an aggregate.`
    return context.issue("UNKNOWN_COLUMN", position, message, `Group by it, or write MAX(${quoteIdentifier(name)}) or the like.`)
  }
  const names = context.scope.columns.map((column) => column.name)
  const nearest = name.length < 2 ? undefined : nearestName(name, names)
  const listed = `The columns here are: ${names.slice(0, MOST_NAMES).join(", ")}${names.length > MOST_NAMES ? ", …" : ""}.`
  const hint =
    nearest !== undefined ? `Did you mean ${quoteIdentifier(nearest)}?` : names.length === 0 ? "There are no columns here." : listed
  return context.issue("UNKNOWN_COLUMN", position, `There is no column ${quoteIdentifier(name)}.`, hint)
}

const quoteIdentifier = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)

const checkParameter = (context: Context, part: Part<"ParamRef">): Operand | undefined => {
  const position = context.position(part.location)
  const name = context.parsed.parameter(position)
  if (name === undefined) return context.unsupported(part.location, `A numbered parameter ($${part.number ?? 0})`, "Write :name.")
  const { runtime } = context.scope
  if (!Object.hasOwn(runtime, name)) return unknownParameter(context, name, position)
  const value = runtime[name]
  if (value === null || value === undefined) return untyped(null, position)
  if (typeof value === "string") return untyped(value, position)
  const type = typeOfRowValue(value)!
  return constant(fromRowValue(value, type), type)
}

const unknownParameter = (context: Context, name: string, position: number): undefined => {
  const names = Object.keys(context.scope.runtime)
  const nearest = name.length < 2 ? undefined : nearestName(name, names)
  const hint = nearest === undefined ? `There are: ${names.map((known) => `:${known}`).join(", ")}.` : `Did you mean :${nearest}?`
  return context.issue("UNKNOWN_COLUMN", position, `There is no runtime value :${name}.`, names.length === 0 ? undefined : hint)
}

const REFUSED: Readonly<Record<string, string>> = {
  SubLink: "A sub-query",
  RowExpr: "A row of several values",
  CollateClause: "COLLATE",
  SetToDefault: "DEFAULT",
  GroupingFunc: "GROUPING",
  XmlExpr: "XML",
  XmlSerialize: "XML",
  JsonObjectConstructor: "JSON_OBJECT",
  JsonArrayConstructor: "JSON_ARRAY",
  JsonArrayQueryConstructor: "JSON_ARRAY over a query",
  JsonObjectAgg: "JSON_OBJECTAGG",
  JsonArrayAgg: "JSON_ARRAYAGG",
  JsonFuncExpr: "An SQL/JSON function",
  JsonParseExpr: "JSON()",
  JsonScalarExpr: "JSON_SCALAR",
  JsonSerializeExpr: "JSON_SERIALIZE",
  JsonIsPredicate: "IS JSON",
  CurrentOfExpr: "CURRENT OF",
  MergeSupportFunc: "MERGE_ACTION",
  NamedArgExpr: "An argument by name",
}

const refuseKind = (context: Context, tree: TreeNode): undefined => {
  const [kind, part] = Object.entries(tree)[0]!
  const location = (part as { readonly location?: number }).location
  return context.unsupported(location, REFUSED[kind] ?? kind)
}
