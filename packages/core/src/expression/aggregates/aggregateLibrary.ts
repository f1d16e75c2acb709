/** All aggregates of the language: what they take and give, and their accumulators. */
import { type ColumnType, elementType, isArrayType, type ScalarType } from "../../model/ColumnType.ts"
import { fn, type Signature } from "../functions/signatures.ts"
import { type Accumulator, type AggregateCall, opaque } from "./Aggregate.ts"
import { anyValue, every, extreme, some } from "./choices.ts"
import { mode, percentileCont, percentileDisc, sorted } from "./collected.ts"
import { joiningBytes, joiningText, listing } from "./lists.ts"
import { type Measure, statistics } from "./statistics.ts"
import { averages, counting, sums } from "./sums.ts"

const ORDERED: ReadonlyArray<ScalarType> = [
  "integer",
  "decimal",
  "double",
  "string",
  "bytes",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "interval",
]

/** The implementation's name is the aggregate's own. */
const aggregate = (call: string, result: Signature["result"]): Signature => fn(call, result, call.slice(0, call.indexOf("(")))

const MEASURES: Readonly<Record<string, Measure>> = {
  stddev: { isSample: true, isRoot: true },
  stddev_samp: { isSample: true, isRoot: true },
  stddev_pop: { isSample: false, isRoot: true },
  variance: { isSample: true, isRoot: false },
  var_samp: { isSample: true, isRoot: false },
  var_pop: { isSample: false, isRoot: false },
}

/** For those with WITHIN GROUP the last parameter is what ORDER BY gives. */
const signatures: ReadonlyArray<Signature> = [
  aggregate("count(output)", "integer"),
  ...["sum", "avg"].flatMap((name) => [
    aggregate(`${name}(integer)`, "decimal"),
    aggregate(`${name}(decimal)`, "decimal"),
    aggregate(`${name}(double)`, "double"),
    aggregate(`${name}(interval)`, "interval"),
  ]),
  ...["min", "max"].flatMap((name) => [
    ...ORDERED.map((type) => aggregate(`${name}(${type})`, type)),
    aggregate(`${name}(anyarray)`, "anyarray"),
  ]),
  aggregate("bool_and(boolean)", "boolean"),
  aggregate("bool_or(boolean)", "boolean"),
  aggregate("every(boolean)", "boolean"),
  aggregate("any_value(anyelement)", "anyelement"),
  aggregate("any_value(anyarray)", "anyarray"),
  aggregate("array_agg(anyelement)", "anyarray"),
  aggregate("string_agg(string, string)", "string"),
  aggregate("string_agg(bytes, bytes)", "bytes"),
  ...Object.keys(MEASURES).flatMap((name) => [
    aggregate(`${name}(integer)`, "decimal"),
    aggregate(`${name}(decimal)`, "decimal"),
    aggregate(`${name}(double)`, "double"),
  ]),
  aggregate("percentile_cont(double, double)", "double"),
  aggregate("percentile_cont(double, interval)", "interval"),
  aggregate("percentile_cont(double[], double)", "double[]"),
  aggregate("percentile_cont(double[], interval)", "interval[]"),
  aggregate("percentile_disc(double, anyelement)", "anyelement"),
  aggregate("percentile_disc(double[], anyelement)", "anyarray"),
  aggregate("mode(anyelement)", "anyelement"),
]

/** Signatures by name. */
export const aggregateLibrary: ReadonlyMap<string, ReadonlyArray<Signature>> = Map.groupBy(signatures, ({ name }) => name)

/** Those that take their values by WITHIN GROUP (ORDER BY …). */
export const takesGroup = (name: string): boolean => name.startsWith("percentile_") || name === "mode"

/** Those of which DISTINCT changes nothing. */
const INDIFFERENT: ReadonlySet<string> = new Set(["min", "max", "bool_and", "bool_or", "every", "any_value"])

export const heedsDistinct = (name: string): boolean => !INDIFFERENT.has(name)

/** Whether equal values of the type can look different: 1.0 and 1.00, 1 day and 24 hours, 0 and -0. */
const hasLooks = (type: ColumnType): boolean => {
  const scalar = isArrayType(type) ? elementType(type) : type
  return scalar === "decimal" || scalar === "interval" || scalar === "double"
}

export const isOrderedAggregate = (name: string, type: ColumnType): boolean =>
  name === "array_agg" || name === "string_agg" || name === "any_value" || (["min", "max", "mode"].includes(name) && hasLooks(type))

/** The accumulator of a call. It is a value without state: one serves all groups. */
export const accumulatorOf = (call: AggregateCall): Accumulator => {
  const plain = plainAccumulator(call)
  const isCollected = !takesGroup(call.aggregate) && (call.distinct || call.order.length > 0)
  return isCollected ? opaque(sorted(call, plain)) : plain
}

const plainAccumulator = (call: AggregateCall): Accumulator => {
  const argument = call.args[0]?.type
  const kind = argument === "decimal" || argument === "double" || argument === "interval" ? argument : "integer"
  switch (call.aggregate) {
    case "count":
      return opaque(counting(argument === undefined))
    case "sum":
      return sums[kind]
    case "avg":
      return averages[kind]
    case "min":
      return opaque(extreme(call.type, -1))
    case "max":
      return opaque(extreme(call.type, 1))
    case "bool_and":
    case "every":
      return opaque(every)
    case "bool_or":
      return opaque(some)
    case "any_value":
      return opaque(anyValue(call.type))
    case "array_agg":
      return opaque(listing(argument!))
    case "string_agg":
      return argument === "bytes" ? opaque(joiningBytes) : opaque(joiningText)
    case "percentile_cont":
      return opaque(percentileCont(call))
    case "percentile_disc":
      return opaque(percentileDisc(call))
    case "mode":
      return opaque(mode(call))
    default:
      return measuring(call.aggregate, kind === "interval" ? "integer" : kind)
  }
}

const measuring = (name: string, kind: "integer" | "decimal" | "double"): Accumulator => {
  const measure = Object.hasOwn(MEASURES, name) ? MEASURES[name] : undefined
  if (measure === undefined) throw new Error(`The metric names the aggregate ${name}, which this version does not have.`)
  return statistics(measure)[kind]
}
