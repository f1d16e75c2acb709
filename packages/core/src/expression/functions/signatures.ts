/** What functions and operators take and give, and PostgreSQL's rules for choosing among those of one name. */
import { type ColumnType, elementType, isArrayType, type ScalarType } from "../../model/ColumnType.ts"
import { categoryOf, isImplicit, isPreferred, type OperandType } from "../check/typing.ts"

/**
 * `anyarray` and `anyelement` of one signature belong together. The others take any type and bring it to text: `printed` as a cast does,
 * `output` as a client sees it (`t` for true), `outputs` the items of an array so, `jsonValue` as JSON.
 */
export type ParameterType = ColumnType | "anyarray" | "anyelement" | "printed" | "output" | "outputs" | "jsonValue"

export interface Signature {
  readonly name: string
  readonly parameters: ReadonlyArray<ParameterType>
  /** The last parameter may be given any number of times, once at least. */
  readonly variadic: boolean
  readonly result: ParameterType
  /** Name in `runtime`. */
  readonly implementation: string
  /** A null argument makes the result null, and the function is not called. */
  readonly strict: boolean
  /** Arguments that are not null can still give null. */
  readonly nullable: boolean
  /** Looks at the arguments that are constant (undefined for the others) and says what is wrong with them. */
  readonly refuse: ((constants: ReadonlyArray<unknown>) => string | undefined) | undefined
  /** Looks at the types of the arguments and says what is wrong with them, where the parameters alone do not say it. */
  readonly refuseTypes: ((types: ReadonlyArray<ColumnType>) => string | undefined) | undefined
  /** The arguments are computed and handed over in the other order: to PostgreSQL, `integer + date` is `date + integer`. */
  readonly swapped: boolean
  /**
   * Function of `runtime` that makes the arguments `prepare.from` ready, once where they are constant: a pattern, a format. What it gives
   * takes the place of the first of them, and the others are left out.
   */
  readonly prepare: { readonly by: string; readonly from: ReadonlyArray<number> } | undefined
}

type Options = Partial<Pick<Signature, "strict" | "nullable" | "swapped" | "refuse" | "refuseTypes" | "prepare">>

/** `fn("left(string, integer)", "string", "leftText")`; `...` before the last type makes it variadic. */
export const fn = (call: string, result: ParameterType, implementation: string, options: Options = {}): Signature => {
  const open = call.indexOf("(")
  const list = call.slice(open + 1, -1).trim()
  const parts = list === "" ? [] : list.split(/,\s*/)
  const variadic = parts.at(-1)?.startsWith("...") ?? false
  return {
    name: call.slice(0, open),
    parameters: parts.map((part) => part.replace("...", "") as ParameterType),
    variadic,
    result,
    implementation,
    strict: options.strict ?? true,
    nullable: options.nullable ?? false,
    swapped: options.swapped ?? false,
    refuse: options.refuse,
    refuseTypes: options.refuseTypes,
    prepare: options.prepare,
  }
}

/** `op("integer + integer", "integer", "addInteger")`; `op("- integer", …)` for a prefix operator. */
export const op = (form: string, result: ParameterType, implementation: string, options: Options = {}): Signature => {
  const parts = form.split(" ")
  const types = parts.length === 3 ? [parts[0]!, parts[2]!] : [parts[1]!]
  return fn(`${parts.length === 3 ? parts[1]! : parts[0]!}(${types.join(", ")})`, result, implementation, options)
}

export const showSignature = ({ name, parameters, variadic }: Signature): string =>
  `${name}(${parameters.map((type, i) => (variadic && i === parameters.length - 1 ? `${type}, …` : type)).join(", ")})`

export interface Resolved {
  readonly signature: Signature
  /** The types that the arguments must be brought to; undefined: any type will do, as it is. */
  readonly types: ReadonlyArray<ColumnType>
  readonly result: ColumnType
}

export type Resolution = Resolved | "none" | "ambiguous"

/** Chooses as PostgreSQL does (its manual, "Type Conversion"): exact match, then fewest conversions, then preferred types. */
export const resolve = (candidates: ReadonlyArray<Signature>, args: ReadonlyArray<OperandType>): Resolution => {
  const fitting = candidates.map((signature) => bind(signature, args)).filter((bound) => bound !== undefined)
  const exact = fitting.filter(({ types }) => types.every((type, i) => type === args[i]))
  if (exact.length > 0) return exact[0]!
  let left: ReadonlyArray<Resolved> = fitting
  for (const narrow of [byTwin, byExact, byPreferred, byCategory, byKnown]) if (left.length > 1) left = narrow(left, args)
  if (left.length === 1) return left[0]!
  return left.length === 0 ? "none" : "ambiguous"
}

const bind = (signature: Signature, args: ReadonlyArray<OperandType>): Resolved | undefined => {
  const { parameters, variadic } = signature
  if (variadic ? args.length < parameters.length : args.length !== parameters.length) return undefined
  const element = elementOf(parameters, args)
  const types: Array<ColumnType> = []
  for (const [i, arg] of args.entries()) {
    const type = bindParameter(parameters[Math.min(i, parameters.length - 1)]!, arg, element)
    if (type === undefined || !isImplicit(arg, type)) return undefined
    types.push(type)
  }
  const result = bindParameter(signature.result, "unknown", element)
  return result === undefined ? undefined : { signature, types, result }
}

const bindParameter = (parameter: ParameterType, arg: OperandType, element: ScalarType | undefined): ColumnType | undefined => {
  if (parameter === "output" || parameter === "jsonValue") return arg === "unknown" ? "string" : arg
  // A text or an array has operators of its own.
  if (parameter === "printed") return arg === "unknown" || arg === "string" || isArrayType(arg) ? undefined : arg
  if (parameter === "outputs") return arg !== "unknown" && isArrayType(arg) ? arg : undefined
  if (parameter === "anyelement") return arg !== "unknown" && isArrayType(arg) ? undefined : element
  if (parameter === "anyarray") return element === undefined ? undefined : `${element}[]`
  return parameter
}

/** What `anyelement` stands for in this call. */
const elementOf = (parameters: ReadonlyArray<ParameterType>, args: ReadonlyArray<OperandType>): ScalarType | undefined => {
  let found: ScalarType | undefined
  for (const [i, parameter] of parameters.entries()) {
    const arg = args[i]
    if (arg === undefined || arg === "unknown") continue
    const element = parameter === "anyarray" && isArrayType(arg) ? elementType(arg) : undefined
    const scalar = parameter === "anyelement" && !isArrayType(arg) ? arg : undefined
    const type = element ?? scalar
    if (type !== undefined && (found === undefined || isImplicit(found, type))) found = type
  }
  return found
}

type Narrow = (candidates: ReadonlyArray<Resolved>, args: ReadonlyArray<OperandType>) => ReadonlyArray<Resolved>

/** An unknown side of an operator is first taken for the type of the other side. */
const byTwin: Narrow = (candidates, args) => {
  if (args.length !== 2) return candidates
  const known = args.find((arg) => arg !== "unknown")
  const twins = candidates.filter(({ types, signature }) => isOperator(signature) && types.every((type) => type === known))
  return twins.length === 1 ? twins : candidates
}

const isOperator = ({ name }: Signature): boolean => !/^[a-z_]/.test(name)

const best = (candidates: ReadonlyArray<Resolved>, score: (candidate: Resolved) => number): ReadonlyArray<Resolved> => {
  const scores = candidates.map(score)
  const highest = Math.max(...scores)
  return candidates.filter((_, i) => scores[i] === highest)
}

const byExact: Narrow = (candidates, args) => best(candidates, ({ types }) => types.filter((type, i) => type === args[i]).length)

const byPreferred: Narrow = (candidates, args) =>
  best(candidates, ({ types }) => types.filter((type, i) => args[i] !== "unknown" && (type === args[i] || isPreferred(type))).length)

/** Unknown arguments are taken for strings where a candidate takes one, else for the one category that all candidates agree on. */
const byCategory: Narrow = (candidates, args) => {
  let left = candidates
  for (const [i, arg] of args.entries()) {
    if (arg !== "unknown") continue
    const categories = new Set(left.map(({ types }) => categoryOf(types[i]!)))
    const category = categories.has("string") ? "string" : categories.size === 1 ? [...categories][0]! : undefined
    if (category === undefined) continue
    left = left.filter(({ types }) => categoryOf(types[i]!) === category)
    if (left.some(({ types }) => isPreferred(types[i]!))) left = left.filter(({ types }) => isPreferred(types[i]!))
  }
  return left
}

/** Where all known arguments have one type, the unknown ones are taken for it too. */
const byKnown: Narrow = (candidates, args) => {
  const known = new Set(args.filter((arg) => arg !== "unknown"))
  if (known.size !== 1) return candidates
  const type = [...known][0]!
  const left = candidates.filter(({ types }) => types.every((parameter) => isImplicit(type, parameter)))
  return left.length === 1 ? left : candidates
}
