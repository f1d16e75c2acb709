/** Aggregates that need all their rows at the end: DISTINCT, ORDER BY, and those with WITHIN GROUP. */
import type { ColumnType } from "../../model/ColumnType.ts"
import { Interval } from "../../model/Interval.ts"
import type { Value } from "../../model/Value.ts"
import { comparerOf } from "../comparison.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { dateRuntime } from "../functions/dates.ts"
import type { Accumulator, AggregateCall, Saved, SortKey } from "./Aggregate.ts"
import { joinKeys, keyOf, type Key, restoreValue, saveValue, sizeOf } from "./saved.ts"

/** The arguments of one row. */
interface Entry {
  readonly first: Value | null
  readonly second: Value | null
  readonly order: ReadonlyArray<Value | null>
}

type Order = (a: Entry, b: Entry) => number

/** The order of two values that may be null. */
const comparing =
  (type: ColumnType, descending: boolean, nullsFirst: boolean) =>
  (a: Value | null, b: Value | null): number => {
    if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1
    return descending ? -compareOf(type)(a, b) : compareOf(type)(a, b)
  }

const comparers = new Map<ColumnType, ReturnType<typeof comparerOf>>()

const compareOf = (type: ColumnType): ReturnType<typeof comparerOf> => {
  let known = comparers.get(type)
  if (known === undefined) comparers.set(type, (known = comparerOf(type)))
  return known
}

const byKeys = (keys: ReadonlyArray<SortKey>): Order => {
  const compares = keys.map(({ expression, descending, nullsFirst }) => comparing(expression.type, descending, nullsFirst))
  return (a, b) => {
    for (const [i, compare] of compares.entries()) {
      const order = compare(a.order[i]!, b.order[i]!)
      if (order !== 0) return order
    }
    return 0
  }
}

/** PostgreSQL finds what is distinct by sorting, so that is how the values come out. */
const byArguments = (types: ReadonlyArray<ColumnType>): Order => {
  const [first, second] = types.map((type) => comparing(type, false, false))
  return (a, b) => first!(a.first, b.first) || (second === undefined ? 0 : second(a.second, b.second))
}

const entrySize = (first: Value | null, second: Value | null, order: ReadonlyArray<Value | null>): number =>
  80 + sizeOf(first) + sizeOf(second) + order.reduce<number>((sum, value) => sum + sizeOf(value), 0)

interface Types {
  readonly first: ColumnType
  readonly second: ColumnType
  readonly order: ReadonlyArray<ColumnType>
}

const typesOf = ({ args, order }: AggregateCall): Types => ({
  first: args[0]?.type ?? "boolean",
  second: args[1]?.type ?? "boolean",
  order: order.map(({ expression }) => expression.type),
})

const saveEntry = ({ first, second, order }: Entry, types: Types): Saved => [
  saveValue(first, types.first),
  saveValue(second, types.second),
  order.map((value, i) => saveValue(value, types.order[i]!)),
]

const restoreEntry = (saved: Saved, types: Types): Entry => {
  const [first, second, order] = saved as readonly [Saved, Saved, ReadonlyArray<Saved>]
  return {
    first: restoreValue(first, types.first),
    second: restoreValue(second, types.second),
    order: order.map((value, i) => restoreValue(value, types.order[i]!)),
  }
}

interface Collected {
  readonly entries: Map<Key, Entry> | Array<Entry>
  size: number
}

type Finish = (entries: Array<Entry>) => Value | null

/** Keeps the entries, or only the first of those that are equal, and computes the result when it is asked for. */
const collecting = (
  types: Types,
  keyOfRow: ((first: Value | null, second: Value | null) => Key) | undefined,
  counts: (order: ReadonlyArray<Value | null>) => boolean,
  finish: Finish,
): Accumulator<Collected> => {
  const add: Accumulator<Collected>["add"] = (state, first, second, order) => {
    if (!counts(order)) return
    const { entries } = state
    if (entries instanceof Map) {
      const key = keyOfRow!(first, second)
      if (entries.has(key)) return
      entries.set(key, { first, second, order })
    } else entries.push({ first, second, order })
    state.size += entrySize(first, second, order)
  }
  const init = (): Collected => ({ entries: keyOfRow === undefined ? [] : new Map(), size: 0 })
  return {
    init,
    add,
    merge: (state, other) => {
      for (const { first, second, order } of other.entries.values()) add(state, first, second, order)
    },
    finish: (state) => finish([...state.entries.values()]),
    size: (state) => state.size,
    save: ({ entries }) => Array.from(entries.values(), (entry) => saveEntry(entry, types)),
    restore: (saved) => {
      const state = init()
      for (const entry of saved as ReadonlyArray<Saved>) {
        const { first, second, order } = restoreEntry(entry, types)
        add(state, first, second, order)
      }
      return state
    },
  }
}

const always = (): boolean => true

/** An aggregate over distinct arguments, or over rows in an order of their own. */
export const sorted = <State extends object>(call: AggregateCall, inner: Accumulator<State>): Accumulator<Collected> => {
  const types = typesOf(call)
  const argumentTypes = call.args.map(({ type }) => type)
  const order = call.order.length > 0 ? byKeys(call.order) : byArguments(argumentTypes)
  const finish: Finish = (entries) => {
    // A sum is the same in every order.
    if (call.isOrdered) entries.sort(order)
    const state = inner.init()
    for (const { first, second } of entries) inner.add(state, first, second, [])
    return inner.finish(state)
  }
  return collecting(types, call.distinct ? distinctKey(argumentTypes) : undefined, always, finish)
}

const distinctKey = (types: ReadonlyArray<ColumnType>): ((first: Value | null, second: Value | null) => Key) => {
  const [firstType, secondType] = types
  if (secondType === undefined) return (first) => keyOf(first, firstType!)
  return (first, second) => joinKeys([keyOf(first, firstType!), keyOf(second, secondType)])
}

/** An aggregate over the values of WITHIN GROUP (ORDER BY …), nulls aside, in that order. */
const withinGroup = (call: AggregateCall, finish: (values: ReadonlyArray<Value>) => Value | null): Accumulator<Collected> => {
  const order = byKeys(call.order)
  return collecting(
    typesOf(call),
    undefined,
    ([value]) => value !== null,
    (entries) => (entries.length === 0 ? null : finish(entries.sort(order).map((entry) => entry.order[0]!))),
  )
}

const fractionOf = (value: Value): number => {
  const fraction = value as number
  if (!(fraction >= 0 && fraction <= 1))
    throw new ExpressionError("NUMBER_OUT_OF_RANGE", `The fraction ${fraction} of a percentile is not between 0 and 1.`)
  return fraction
}

/** One result for a fraction, an array of them for an array of fractions. */
const perFraction =
  (fractions: Value | null, at: (values: ReadonlyArray<Value>, fraction: number) => Value) =>
  (values: ReadonlyArray<Value>): Value | null => {
    if (fractions === null) return null
    if (!Array.isArray(fractions)) return at(values, fractionOf(fractions))
    return (fractions as ReadonlyArray<Value | null>).map((fraction) => (fraction === null ? null : at(values, fractionOf(fraction))))
  }

const between = (low: Value, high: Value, share: number): Value => {
  if (!(low instanceof Interval)) return (low as number) + share * ((high as number) - (low as number))
  const difference = dateRuntime.subtractIntervals(high as Interval, low)
  return dateRuntime.addIntervals(dateRuntime.multiplyInterval(difference, share), low)
}

/** The value at the fraction, between two values where it falls between two. */
const continuous = (values: ReadonlyArray<Value>, fraction: number): Value => {
  const place = fraction * (values.length - 1)
  const [first, second] = [Math.floor(place), Math.ceil(place)]
  return first === second ? values[first]! : between(values[first]!, values[second]!, place - first)
}

/** The first value at or past the fraction. */
const discrete = (values: ReadonlyArray<Value>, fraction: number): Value => values[Math.max(Math.ceil(fraction * values.length) - 1, 0)]!

export const percentileCont = (call: AggregateCall): Accumulator<Collected> =>
  withinGroup(call, perFraction(call.direct[0] ?? null, continuous))
export const percentileDisc = (call: AggregateCall): Accumulator<Collected> =>
  withinGroup(call, perFraction(call.direct[0] ?? null, discrete))

/** The value that comes most often; of several the first in the order. */
export const mode = (call: AggregateCall): Accumulator<Collected> => {
  const compare = compareOf(call.type)
  return withinGroup(call, (values) => {
    let [best, most] = [values[0]!, 0]
    let [start, run] = [values[0]!, 0]
    for (const value of values) {
      if (compare(value, start) === 0) run++
      else [start, run] = [value, 1]
      if (run > most) [best, most] = [start, run]
    }
    return best
  })
}
