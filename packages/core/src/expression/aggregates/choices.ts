/** Aggregates that give one of the values they are given: MIN, MAX, ANY_VALUE, BOOL_AND and BOOL_OR. */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { Value } from "../../model/Value.ts"
import { comparerOf } from "../comparison.ts"
import type { Accumulator } from "./Aggregate.ts"
import { restoreValue, saveValue, sizeOf } from "./saved.ts"

interface Chosen {
  value: Value | null
}

const choosing = (type: ColumnType, choose: (before: Value, next: Value) => Value): Accumulator<Chosen> => ({
  init: () => ({ value: null }),
  add: (state, first) => {
    if (first !== null) state.value = state.value === null ? first : choose(state.value, first)
  },
  merge: (state, other) => {
    if (other.value !== null) state.value = state.value === null ? other.value : choose(state.value, other.value)
  },
  finish: ({ value }) => value,
  size: ({ value }) => sizeOf(value) - 8,
  save: ({ value }) => saveValue(value, type),
  restore: (saved) => ({ value: restoreValue(saved, type) }),
})

/** Of values that are equal the last one stays, as in PostgreSQL: 1.0 and 1.00 look different. */
export const extreme = (type: ColumnType, sign: 1 | -1): Accumulator<Chosen> => {
  const compare = comparerOf(type)
  return choosing(type, (before, next) => (compare(before, next) * sign > 0 ? before : next))
}

export const anyValue = (type: ColumnType): Accumulator<Chosen> => choosing(type, (before) => before)

export const every: Accumulator<Chosen> = choosing("boolean", (before, next) => before === true && next === true)
export const some: Accumulator<Chosen> = choosing("boolean", (before, next) => before === true || next === true)
