/**
 * Makes a batch of what a custom function gave for the rows of another.
 *
 * A value that the function left as it got it stays where it is: a column that no row changes is the very same column, so that its bytes go
 * on to the destination as they came from the source, also through a function that the engine cannot look into.
 */
import { Batch, type Column, ComputedColumn, setOwn } from "../model/Batch.ts"
import type { BatchSchema, ColumnSchema, ColumnType } from "../model/ColumnType.ts"
import { fromRowValue, quoteValue, type Row, type RowValue, toRowValue, typeOfRowValue, type Value, ValueError } from "../model/Value.ts"
import { asType, GatheredColumn, PatchedColumn } from "./derivedColumns.ts"
import type { OutputShape } from "./outputShape.ts"
import type { TakeRow } from "./rowTaker.ts"
import { isValueAlready, Kind, kindOf, mayHold } from "./rowValueKinds.ts"

/** Row values that the function was given, by physical row. */
export type Given = ReadonlyArray<RowValue>

/** A value that is none of its column's type. */
export interface Misfit {
  readonly row: number
  readonly column: string
  /** What is wrong, without a full stop. */
  readonly message: string
}

export interface Built {
  readonly batch: Batch
  /** For each physical row of the batch the row of the input that it came from; undefined where they are the same. */
  readonly origin: Int32Array | undefined
  readonly misfits: ReadonlyArray<Misfit>
}

class OutputColumn {
  readonly name: string
  readonly base: Column | undefined
  readonly hint: ColumnType | undefined
  readonly given: Given | undefined
  readonly hasSignedZero: boolean
  values: Array<RowValue | undefined> | undefined
  kinds: number = Kind.none
  changed = 0
  hasNull = false
  private readonly rowCount: number

  constructor(name: string, rowCount: number, base: Column | undefined, hint: ColumnType | undefined, given: Given | undefined) {
    this.name = name
    this.rowCount = rowCount
    this.base = base
    this.hint = hint
    // An array, an object or bytes may have been changed in place, so the same one does not mean the same value.
    this.given = hint !== undefined && isImmutable(hint) ? given : undefined
    this.hasSignedZero = hint === "double"
  }

  /** Takes the value that row `row` has now. */
  offer(row: number, value: RowValue): void {
    const { given } = this
    const isSame = given !== undefined && value === given[row] && value !== undefined
    if (isSame && (value !== 0 || !this.hasSignedZero || Object.is(value, given[row]))) return
    this.set(row, value)
  }

  set(row: number, value: RowValue): void {
    // Made in full size, because an array that is filled from its end turns into a slow one.
    this.values ??= new Array<RowValue | undefined>(this.rowCount)
    const kind = kindOf(value)
    const own = ownCopy(value, kind)
    if (kind === Kind.none) this.hasNull = true
    this.kinds |= kind
    this.changed++
    this.values[row] = own
  }

  /** As if the row had not been given. */
  forget(row: number): void {
    if (this.values?.[row] === undefined) return
    this.values[row] = undefined
    this.changed--
  }
}

/** The value as it is now: a function may go on changing what it has given. */
const ownCopy = (value: RowValue, kind: number): RowValue => {
  if (kind === Kind.none) return null
  if (kind === Kind.json) return copyOf(value as object, undefined)
  if (kind === Kind.bytes) return new Uint8Array(value as Uint8Array)
  return kind === Kind.date ? new Date((value as Date).getTime()) : value
}

interface Holder {
  readonly value: object
  readonly holder: Holder | undefined
}

const holds = (holder: Holder | undefined, value: object): boolean =>
  holder !== undefined && (holder.value === value || holds(holder.holder, value))

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Lists and plain objects are copied; anything else has a text of its own, and what holds itself is an error later. */
const copyOf = (value: object, holder: Holder | undefined): unknown => {
  const isList = Array.isArray(value)
  if (!isList && (!isPlain(value) || "toJSON" in value)) return value
  if (holds(holder, value)) return value
  const here = { value, holder }
  const copyItem = (item: unknown): unknown => (typeof item === "object" && item !== null ? copyOf(item, here) : item)
  if (isList) return value.map(copyItem)
  const copy: Row = {}
  for (const name of Object.keys(value)) setOwn(copy, name, copyItem((value as Row)[name]))
  return copy
}

const isImmutable = (type: ColumnType): boolean => type !== "json" && type !== "bytes" && !type.endsWith("[]")

export class OutputBuilder {
  private readonly shape: OutputShape
  private readonly input: Batch
  private readonly mode: "patch" | "rows"
  private readonly given: ReadonlyArray<Given> | undefined
  private readonly columns: Array<OutputColumn> = []
  private readonly byName = new Map<string, OutputColumn>()
  /** Physical rows of the input, and numbers from `rowCount` on for rows that were added; in order. */
  private readonly kept: Array<number> = []
  /** The input row of each row that was added. */
  private readonly added: Array<number> = []
  /** Where `undo` goes back to. */
  private mark = { kept: 0, added: 0 }
  /** The row that is being taken. */
  private current = -1
  /** Made for the columns at hand; undefined until it is known whether the next row brings others. */
  private take: TakeRow | undefined

  /**
   * `given[i]` holds what the function was given of column `i`; undefined where the rows that come have nothing to do with those of the
   * input.
   */
  constructor(shape: OutputShape, input: Batch, mode: "patch" | "rows", given: ReadonlyArray<Given> | undefined) {
    this.shape = shape
    this.input = input
    this.mode = mode
    this.given = given
    const names = mode === "patch" ? input.schema.columns : shape.schema.columns
    for (const { name } of names) this.addColumn(name)
  }

  private addColumn(name: string): OutputColumn {
    const index = this.input.schema.columns.findIndex((column) => column.name === name)
    const isLinked = index >= 0 && (this.mode === "patch" || this.given !== undefined)
    const base = isLinked ? this.input.columns[index]! : undefined
    const column = new OutputColumn(
      name,
      this.input.rowCount,
      base,
      this.input.schema.columns[index]?.type,
      isLinked ? this.given?.[index] : undefined,
    )
    // Rows before the first one that has the key do not have it, also where the input had.
    if (base !== undefined && this.mode === "rows") for (const row of this.kept) column.set(row, null)
    this.columns.push(column)
    this.byName.set(name, column)
    this.take = undefined
    return column
  }

  has(name: string): boolean {
    return this.byName.has(name)
  }

  /** Everything from here on can be undone: reading what a function gave may throw half-way. */
  begin(): void {
    this.mark.kept = this.kept.length
    this.mark.added = this.added.length
    this.current = -1
  }

  /** As if nothing had been given since `begin`. */
  undo(): void {
    const rows = this.kept.splice(this.mark.kept)
    if (this.current >= 0) rows.push(this.current)
    this.added.length = this.mark.added
    for (const column of this.columns) for (const row of rows) column.forget(row)
  }

  /** The row stays as it is, except for these values. */
  patch(row: number, changes: Row | null | undefined): void {
    this.current = row
    if (changes !== null && changes !== undefined)
      for (const name of Object.keys(changes)) (this.byName.get(name) ?? this.addColumn(name)).set(row, changes[name])
    this.kept.push(row)
  }

  /** The row is now this one. */
  replace(row: number, values: Row): void {
    this.current = row
    if (this.take === undefined || !this.take(row, values)) this.replaceByKeys(row, values)
    this.kept.push(row)
  }

  private replaceByKeys(row: number, values: Row): void {
    const names = Object.keys(values)
    const { columns } = this
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      const next = columns[i]
      // Rows of one function nearly always have the same keys in the same order.
      const column = next !== undefined && next.name === name ? next : (this.byName.get(name) ?? this.addColumn(name))
      column.offer(row, values[name])
    }
    if (names.length === columns.length) this.take ??= this.shape.takers.for(columns)
    else for (const column of columns) if (!Object.hasOwn(values, column.name)) column.set(row, null)
  }

  /** One more row, made of the input's row `from`. */
  add(from: number, values: Row): void {
    this.added.push(from)
    this.replace(this.input.rowCount + this.added.length - 1, values)
  }

  /** Finds the types, and makes the batch. Rows with a value that fits nowhere are not in it. */
  build(): Built {
    for (const name of this.shape.declared.keys()) if (!this.has(name)) this.addColumn(name)
    const misfits = new Map<number, Misfit>()
    const columns = this.columns.map((column) => this.finish(column, misfits))
    const schema = this.shape.next(this.columns.map((column, i) => this.schemaOf(column, columns[i]!.type)))
    const rows = misfits.size === 0 ? this.kept : this.kept.filter((row) => !misfits.has(row))
    const made = this.added.length === 0 ? this.sameRows(schema, columns, rows) : this.otherRows(schema, columns, rows)
    return {
      ...made,
      misfits: Array.from(misfits.values(), (misfit) => ({ ...misfit, row: this.inputRow(misfit.row) })).sort((a, b) => a.row - b.row),
    }
  }

  private inputRow(row: number): number {
    const { rowCount } = this.input
    return row < rowCount ? row : this.added[row - rowCount]!
  }

  private schemaOf({ name, base, hasNull }: OutputColumn, type: ColumnType): ColumnSchema {
    if (hasNull) this.shape.gaveNull(name)
    const before =
      this.mode === "patch" && base !== undefined ? this.input.schema.columns.find((column) => column.name === name) : undefined
    return { name, type, nullable: before === undefined || this.shape.isNullable(before) }
  }

  private finish(column: OutputColumn, misfits: Map<number, Misfit>): Column {
    const { name, base, hint, kinds } = column
    const declared = this.shape.declared.get(name)
    if (base !== undefined && declared !== undefined && asType(base, declared) === undefined) this.giveAll(column, base)
    const keepsBase = base !== undefined && column.changed < this.kept.length
    const fits = (type: ColumnType): boolean => convert(column, type, false).misfits.length === 0
    const isPatch = this.mode === "patch"
    const type = this.shape.typeFor({ name, kinds, hint, isPatch, keepsBase, fits, firstType: () => firstType(column) })
    const seen = keepsBase ? asType(base, type) : undefined
    if (seen !== undefined && column.changed === 0) return seen
    const converted = convert(column, type, declared !== undefined)
    for (const misfit of converted.misfits) if (!misfits.has(misfit.row)) misfits.set(misfit.row, misfit)
    if (seen !== undefined) return new PatchedColumn(seen, converted.values)
    // What a row did not give is null.
    if (column.changed < this.kept.length) for (const row of this.kept) converted.values[row] ??= null
    return new ComputedColumn(type, converted.values)
  }

  /** Where another type is declared than the input has, values that the function left alone have to be converted too. */
  private giveAll(column: OutputColumn, base: Column): void {
    for (const row of this.kept) if (column.values?.[row] === undefined) column.set(row, toRowValue(base.value(row), base.type))
  }

  private sameRows(schema: BatchSchema, columns: ReadonlyArray<Column>, rows: ReadonlyArray<number>): Pick<Built, "batch" | "origin"> {
    const { input } = this
    const selection = rows.length === input.length ? input.selection : Int32Array.from(rows)
    return { batch: input.withColumns(schema, columns, selection), origin: undefined }
  }

  private otherRows(schema: BatchSchema, columns: ReadonlyArray<Column>, rows: ReadonlyArray<number>): Pick<Built, "batch" | "origin"> {
    const { input, added } = this
    const order = Int32Array.from(rows)
    const batch = new Batch({
      schema,
      columns: columns.map((column) => new GatheredColumn(column, order)),
      rowCount: order.length,
      firstRow: input.firstRow,
      byteSize: input.byteSize + added.length * columns.length * VALUE_BYTES,
    })
    return { batch, origin: order.map((row) => this.inputRow(row)) }
  }
}

/** A rough size of one value that was added. */
const VALUE_BYTES = 32

const firstType = (column: OutputColumn): ColumnType => column.values?.map(typeOfRowValue).find((type) => type !== undefined) ?? "string"

interface Converted {
  readonly values: Array<Value | null | undefined>
  readonly misfits: ReadonlyArray<Misfit>
}

/** `isDeclared`: somebody said that the column has the type, so text is read as one. */
const convert = ({ name, values, kinds }: OutputColumn, type: ColumnType, isDeclared: boolean): Converted => {
  if (values === undefined || isValueAlready(type, kinds)) return { values: (values ?? []) as Array<Value | null | undefined>, misfits: [] }
  const misfits: Array<Misfit> = []
  const converted = values.map((value, row): Value | null | undefined => {
    if (value === undefined || value === null) return value
    if (!isDeclared && !mayHold(type, kindOf(value))) {
      misfits.push({ row, column: name, message: `the step gave ${quoteValue(value)}, and the column is ${type}` })
      return null
    }
    try {
      return fromRowValue(value, type)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      misfits.push({ row, column: name, message: error.message })
      return null
    }
  })
  return { values: converted, misfits }
}
