/** The columns of a file that is written: how they are stored now, after all that came so far. */
import { type Column, type ColumnType, Decimal, elementType, isArrayType, type ScalarType, type Value, widen } from "@deltaflow/core"
import type { SchemaElement } from "hyparquet"
import type { ChunkColumn, Places } from "./chunkWriter.ts"
import { RowProblem } from "./problem.ts"
import { type Digits, isSameForm, leafForm, type LeafForm, type Stored, withDigits } from "./leafForms.ts"

export interface FormedColumn extends ChunkColumn {
  readonly name: string
  readonly type: ColumnType
  /** Of decimals. */
  readonly digits: Digits
  /** Whether a value has come, so that the type counts. */
  readonly hasValues: boolean
}

const NO_DIGITS: Digits = { whole: 0, scale: 0 }

const scalarOf = (type: ColumnType): ScalarType => (isArrayType(type) ? elementType(type) : type)

export const formedColumn = (name: string, type: ColumnType, digits: Digits = NO_DIGITS, hasValues = false): FormedColumn => ({
  name,
  type,
  digits,
  hasValues,
  form: leafForm(scalarOf(type), digits),
  path: isArrayType(type) ? [name, "list", "element"] : [name],
  definition: isArrayType(type) ? 3 : 1,
  repetition: isArrayType(type) ? 1 : 0,
})

/** Every column may be null: a later batch may lack it. */
export const schemaElements = ({ name, type, form }: FormedColumn): ReadonlyArray<SchemaElement> => {
  if (!isArrayType(type)) return [{ ...form.element, name, repetition_type: "OPTIONAL" }]
  return [
    { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST", logical_type: { type: "LIST" } },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { ...form.element, name: "element", repetition_type: "OPTIONAL" },
  ]
}

export const isStoredAlike = (a: FormedColumn, b: FormedColumn): boolean =>
  a === b || (a.type === b.type && (scalarOf(a.type) !== "decimal" || isSameForm(a.digits, b.digits)))

/** The type for both; undefined where there is none. */
export const meetingType = (known: ColumnType, found: ColumnType): ColumnType | undefined => {
  const wider = widen(known, found)
  if (wider !== undefined) return wider
  const pair = [known, found]
  if (!pair.includes("double")) return undefined
  return pair.includes("integer") ? "double" : pair.includes("decimal") ? "decimal" : undefined
}

/** A value of a narrower type as one of the wider. Throws `RangeError` where it would change. */
export const widened = (value: Value, from: ColumnType, to: ColumnType): Value => {
  if (from === to) return value
  if (from === "date") return Math.abs(value as number) === Infinity ? value : dayMicros(value as number)
  if (to === "decimal") return from === "integer" ? Decimal.fromWhole(value as number) : Decimal.fromNumber(value as number)
  const double = Number(value)
  if (typeof value === "bigint" && BigInt(double) !== value) throw new RangeError(`${String(value)} has more digits than a double holds`)
  return double
}

const MICROS_PER_DAY = 86_400_000_000

const dayMicros = (days: number): number | bigint => {
  const micros = days * MICROS_PER_DAY
  return Number.isSafeInteger(micros) ? micros : BigInt(days) * BigInt(MICROS_PER_DAY)
}

/** The values of a column of a batch in these physical rows; nulls where the batch lacks the column. */
export const valuesOf = (column: Column | undefined, rows: Int32Array, { name, type }: FormedColumn): Array<Value | null> => {
  const values: Array<Value | null> = []
  if (column === undefined) return Array.from(rows, () => null)
  for (const row of rows) {
    try {
      const value = column.value(row)
      values.push(value === null ? null : widened(value, column.type, type))
    } catch (cause) {
      throw new RowProblem(row, name, cause)
    }
  }
  return values
}

/** The column with what these values need of it. */
export const fittedTo = (values: ReadonlyArray<Value | null>, rows: Int32Array, column: FormedColumn): FormedColumn => {
  const hasValues = column.hasValues || values.some((value) => value !== null)
  const digits = scalarOf(column.type) === "decimal" ? neededDigits(values, rows, column) : column.digits
  if (hasValues === column.hasValues && digits === column.digits) return column
  return formedColumn(column.name, column.type, digits, hasValues)
}

const neededDigits = (values: ReadonlyArray<Value | null>, rows: Int32Array, { name, digits, type }: FormedColumn): Digits => {
  let needed = digits
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value === null) continue
    try {
      if (!isArrayType(type)) needed = withDigits(needed, value as Decimal)
      else for (const item of value as ReadonlyArray<Value | null>) if (item !== null) needed = withDigits(needed, item as Decimal)
    } catch (cause) {
      throw new RowProblem(rows[i]!, name, cause)
    }
  }
  return needed
}

/** As they are stored. Throws `RowProblem`. */
export const placesOf = (values: ReadonlyArray<Value | null>, rows: Int32Array, column: FormedColumn): Places => {
  const places = new PlacesBuilder(column.form, values.length)
  for (let i = 0; i < values.length; i++) {
    try {
      if (column.repetition === 0) places.single(values[i]!)
      else places.list(values[i] as ReadonlyArray<Value | null> | null)
    } catch (cause) {
      throw new RowProblem(rows[i]!, column.name, cause)
    }
  }
  return places.done(column.repetition > 0)
}

class PlacesBuilder {
  private readonly form: LeafForm
  private readonly values: Array<Stored> = []
  private definitions: Uint8Array
  private repetitions: Uint8Array
  private count = 0

  constructor(form: LeafForm, size: number) {
    this.form = form
    this.definitions = new Uint8Array(size)
    this.repetitions = new Uint8Array(0)
  }

  single(value: Value | null): void {
    if (value !== null) this.values.push(this.form.stored(value))
    this.definitions[this.count++] = value === null ? 0 : 1
  }

  list(items: ReadonlyArray<Value | null> | null): void {
    if (items === null || items.length === 0) return this.place(items === null ? 0 : 1, 0)
    items.forEach((item, i) => {
      if (item !== null) this.values.push(this.form.stored(item))
      this.place(item === null ? 2 : 3, i === 0 ? 0 : 1)
    })
  }

  done(isList: boolean): Places {
    return {
      definitions: this.definitions.subarray(0, this.count),
      repetitions: isList ? this.repetitions.subarray(0, this.count) : undefined,
      values: this.values,
    }
  }

  private place(definition: number, repetition: number): void {
    if (this.count >= this.repetitions.length) {
      this.definitions = grown(this.definitions, this.count)
      this.repetitions = grown(this.repetitions, this.count)
    }
    this.definitions[this.count] = definition
    this.repetitions[this.count++] = repetition
  }
}

const grown = (levels: Uint8Array, used: number): Uint8Array => {
  const larger = new Uint8Array(Math.max(64, 2 * used))
  larger.set(levels.subarray(0, used))
  return larger
}

/** Rows of nothing. */
export const nullPlaces = (rows: number, { repetition }: FormedColumn): Places => ({
  definitions: new Uint8Array(rows),
  repetitions: repetition > 0 ? new Uint8Array(rows) : undefined,
  values: [],
})
