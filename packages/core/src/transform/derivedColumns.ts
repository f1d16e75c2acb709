/** Columns made of other columns: patched in some rows, read through another order of rows, or seen as a wider type. */
import type { Column } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal, type Whole } from "../model/Decimal.ts"
import { microsOf } from "../model/Temporal.ts"
import { type Value, ValueError } from "../model/Value.ts"

export { widenRowTypes } from "../model/Value.ts"

/** Another column, save for the rows that have a value here. */
export class PatchedColumn implements Column {
  readonly base: Column
  /** By physical row; undefined where the base's value holds. */
  readonly values: ReadonlyArray<Value | null | undefined>
  constructor(base: Column, values: ReadonlyArray<Value | null | undefined>) {
    this.base = base
    this.values = values
  }
  get type(): ColumnType {
    return this.base.type
  }
  value(row: number): Value | null {
    const value = this.values[row]
    return value === undefined ? this.base.value(row) : value
  }
  isNull(row: number): boolean {
    const value = this.values[row]
    return value === undefined ? this.base.isNull(row) : value === null
  }
  release(): void {
    ;(this.values as Array<unknown>).length = 0
    this.base.release?.()
  }
}

/** Another column, whose row `rows[i]` is row `i` here. */
export class GatheredColumn implements Column {
  readonly base: Column
  readonly rows: Int32Array
  constructor(base: Column, rows: Int32Array) {
    this.base = base
    this.rows = rows
  }
  get type(): ColumnType {
    return this.base.type
  }
  value(row: number): Value | null {
    return this.base.value(this.rows[row]!)
  }
  isNull(row: number): boolean {
    return this.base.isNull(this.rows[row]!)
  }
  release(): void {
    this.base.release?.()
  }
}

/** Another column, seen as a wider type. */
export class WidenedColumn implements Column {
  readonly base: Column
  readonly type: ColumnType
  private readonly convert: (value: Value) => Value
  constructor(base: Column, type: ColumnType, convert: (value: Value) => Value) {
    this.base = base
    this.type = type
    this.convert = convert
  }
  value(row: number): Value | null {
    const value = this.base.value(row)
    return value === null ? null : this.convert(value)
  }
  isNull(row: number): boolean {
    return this.base.isNull(row)
  }
  release(): void {
    this.base.release?.()
  }
}

/** The column as the type, or undefined where its values cannot be seen so. */
export const asType = (column: Column, type: ColumnType): Column | undefined => {
  if (column.type === type) return column
  const convert = CONVERSIONS[`${column.type} ${type}`]
  return convert === undefined ? undefined : new WidenedColumn(column, type, convert)
}

const CONVERSIONS: Readonly<Record<string, (value: Value) => Value>> = {
  "integer decimal": (value) => Decimal.fromWhole(value as Whole),
  "integer double": (value) => exactDouble(value as Whole),
  "double decimal": (value) => Decimal.fromNumber(value as number),
  "date timestamp": (value) => startOfDay(value as number),
}

const exactDouble = (value: Whole): number => {
  if (typeof value === "number" || BigInt(Number(value)) === value) return Number(value)
  throw new ValueError("double", `${value} is no double: the digits would not survive`)
}

const startOfDay = (days: number): Value => (Number.isFinite(days) ? microsOf(days, 0) : days)
