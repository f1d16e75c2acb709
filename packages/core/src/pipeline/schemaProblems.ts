/**
 * Decodes a value with an Effect Schema and says in plain words what is wrong with it. Used for our own keys and for plugins' configs
 * alike.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import { didYouMean } from "../model/nearestName.ts"
import { isMapping, type Path, valueAt } from "./path.ts"
import { describeValue, missingKey, type Problem, unknownKey, wrongValue } from "./problem.ts"

export type Outcome<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly problems: ReadonlyArray<Problem> }

const parseOptions = { errors: "all", onExcessProperty: "error" } as const

/** For schemas without asynchronous parts: all of ours. */
export const decodeWith = <A>(schema: Schema.ConstraintDecoder<A>, value: unknown, path: Path): Outcome<A> =>
  toOutcome(Schema.decodeUnknownExit(schema, parseOptions)(value), value, path)

/** For a plugin's schema, which may look something up. */
export const decodeWithAsync = async <A>(schema: Schema.ConstraintDecoder<A>, value: unknown, path: Path): Promise<Outcome<A>> =>
  toOutcome(await Effect.runPromiseExit(Schema.decodeUnknownEffect(schema, parseOptions)(value)), value, path)

const toOutcome = <A>(exit: Exit.Exit<A, Schema.SchemaError>, value: unknown, path: Path): Outcome<A> => {
  if (Exit.isSuccess(exit)) return { ok: true, value: exit.value }
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  // A filter that throws is the plugin's mistake, and still an answer for whoever wrote the file.
  if (error === undefined)
    return { ok: false, problems: [{ code: "INVALID_VALUE", message: `the check of this value broke: ${firstLine(exit.cause)}`, path }] }
  const context = { root: value, base: path, owner: undefined }
  return { ok: false, problems: issueProblems(error.issue, [], context) }
}

const firstLine = (cause: Cause.Cause<unknown>): string => Cause.pretty(cause).split("\n")[0]!

interface Context {
  readonly root: unknown
  readonly base: Path
  /** The mapping that a key belongs to. */
  readonly owner: SchemaAST.AST | undefined
}

const issueProblems = (issue: SchemaIssue.Issue, path: Path, context: Context): ReadonlyArray<Problem> => {
  switch (issue._tag) {
    case "Pointer":
      return issueProblems(issue.issue, [...path, ...issue.path.map(toPart)], context)
    case "Composite":
      return issue.issues.flatMap((inner) => issueProblems(inner, path, { ...context, owner: issue.ast }))
    case "Encoding":
      return issueProblems(issue.issue, path, context)
    case "Filter":
      return filterProblems(issue, path, context)
    case "AnyOf":
      return unionProblems(issue, path, context)
    default:
      return [leafProblem(issue, path, context)]
  }
}

const toPart = (part: PropertyKey): string | number => (typeof part === "number" ? part : String(part))

const leafProblem = (issue: SchemaIssue.Leaf, path: Path, context: Context): Problem => {
  const place = [...context.base, ...path]
  const value = valueAt(context.root, path)
  switch (issue._tag) {
    case "UnexpectedKey":
      return unknownKey(place, keysOf(context.owner))
    case "MissingKey":
      return missingKey(place, descriptionOf(propertyOf(context.owner, path.at(-1))))
    case "InvalidType":
      return typeProblem(issue.ast, value, place)
    case "InvalidValue":
      return (
        said(issue.annotations, value, place) ?? {
          code: "INVALID_VALUE",
          message: `${describeValue(value)} is not allowed here.`,
          path: place,
        }
      )
    case "Forbidden":
      return { code: "INVALID_VALUE", message: "this value cannot be checked here.", path: place }
    case "OneOf":
      return { code: "INVALID_VALUE", message: "this value fits several of the allowed forms.", path: place }
  }
}

const typeProblem = (ast: SchemaAST.AST, value: unknown, path: Path): Problem => {
  if (value === undefined) return missingKey(path, descriptionOf(ast))
  const more = nearestLiteral(ast, value)
  return said(ast.annotations, value, path, more) ?? wrongValue(path, expectedOf(ast), value, more)
}

/** What the schema's author said of the value, as a whole message or as what was expected. */
const said = (annotations: Annotated, value: unknown, path: Path, more = ""): Problem | undefined => {
  const message = annotations?.["message"]
  if (typeof message === "string") return { code: "INVALID_VALUE", message: /[.!?]$/.test(message) ? message : `${message}.`, path }
  const expected = annotations?.["expected"]
  return typeof expected === "string" ? wrongValue(path, expected, value, more) : undefined
}

type Annotated = Readonly<Record<string, unknown>> | undefined

const filterProblems = (issue: SchemaIssue.Filter, path: Path, context: Context): ReadonlyArray<Problem> => {
  if (issue.issue._tag !== "InvalidValue") return issueProblems(issue.issue, path, context)
  const place = [...context.base, ...path]
  const value = valueAt(context.root, path)
  // A check that gave its own text says more than the name of the check.
  const problem = said(issue.issue.annotations, value, place) ?? said(issue.filter.annotations, value, place)
  return [problem ?? { code: "INVALID_VALUE", message: `${describeValue(value)} is not allowed here.`, path: place }]
}

const unionProblems = (issue: SchemaIssue.AnyOf, path: Path, context: Context): ReadonlyArray<Problem> => {
  const value = valueAt(context.root, path)
  const place = [...context.base, ...path]
  if (value === undefined && path.length > 0) return [missingKey(place, descriptionOf(issue.ast))]
  const unknownType = isMapping(value) ? typeProblems(issue.ast, value, place) : undefined
  if (unknownType !== undefined) return [unknownType]
  // Of several forms, the one that has the value's own kind says what is wrong inside.
  const inside = issue.issues.filter((inner) => inner._tag === "Composite" && isContainer(inner.ast) && isContainerValue(value))
  const closest = inside.map((inner) => issueProblems(inner, path, context)).toSorted((a, b) => a.length - b.length)[0]
  return closest ?? [typeProblem(issue.ast, value, place)]
}

const isContainer = (ast: SchemaAST.AST): boolean => SchemaAST.isObjects(ast) || SchemaAST.isArrays(ast)

const isContainerValue = (value: unknown): boolean => typeof value === "object" && value !== null

/** Where all forms are mappings told apart by one key (`type`): what is wrong with that key. */
const typeProblems = (union: SchemaAST.Union, value: Readonly<Record<string, unknown>>, path: Path): Problem | undefined => {
  const mappings = union.types.filter((ast) => SchemaAST.isObjects(ast))
  const known = mappings.map((ast) => propertyOf(ast, "type")).filter((ast) => ast !== undefined && SchemaAST.isLiteral(ast))
  if (known.length < 2 || known.length < mappings.length) return undefined
  const types = known.map((ast) => String(ast.literal))
  const type = value["type"]
  if (type === undefined) return { ...missingKey([...path, "type"], `one of ${types.join(", ")}.`) }
  if (types.includes(String(type))) return undefined
  return wrongValue([...path, "type"], `one of ${types.join(", ")}`, type, typeof type === "string" ? didYouMean(type, types) : "")
}

const nearestLiteral = (ast: SchemaAST.AST, value: unknown): string =>
  SchemaAST.isUnion(ast) && typeof value === "string" ? didYouMean(value, literalsOf(ast)) : ""

const literalsOf = (union: SchemaAST.Union): ReadonlyArray<string> =>
  union.types.filter(SchemaAST.isLiteral).map((ast) => String(ast.literal))

/** `one of a, b`, `a whole number, 1 or more`, `text`. */
export const expectedOf = (ast: SchemaAST.AST): string => {
  const own = ast.annotations?.["expected"] ?? ast.annotations?.["identifier"]
  if (typeof own === "string") return own
  const kind = kindOf(ast)
  const check = ast.checks?.at(-1)?.annotations?.["expected"]
  return typeof check === "string" ? check.replace(/^a (value|finite number)\b/, kind) : kind
}

const kindOf = (ast: SchemaAST.AST): string => {
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return "text"
    case "Number":
    case "BigInt":
      return "a number"
    case "Boolean":
      return "true or false"
    case "Objects":
    case "ObjectKeyword":
      return "a mapping"
    case "Arrays":
      return "a list"
    case "Null":
    case "Undefined":
    case "Void":
    case "Never":
      return "nothing"
    case "Literal":
      return JSON.stringify(ast.literal)
    case "Union":
      return unionKind(ast)
    default:
      return "another value"
  }
}

const unionKind = (union: SchemaAST.Union): string => {
  const literals = literalsOf(union)
  if (literals.length === union.types.length) return literals.length === 1 ? JSON.stringify(literals[0]) : `one of ${literals.join(", ")}`
  return [...new Set(union.types.map(expectedOf))].join(" or ")
}

const propertyOf = (owner: SchemaAST.AST | undefined, name: string | number | undefined): SchemaAST.AST | undefined =>
  owner !== undefined && SchemaAST.isObjects(owner) ? owner.propertySignatures.find((property) => property.name === name)?.type : undefined

/** The keys that a mapping knows. */
export const keysOf = (owner: SchemaAST.AST | undefined): ReadonlyArray<string> =>
  owner !== undefined && SchemaAST.isObjects(owner) ? owner.propertySignatures.map((property) => String(property.name)) : []

/** The `description` of a key, wherever the schema's author put it. */
export const descriptionOf = (ast: SchemaAST.AST | undefined): string | undefined => {
  if (ast === undefined) return undefined
  const places: ReadonlyArray<Annotated> = [ast.context?.annotations, ast.checks?.at(-1)?.annotations, ast.annotations]
  const own = places.map((annotations) => annotations?.["description"]).find((text) => typeof text === "string")
  return typeof own === "string" ? own : descriptionOf(ast.encoding?.at(-1)?.to)
}
