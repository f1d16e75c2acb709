/** ARRAY_AGG and STRING_AGG. */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { Value } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { LONGEST } from "../functions/limits.ts"
import type { Accumulator, Saved } from "./Aggregate.ts"
import { restoreValue, saveValue, sizeOf } from "./saved.ts"

const tooLong = (): ExpressionError =>
  new ExpressionError("INVALID_ARGUMENT", `The aggregate would have more than ${LONGEST} bytes or characters.`)

interface Items {
  items: Array<Value | null>
  size: number
}

/** Nulls are items too. `type` is that of the items. */
export const listing = (type: ColumnType): Accumulator<Items> => ({
  init: () => ({ items: [], size: 0 }),
  add: (state, first) => {
    state.items.push(first)
    state.size += sizeOf(first)
    if (state.size > LONGEST) throw tooLong()
  },
  merge: (state, other) => {
    for (const item of other.items) state.items.push(item)
    state.size += other.size
  },
  finish: ({ items }) => (items.length === 0 ? null : items.slice()),
  size: ({ size }) => size,
  save: ({ items }) => items.map((item) => saveValue(item, type)),
  restore: (saved) => {
    const items = (saved as ReadonlyArray<Saved>).map((item) => restoreValue(item, type))
    return { items, size: items.reduce<number>((sum, item) => sum + sizeOf(item), 0) }
  },
})

interface Joined {
  /** Everything with the separators between; undefined before the first value. */
  text: string | undefined
  /** The separator before the first value, which counts only when this comes after other rows. */
  separator: string
}

/** Nulls are left out, and a null separator is nothing. The separator stands before its value. */
export const joiningText: Accumulator<Joined> = {
  init: () => ({ text: undefined, separator: "" }),
  add: (state, first, second) => {
    if (first === null) return
    append(state, first as string, (second as string | null) ?? "")
  },
  merge: (state, other) => {
    if (other.text !== undefined) append(state, other.text, other.separator)
  },
  finish: ({ text }) => text ?? null,
  size: ({ text }) => (text === undefined ? 0 : 2 * text.length),
  save: ({ text, separator }) => (text === undefined ? null : [text, separator]),
  restore: (saved) => {
    const [text, separator] = saved === null ? [undefined, ""] : (saved as readonly [string, string])
    return { text, separator }
  },
}

const append = (state: Joined, text: string, separator: string): void => {
  if (state.text === undefined) {
    state.text = text
    state.separator = separator
  } else state.text += separator + text
  if (state.text.length > LONGEST) throw tooLong()
}

interface JoinedBytes {
  readonly parts: Array<Uint8Array>
  size: number
}

/** Each value with the separator before it; the first separator is kept apart. */
export const joiningBytes: Accumulator<JoinedBytes> = {
  init: () => ({ parts: [], size: 0 }),
  add: (state, first, second) => {
    if (first === null) return
    const separator = (second as Uint8Array | null) ?? new Uint8Array()
    state.parts.push(separator, first as Uint8Array)
    state.size += separator.length + (first as Uint8Array).length
    if (state.size > LONGEST) throw tooLong()
  },
  merge: (state, other) => {
    for (const part of other.parts) state.parts.push(part)
    state.size += other.size
    if (state.size > LONGEST) throw tooLong()
  },
  finish: ({ parts }) => (parts.length === 0 ? null : new Uint8Array(Buffer.concat(parts.slice(1)))),
  size: ({ parts, size }) => size + 80 * parts.length,
  save: ({ parts }) => parts.map((part) => Buffer.from(part).toString("base64")),
  restore: (saved) => {
    const parts = (saved as ReadonlyArray<string>).map((part) => new Uint8Array(Buffer.from(part, "base64")))
    return { parts, size: parts.reduce((sum, part) => sum + part.length, 0) }
  },
}
