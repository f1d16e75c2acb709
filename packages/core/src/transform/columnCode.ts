/**
 * Source code that reads columns, made for the way in which they are stored: a CSV field becomes two array reads and a call of the decoder
 * of its type. Whatever the code takes for granted about the columns is part of `physicalKey`, so code runs only on columns that it was
 * made for.
 */
import type { TextField } from "../expression/Emitter.ts"
import { type Column, ConstantColumn, ObjectColumn, ValuesColumn } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import { fromRowValue, toRowValue, type Value } from "../model/Value.ts"
import { decodeQuoted, decoderOf, decodeToken, isNullText, isoText } from "../text/decode.ts"
import { type CsvRows, JsonKind, type JsonRows, TextColumn, type TextRows } from "../text/TextRows.ts"

/** Values that generated code refers to by name. */
export class Constants {
  readonly values: Array<unknown> = []
  private readonly names = new Map<unknown, string>()

  name(value: unknown): string {
    const known = this.names.get(value)
    if (known !== undefined) return known
    const name = `k${this.values.push(value) - 1}`
    this.names.set(value, name)
    return name
  }

  /** `const k0 = constants[0], …`; empty where there is none. */
  declaration(): string {
    return this.values.length === 0 ? "" : `const ${this.values.map((_, i) => `k${i} = constants[${i}]`).join(", ")}`
  }
}

/** How to read one column in the row `r`. Fragments may use the variables `s`, `e` and `v`, which nothing else keeps a value in. */
export interface ColumnCode {
  /** Gives the value or null; decodes. */
  readonly read: string
  /** Whether reading it again costs no more than keeping it. */
  readonly isCheap?: boolean
  /** Says whether it is null, without decoding. */
  readonly isNull: string
  readonly text: TextField | undefined
}

/** Two lists of columns with the same key may be read by the same code. */
export const physicalKey = (columns: ReadonlyArray<Column>, used: ReadonlyArray<number>): string => {
  const groups: Array<TextRows> = []
  let key = ""
  for (const index of used) key += columnKey(columns[index]!, groups)
  return key
}

const columnKey = (column: Column, groups: Array<TextRows>): string => {
  if (column instanceof TextColumn) return textKey(column, groups)
  if (column instanceof ValuesColumn) return "v;"
  if (column instanceof ConstantColumn) return "c;"
  return column instanceof ObjectColumn ? `o${column.type}${JSON.stringify(column.key)};` : "?;"
}

const textKey = ({ rows, field, type }: TextColumn, groups: Array<TextRows>): string => {
  let group = groups.indexOf(rows)
  const isNew = group < 0
  if (isNew) group = groups.push(rows) - 1
  return `${group}.${field}${type}${isNew ? (rows.format === "csv" ? csvKey(rows) : `j${rows.columns}`) : ""};`
}

const csvKey = (rows: CsvRows): string => `c${rows.columns}${rows.crlf ? "r" : "n"}${rows.quotes ? rows.quote : "-"}${nullsKey(rows.nulls)}`

/** Nulls with more bytes are compared by a call. */
const MOST_INLINE = 4

const nullsKeys = new WeakMap<ReadonlyArray<Uint8Array>, string>()

const nullsKey = (nulls: ReadonlyArray<Uint8Array>): string => {
  const known = nullsKeys.get(nulls)
  if (known !== undefined) return known
  const key = `[${nulls.map((text) => text.join(".")).join("|")}]`
  nullsKeys.set(nulls, key)
  return key
}

/** The code for the columns of one list. What it needs is declared in `perBatch` and `perRow`. */
export class ColumnSources {
  readonly constants: Constants
  /** Declarations that the code needs once per batch, where `columns` is the list. */
  readonly perBatch: Array<string> = []
  /** Declarations that it needs in each row, where `r` is the physical row. */
  readonly perRow: Array<string> = []
  private readonly columns: ReadonlyArray<Column>
  private readonly groups: Array<TextRows> = []
  private readonly made = new Map<number, ColumnCode>()

  constructor(columns: ReadonlyArray<Column>, constants: Constants) {
    this.columns = columns
    this.constants = constants
  }

  of(index: number): ColumnCode {
    const known = this.made.get(index)
    if (known !== undefined) return known
    const code = this.make(this.columns[index]!, index)
    this.made.set(index, code)
    return code
  }

  /** Source that gives what rows show of the column in the row `r`. */
  rowValue(index: number): string {
    const { type } = this.columns[index]!
    const { read, text } = this.of(index)
    if (IS_ROW_VALUE.has(type)) return read
    const converted = `${this.constants.name(toRowValue)}(${read}, ${JSON.stringify(type)})`
    if (text === undefined || !IS_ISO.has(type)) return converted
    // Most files spell times as rows show them, and then there is nothing to compute.
    const [start, end] = text.format === "csv" ? [text.start, text.end] : [`${text.start} + 1`, `${text.end} - 1`]
    return `(${this.constants.name(isoText)}(${text.buffer}, ${start}, ${end}, ${JSON.stringify(type)}) ?? ${converted})`
  }

  private make(column: Column, index: number): ColumnCode {
    this.perBatch.push(`c${index} = columns[${index}]`)
    if (column instanceof TextColumn) return this.text(column, index)
    if (column instanceof ValuesColumn) return this.values(index)
    if (column instanceof ConstantColumn) return this.constant(index)
    if (column instanceof ObjectColumn) return this.object(column, index)
    return { read: `c${index}.value(r)`, isNull: `c${index}.isNull(r)`, text: undefined }
  }

  private values(index: number): ColumnCode {
    this.perBatch.push(`a${index} = c${index}.values`)
    return { read: `a${index}[r]`, isCheap: true, isNull: `(a${index}[r] === null)`, text: undefined }
  }

  private constant(index: number): ColumnCode {
    this.perBatch.push(`a${index} = c${index}.constant`)
    return { read: `a${index}`, isCheap: true, isNull: `(a${index} === null)`, text: undefined }
  }

  private object({ key, type }: ObjectColumn, index: number): ColumnCode {
    this.perBatch.push(`a${index} = c${index}.rows`)
    const name = JSON.stringify(key)
    const convert = `${this.constants.name(fromRowValue)}(v, ${JSON.stringify(type)})`
    const quick = this.isValueAlready(type)
    const value = quick === undefined ? convert : `(${quick} ? v : ${convert})`
    const has = `${this.constants.name(Object.hasOwn)}(v = a${index}[r], ${name})`
    return { read: `(${has} ? (v = v[${name}], ${value}) : null)`, isNull: `c${index}.isNull(r)`, text: undefined }
  }

  /** Source that says whether the row's value `v` is the value itself; undefined where it always has to be converted. */
  private isValueAlready(type: ColumnType): string | undefined {
    if (type === "string") return `typeof v === "string"`
    if (type === "double") return `typeof v === "number"`
    if (type === "boolean") return `typeof v === "boolean"`
    return type === "decimal" ? `v instanceof ${this.constants.name(Decimal)}` : undefined
  }

  private text(column: TextColumn, index: number): ColumnCode {
    const { rows } = column
    let group = this.groups.indexOf(rows)
    const isNew = group < 0
    if (isNew) group = this.groups.push(rows) - 1
    if (isNew) this.perBatch.push(`g${group} = c${index}.rows`, `b${group} = g${group}.buffer`)
    if (isNew) this.perRow.push(`q${group} = r * ${rows.columns}`)
    return rows.format === "csv" ? this.csv(column, rows, group, isNew) : this.json(column, rows, group, isNew)
  }

  private csv({ field, type }: TextColumn, rows: CsvRows, group: number, isNew: boolean): ColumnCode {
    if (isNew) this.perBatch.push(`o${group} = g${group}.offsets`)
    const start = `o${group}[q${group} + ${field}]`
    const end = `(o${group}[q${group} + ${field + 1}] - ${rows.crlf && field === rows.columns - 1 ? 2 : 1})`
    const plain = `${this.constants.name(sharedDecoder(type))}(b${group}, s, e)`
    const quoted = `${this.constants.name(decodeQuoted)}(g${group}, s, e, ${JSON.stringify(type)})`
    const value = rows.quotes ? `(e > s && b${group}[s] === ${rows.quote} ? ${quoted} : ${plain})` : plain
    const isNull = this.csvNull(rows.nulls, `b${group}`, "s", "e")
    const places = `s = ${start}, e = ${end}`
    return {
      read: `(${places}, ${isNull === undefined ? value : `${isNull} ? null : ${value}`})`,
      isNull: this.csvNull(rows.nulls, `b${group}`, start, end) ?? "false",
      text: { format: "csv", buffer: `b${group}`, start, end, quote: rows.quote, quotes: rows.quotes, nulls: rows.nulls },
    }
  }

  private csvNull(nulls: ReadonlyArray<Uint8Array>, buffer: string, start: string, end: string): string | undefined {
    if (nulls.length === 0) return undefined
    const [only] = nulls
    if (nulls.length === 1 && only!.length <= MOST_INLINE) {
      const bytes = Array.from(only!, (byte, i) => ` && ${buffer}[${start} + ${i}] === ${byte}`)
      return `(${end} - ${start} === ${only!.length}${bytes.join("")})`
    }
    return `${this.constants.name(isNullText)}(${buffer}, ${start}, ${end}, ${this.constants.name(nulls)})`
  }

  private json({ field, type }: TextColumn, rows: JsonRows, group: number, isNew: boolean): ColumnCode {
    if (isNew) this.perBatch.push(`p${group} = g${group}.spans`, `o${group} = g${group}.kinds`)
    const kind = `o${group}[q${group} + ${field}]`
    const start = `p${group}[2 * (q${group} + ${field})]`
    const end = `p${group}[2 * (q${group} + ${field}) + 1]`
    const token = `${this.constants.name(decodeToken)}(b${group}, v, ${start}, ${end}, ${JSON.stringify(type)})`
    return {
      read: `((v = ${kind}) <= ${JsonKind.null} ? null : ${this.jsonQuick(type, `b${group}`, start, end)}${token})`,
      isNull: `(${kind} <= ${JsonKind.null})`,
      text: { format: "json", buffer: `b${group}`, start, end, kind },
    }
  }

  /** `condition ? value : ` for the kind of token that a column of this type is full of. */
  private jsonQuick(type: ColumnType, buffer: string, start: string, end: string): string {
    const decode = this.constants.name(sharedDecoder(type))
    switch (type) {
      case "integer":
        return `v === ${JsonKind.integer} ? ${decode}(${buffer}, ${start}, ${end}) : `
      case "double":
      case "decimal":
        return `v === ${JsonKind.number} ? ${decode}(${buffer}, ${start}, ${end}) : `
      case "string":
      case "date":
      case "timestamp":
      case "timestamptz":
        return `v === ${JsonKind.string} ? ${decode}(${buffer}, ${start} + 1, ${end} - 1) : `
      default:
        return ""
    }
  }
}

/** Types whose values JavaScript sees as they are. */
const IS_ROW_VALUE: ReadonlySet<ColumnType> = new Set<ColumnType>(["boolean", "integer", "double", "decimal", "string", "interval", "uuid"])

const IS_ISO: ReadonlySet<ColumnType> = new Set<ColumnType>(["date", "timestamp", "timestamptz"])

const decoders = new Map<ColumnType, (buffer: Uint8Array, start: number, end: number) => Value>()

const sharedDecoder = (type: ColumnType): ((buffer: Uint8Array, start: number, end: number) => Value) => {
  const known = decoders.get(type) ?? decoderOf(type)
  decoders.set(type, known)
  return known
}
