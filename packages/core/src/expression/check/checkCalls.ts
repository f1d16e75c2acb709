/** Function calls: looked up in the library by name and types. */
import { didYouMean } from "../../model/nearestName.ts"
import { microsOf } from "../../model/Temporal.ts"
import { cast, coerceAll, strictCall } from "./coerce.ts"
import { type Context, type FuncCall, type Operand, showType } from "./context.ts"
import { fold } from "./fold.ts"
import { library } from "../functions/library.ts"
import { constant, reviveLiteral } from "../literals.ts"
import { timeUnit } from "../functions/intervalText.ts"
import type { Node } from "../Node.ts"
import type { TreeNode } from "../Parse.ts"
import { type ParameterType, type Resolved, resolve, showSignature, type Signature } from "../functions/signatures.ts"
import { nameOf } from "./types.ts"

type ClockCall = Extract<TreeNode, { SQLValueFunction: unknown }>["SQLValueFunction"]

export const checkCall = (context: Context, part: FuncCall): Operand | undefined => {
  const names = (part.funcname ?? []).map(nameOf)
  const name = names.at(-1) ?? ""
  if (names.length > 1 && names[0] !== "pg_catalog")
    return context.unsupported(part.location, `A function of a schema (${names.join(".")})`)
  if (context.aggregates !== undefined && AGGREGATES.has(name)) return context.aggregates.check(part, name)
  const refused = refuseClause(part, name)
  if (refused !== undefined) return context.unsupported(part.location, refused.what, refused.hint)
  // What stands in a misspelled aggregate is no mistake of its own.
  if (context.aggregates !== undefined && !library.has(name))
    return clockFunction(context, name, part) ?? unknownFunction(context, name, part.location)
  const operands = name === "datediff" ? unitThenDates(context, part.args ?? []) : context.checkAll(part.args ?? [])
  const candidates = library.get(name)
  if (name === "age" && operands?.length === 1) return ageUntilToday(context, operands[0]!, part.location)
  if (candidates === undefined || isOperatorName(name))
    return clockFunction(context, name, part) ?? unknownFunction(context, name, part.location)
  if (operands === undefined) return undefined
  const resolved = resolve(
    candidates,
    operands.map((operand) => operand.type),
  )
  if (typeof resolved !== "string") return callSignature(context, resolved, operands, part.location)
  const given = `${name}(${operands.map(showType).join(", ")})`
  const message = resolved === "none" ? `There is no function ${given}.` : `${given} can be read in several ways.`
  return context.issue("UNKNOWN_FUNCTION", context.position(part.location), message, `There is ${listSignatures(candidates)}.`)
}

const isOperatorName = (name: string): boolean => !/^[a-z_]/.test(name)

const MOST_SIGNATURES = 5

export const listSignatures = (candidates: ReadonlyArray<Signature>): string => {
  const shown = candidates.slice(0, MOST_SIGNATURES).map(showSignature)
  return shown.join(", ") + (candidates.length > MOST_SIGNATURES ? ", …" : "")
}

/** The call of one signature, arguments brought to its types. */
export const callSignature = (
  context: Context,
  { signature, types, result }: Resolved,
  operands: ReadonlyArray<Operand>,
  location: number | undefined,
): Node | undefined => {
  const coerced = coerceAll(context, operands, types)
  if (coerced === undefined) return undefined
  const args = coerced.map((arg, i) => asText(arg, signature.parameters[Math.min(i, signature.parameters.length - 1)]!))
  const constants = args.map((arg) => {
    const folded = fold(arg)
    return folded.kind === "constant" ? reviveLiteral(folded.value, folded.type) : undefined
  })
  const wrong = signature.refuse?.(constants)
  const wrongTypes = signature.refuseTypes?.(types)
  if (wrongTypes !== undefined) return context.issue("EXPRESSION_TYPE", context.position(location), wrongTypes)
  if (wrong !== undefined) return context.issue("INVALID_ARGUMENT", context.position(location), wrong)
  const nullable = signature.nullable || (signature.strict && args.some((arg) => arg.nullable))
  const name = signature.implementation
  const ordered = signature.swapped ? args.toReversed() : withPrepared(signature, args)
  const { strict, nullable: givesNull } = signature
  return { kind: "call", name, type: result, nullable, strict, givesNull, args: ordered }
}

/** The argument as text, where the signature takes any type. */
const asText = (arg: Node, parameter: ParameterType): Node => {
  if (parameter === "output" && arg.type === "boolean") return fold(strictCall("booleanToOutput", "string", [arg]))
  if (parameter === "outputs" && arg.type === "boolean[]") {
    return fold(strictCall("castItems", "string[]", [arg, constant("booleanToOutput", "string")]))
  }
  if (parameter === "output" || parameter === "printed") return cast(arg, "string")!
  if (parameter === "jsonValue" && arg.type !== "json") return fold(strictCall("valueToJson", "json", [arg, constant(arg.type, "string")]))
  return parameter === "outputs" ? cast(arg, "string[]")! : arg
}

const withPrepared = ({ prepare }: Signature, args: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  if (prepare === undefined) return args
  const { by, from } = prepare
  const sources = from.flatMap((index) => args[index] ?? [])
  const made: Node = {
    kind: "prepare",
    name: by,
    type: "string",
    nullable: sources.some((source) => source.nullable),
    args: sources.map(fold),
  }
  return args.flatMap((arg, i) => (i === from[0] ? [made] : from.includes(i) ? [] : [arg]))
}

interface Refusal {
  readonly what: string
  readonly hint?: string
}

const AGGREGATES: ReadonlySet<string> = new Set(
  (
    "count sum avg min max string_agg array_agg bool_and bool_or every stddev stddev_pop stddev_samp variance var_pop var_samp json_agg " +
    "jsonb_agg json_object_agg jsonb_object_agg percentile_cont percentile_disc mode bit_and bit_or corr covar_pop covar_samp any_value"
  ).split(" "),
)

const WINDOWS: ReadonlySet<string> = new Set(
  "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value".split(" "),
)

const refuseClause = (part: FuncCall, name: string): Refusal | undefined => {
  const shown = name.toUpperCase()
  if (part.over !== undefined || WINDOWS.has(name)) return { what: `The window function ${shown}` }
  if (AGGREGATES.has(name)) return { what: `The aggregate ${shown}`, hint: "Aggregates belong to an aggregate step." }
  if (part.agg_star === true || part.agg_distinct === true || part.agg_filter !== undefined || part.agg_order !== undefined) {
    return { what: `${shown} with *, DISTINCT, FILTER or ORDER BY` }
  }
  return part.func_variadic === true ? { what: "VARIADIC" } : undefined
}

/** Functions that PostgreSQL has and this language does not have yet. */
const ABSENT: ReadonlySet<string> = new Set(
  (
    "overlaps regexp_matches regexp_match regexp_split_to_array regexp_split_to_table string_to_array string_to_table array_to_string unnest " +
    "json_build_object json_build_array jsonb_build_object to_json to_jsonb row_to_json json_extract_path json_extract_path_text json_array_length " +
    "json_typeof jsonb_set generate_series random gen_random_uuid uuidv7 to_number make_interval make_timestamptz justify_days justify_hours " +
    "justify_interval isfinite format quote_ident quote_literal similar_to_escape normalize is_normalized xmlforest array_append array_cat " +
    "array_position array_remove set_config current_setting pg_sleep nextval currval width_bucket sin cos tan asin acos atan atan2 degrees " +
    "radians factorial gcd lcm cbrt div log10 parse_ident convert_from convert_to overlay get_byte set_byte to_hex bit_length collation for"
  ).split(" "),
)

const unknownFunction = (context: Context, name: string, location: number | undefined): undefined => {
  if (clockFunctions.includes(name))
    return context.issue("UNKNOWN_FUNCTION", context.position(location), `${name.toUpperCase()} takes no arguments.`, `Write ${name}().`)
  if (ABSENT.has(name) && !library.has(name)) return context.unsupported(location, `The function ${name.toUpperCase()}`)
  const known = [...library.keys(), ...FORMS, ...clockFunctions, ...(context.aggregates?.names ?? [])].filter(
    (candidate) => !isOperatorName(candidate),
  )
  const hint = didYouMean(name, known).trim()
  return context.issue("UNKNOWN_FUNCTION", context.position(location), `There is no function ${name}.`, hint === "" ? undefined : hint)
}

/** Names that the parser knows by itself. */
const FORMS: ReadonlyArray<string> = ["coalesce", "nullif", "greatest", "least", "extract", "position", "substring", "trim", "cast"]

const clockFunctions: ReadonlyArray<string> = ["now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"]

/** `DATEDIFF(day, a, b)`: warehouses write the unit without quotes. */
const unitThenDates = (context: Context, args: ReadonlyArray<TreeNode>): ReadonlyArray<Operand> | undefined => {
  const [first, ...rest] = args
  const fields = first !== undefined && "ColumnRef" in first ? (first.ColumnRef.fields ?? []) : []
  const unit = fields.length === 1 ? nameOf(fields[0]!) : ""
  if (timeUnit(unit) === undefined || context.scope.columns.some((column) => column.name === unit)) return context.checkAll(args)
  const dates = context.checkAll(rest)
  return dates === undefined ? undefined : [constant(unit, "string"), ...dates]
}

/** The age at the midnight with which the run's first day began. */
const ageUntilToday = (context: Context, operand: Operand, location: number | undefined): Node | undefined => {
  const type = operand.type === "timestamptz" ? "timestamptz" : "timestamp"
  const today = strictCall("dateToTimestamp", type, [strictCall("timestampToDate", "date", [nowNode(context)])])
  const resolved = resolve(library.get("age")!, [type, operand.type])
  if (typeof resolved !== "string") return callSignature(context, resolved, [fold(today), operand], location)
  return context.issue("UNKNOWN_FUNCTION", context.position(location), `There is no function age(${showType(operand)}).`)
}

/** All clocks stand still at the run's start. */
const clockFunction = (context: Context, name: string, part: FuncCall): Node | undefined =>
  clockFunctions.includes(name) && (part.args ?? []).length === 0 ? nowNode(context) : undefined

const nowNode = ({ scope }: Context): Node => {
  const day = Math.floor(scope.now / 86_400_000)
  return constant(microsOf(day, Math.round((scope.now - day * 86_400_000) * 1000)), "timestamptz")
}

/** CURRENT_DATE, CURRENT_TIMESTAMP and the like; in UTC, as everything. */
export const checkClock = (context: Context, part: ClockCall): Operand | undefined => {
  const now = nowNode(context)
  const precision = part.typmod ?? 0
  switch (part.op) {
    case "SVFOP_CURRENT_DATE":
      return strictCall("timestampToDate", "date", [now])
    case "SVFOP_CURRENT_TIMESTAMP":
      return now
    case "SVFOP_LOCALTIMESTAMP":
      return strictCall("same", "timestamp", [now])
    case "SVFOP_LOCALTIME":
      return strictCall("timestampToTime", "time", [now])
    case "SVFOP_CURRENT_TIMESTAMP_N":
      return strictCall("timestampAt", "timestamptz", [now, constant(precision, "integer")])
    case "SVFOP_LOCALTIMESTAMP_N":
      return strictCall("timestampAt", "timestamp", [now, constant(precision, "integer")])
    default:
      return context.unsupported(part.location, (part.op ?? "").replace("SVFOP_", ""))
  }
}
