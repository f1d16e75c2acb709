/** Takes rows apart by generated code: properties are read by fixed names, and only values that changed are handed on. */
import type { Row, RowValue } from "../model/Value.ts"
import type { Backend } from "./Step.ts"

export interface TakenColumn {
  readonly name: string
  /** What the function was given, by row; undefined where every value counts as changed. */
  readonly given: ReadonlyArray<RowValue> | undefined
  /** Whether minus zero and zero are two values. */
  readonly hasSignedZero: boolean
  readonly offer: (row: number, value: RowValue) => void
}

/** Gives false, and has done nothing, where the row has other keys than the columns. */
export type TakeRow = (row: number, values: Row) => boolean

type MakeTaker = (columns: ReadonlyArray<TakenColumn>, objectPrototype: object) => TakeRow

export class RowTakers {
  private readonly backend: Backend
  private key: string | undefined
  private make: MakeTaker | undefined

  constructor(backend: Backend) {
    this.backend = backend
  }

  /** Undefined where rows have to be looked at key by key. */
  for(columns: ReadonlyArray<TakenColumn>): TakeRow | undefined {
    // A key that every object inherits does not say whether it is the row's own.
    if (this.backend === "closure" || columns.length === 0 || columns.some(({ name }) => name in Object.prototype)) return undefined
    const key = JSON.stringify(columns.map(({ name, given, hasSignedZero }) => [name, given !== undefined, hasSignedZero]))
    if (key !== this.key) this.make = new Function("columns", "objectPrototype", source(columns)) as MakeTaker
    this.key = key
    return this.make!(columns, Object.prototype)
  }
}

const source = (columns: ReadonlyArray<TakenColumn>): string => {
  const all = columns.map((column, i) => ({ ...column, i }))
  return [
    `"use strict"`,
    ...all.map(({ i, given }) => `const c${i} = columns[${i}]${given === undefined ? "" : `, d${i} = c${i}.given`}`),
    "return (row, values) => {",
    "const prototype = Object.getPrototypeOf(values)",
    "if (prototype !== objectPrototype && prototype !== null) return false",
    "let n = 0",
    "for (const key in values) n++",
    `if (n !== ${columns.length}) return false`,
    `const ${all.map(({ i, name }) => `v${i} = values[${JSON.stringify(name)}]`).join(", ")}`,
    `if (${all.map(({ i }) => `v${i} === undefined`).join(" || ")}) return false`,
    ...all.map(({ i, given, hasSignedZero }) => {
      if (given === undefined) return `c${i}.offer(row, v${i})`
      return `if (v${i} !== d${i}[row]${hasSignedZero ? ` || v${i} === 0` : ""}) c${i}.offer(row, v${i})`
    }),
    "return true",
    "}",
  ].join("\n")
}
