/**
 * Rows as bytes, for steps that keep them: the number of their layout, the CSV text of the source in one piece, and each other field with a
 * tag and then its JSON token or its value in an exact binary form. Nothing is decoded to be kept.
 *
 * Columns may be added and types may widen from batch to batch, as everywhere; each row says which columns it was written with.
 */
import { type Batch, type Column, ConstantColumn } from "../../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema, type ColumnType, isSameSchema } from "../../model/ColumnType.ts"
import { Decimal, type Whole } from "../../model/Decimal.ts"
import { Interval } from "../../model/Interval.ts"
import type { Value } from "../../model/Value.ts"
import { decodeText, unquote } from "../../text/decode.ts"
import { type CsvRows, isCsvNull, JsonKind, type JsonRows, TextColumn } from "../../text/TextRows.ts"
import { asType, widenRowTypes } from "../derivedColumns.ts"
import type { ByteReader, ByteWriter } from "./byteWriter.ts"
import { isSameText, type KeptText, textOf, textWriter } from "./keptText.ts"

/** What stands before a field. From `shortText` on the tag holds the length of the text. */
export const Tag = {
  null: 0,
  /** Plain text in UTF-8. */
  text: 1,
  /** A JSON token; the tag is this plus the token's kind. */
  json: 16,
  false: 32,
  true: 33,
  int32: 34,
  float64: 35,
  bigint64: 36,
  string: 37,
  /** A string with half of a surrogate pair, which UTF-8 cannot hold. */
  utf16: 38,
  bytes: 39,
  decimal: 40,
  bigDecimal: 41,
  interval: 42,
  array: 43,
  shortText: 64,
} as const

const LONGEST_SHORT = 255 - Tag.shortText

/** Writes one field of a row, or several. */
export type PutField = (out: ByteWriter, row: number) => void

/** Columns that some rows were written with, seen from the columns that all have in the end. */
export interface Layout {
  readonly id: number
  readonly schema: BatchSchema
  /** The columns that are kept as CSV text. */
  readonly text: KeptText | undefined
  /** Whether fields of it may be quoted. */
  quotes: boolean
}

/** The columns and types of all rows that a step has seen could not be brought together. */
export class LayoutError extends Error {
  override readonly name = "LayoutError"
}

/** The columns of all rows that one step keeps. */
export class RowForm {
  private readonly layouts: Array<Layout> = []
  private merged: BatchSchema | undefined

  /** `planned` is the schema that was known before a row came. */
  constructor(planned: BatchSchema | undefined) {
    this.merged = planned
  }

  /** The columns of what comes out; undefined while none has come in. */
  get schema(): BatchSchema | undefined {
    return this.merged
  }

  layout(id: number): Layout {
    return this.layouts[id]!
  }

  /** The one layout with text that all rows have, those aside that have no columns; undefined where there are others. */
  get onlyText(): (Layout & { readonly text: KeptText }) | undefined {
    const [layout, ...others] = this.layouts.filter(({ schema }) => schema.columns.length > 0)
    if (layout?.text === undefined || others.length > 0 || !isSameColumns(layout.schema, this.merged!)) return undefined
    return this.layouts.length === 1 || layout.text.nulls.length > 0 ? (layout as Layout & { readonly text: KeptText }) : undefined
  }

  /** The writer for the rows of one batch, which appends a row. Throws `LayoutError` where its columns do not fit those before. */
  writer(batch: Batch): PutField {
    const found = textOf(batch)
    const layout = this.layoutOf(batch.schema, found?.text)
    layout.quotes ||= found?.rows.quotes ?? false
    const isTagged = (_: unknown, i: number): boolean => (found?.text.places[i] ?? -1) < 0
    const tagged = batch.columns.map((column, i) => putField(column, batch.schema.columns[i]!.type)).filter(isTagged)
    const fields = found === undefined ? tagged : [textWriter(found), ...tagged]
    return (out, row) => {
      out.varint(layout.id)
      for (let i = 0; i < fields.length; i++) fields[i]!(out, row)
    }
  }

  private layoutOf(schema: BatchSchema, text: KeptText | undefined): Layout {
    const same = this.layouts.find((layout) => isSameSchema(layout.schema, schema) && isSameText(layout.text, text))
    if (same !== undefined) return same
    const layout = { id: this.layouts.length, schema, text, quotes: false }
    const next = this.merged === undefined ? schema : mergeSchemas(this.merged, schema)
    if (this.merged === undefined || !isSameSchema(this.merged, next)) this.merged = next
    this.layouts.push(layout)
    return layout
  }
}

/** Whether names and types are the same. */
const isSameColumns = (a: BatchSchema, b: BatchSchema): boolean =>
  a.columns.length === b.columns.length &&
  a.columns.every(({ name, type }, i) => name === b.columns[i]!.name && type === b.columns[i]!.type)

/** The columns of both; throws `LayoutError` where their types cannot meet. */
export const mergeSchemas = (before: BatchSchema, next: BatchSchema): BatchSchema => {
  const kept = before.columns.map((column): ColumnSchema => {
    const other = next.columns[columnIndex(next, column.name)]
    if (other === undefined) return { ...column, nullable: true }
    return { name: column.name, type: commonType(column, other.type), nullable: column.nullable || other.nullable }
  })
  const added = next.columns.filter(({ name }) => columnIndex(before, name) < 0).map((column) => ({ ...column, nullable: true }))
  return { columns: [...kept, ...added] }
}

const commonType = ({ name, type }: ColumnSchema, other: ColumnType): ColumnType => {
  const common = widenRowTypes(type, other)
  if (common === undefined) throw new LayoutError(`the column ${name} was ${type} and is now ${other}`)
  return common
}

/** Writes a field with its tag. */
export const putField = (column: Column, type: ColumnType): PutField => {
  if (!(column instanceof TextColumn) || column.type !== type) return (out, row) => putValue(out, column.value(row))
  return column.rows.format === "csv" ? putCsv(column, column.rows) : putJson(column, column.rows)
}

const putCsv = ({ field }: TextColumn, rows: CsvRows): PutField => {
  const { buffer, offsets, columns, quotes, quote, nulls } = rows
  const gap = rows.crlf && field === columns - 1 ? 2 : 1
  const emptyIsNull = nulls.some((text) => text.length === 0)
  const hasOtherNulls = nulls.some((text) => text.length > 0)
  return (out, row) => {
    const cell = row * columns + field
    const start = offsets[cell]!
    const end = offsets[cell + 1]! - gap
    if (start === end) return out.byte(emptyIsNull ? Tag.null : Tag.shortText)
    if (hasOtherNulls && isCsvNull(rows, row, field)) return out.byte(Tag.null)
    if (quotes && buffer[start] === quote) return putQuoted(out, rows, start, end)
    putTextTag(out, end - start)
    out.copy(buffer, start, end)
  }
}

const putTextTag = (out: ByteWriter, length: number): void => {
  if (length <= LONGEST_SHORT) return out.byte(Tag.shortText + length)
  out.byte(Tag.text)
  out.varint(length)
}

const putQuoted = (out: ByteWriter, rows: CsvRows, start: number, end: number): void => {
  const { buffer, quote } = rows
  if (buffer.subarray(start + 1, end - 1).includes(quote)) {
    const text = Buffer.from(unquote(rows, start, end))
    putTextTag(out, text.length)
    out.copy(text, 0, text.length)
  } else {
    putTextTag(out, end - start - 2)
    out.copy(buffer, start + 1, end - 1)
  }
}

const putJson = ({ field }: TextColumn, { buffer, spans, kinds, columns }: JsonRows): PutField => {
  return (out, row) => {
    const cell = row * columns + field
    const kind = kinds[cell]!
    if (kind <= JsonKind.null) return out.byte(Tag.null)
    const start = spans[2 * cell]!
    const end = spans[2 * cell + 1]!
    out.byte(Tag.json + kind)
    out.varint(end - start)
    out.copy(buffer, start, end)
  }
}

/** Writes a value with its tag, so that it comes back as the very same. */
export const putValue = (out: ByteWriter, value: Value | null): void => {
  if (value === null) return out.byte(Tag.null)
  if (typeof value === "string") return putString(out, value)
  if (typeof value === "number") return putNumber(out, value)
  if (typeof value === "boolean") return out.byte(value ? Tag.true : Tag.false)
  if (typeof value !== "bigint") return putObject(out, value)
  out.byte(Tag.bigint64)
  out.bigint64(value)
}

const putNumber = (out: ByteWriter, value: number): void => {
  if ((value | 0) === value && !Object.is(value, -0)) {
    out.byte(Tag.int32)
    return out.int32(value)
  }
  out.byte(Tag.float64)
  out.float64(value)
}

const putString = (out: ByteWriter, text: string): void => {
  const bytes = text.isWellFormed() ? Buffer.from(text, "utf8") : Buffer.from(text, "utf16le")
  out.byte(text.isWellFormed() ? Tag.string : Tag.utf16)
  out.varint(bytes.length)
  out.copy(bytes, 0, bytes.length)
}

const putObject = (out: ByteWriter, value: Exclude<Value, boolean | Whole | string>): void => {
  if (value instanceof Decimal) return putDecimal(out, value)
  if (value instanceof Interval) {
    out.byte(Tag.interval)
    out.float64(value.months)
    out.float64(value.days)
    return out.float64(value.micros)
  }
  if (value instanceof Uint8Array) {
    out.byte(Tag.bytes)
    out.varint(value.length)
    return out.copy(value, 0, value.length)
  }
  out.byte(Tag.array)
  out.varint(value.length)
  for (const item of value) putValue(out, item)
}

const putDecimal = (out: ByteWriter, { coefficient, scale }: Decimal): void => {
  out.byte(typeof coefficient === "number" ? Tag.decimal : Tag.bigDecimal)
  out.varint(scale)
  if (typeof coefficient === "number") return out.float64(coefficient)
  const digits = Buffer.from(String(coefficient), "latin1")
  out.varint(digits.length)
  out.copy(digits, 0, digits.length)
}

/** The value of the field at the reader's place. A field that is text is read as the type; throws `ValueError` where it is none. */
export const readValue = (reader: ByteReader): Value | null => {
  const tag = reader.byte()
  switch (tag) {
    case Tag.null:
      return null
    case Tag.false:
      return false
    case Tag.true:
      return true
    case Tag.int32:
      return reader.int32()
    case Tag.float64:
      return reader.float64()
    case Tag.bigint64:
      return reader.bigint64()
    case Tag.decimal:
      return readDecimal(reader)
    case Tag.bigDecimal: {
      const scale = reader.varint()
      return new Decimal(BigInt(latin1(reader)), scale)
    }
    case Tag.interval:
      return new Interval(reader.float64(), reader.float64(), reader.float64())
    case Tag.array:
      return Array.from({ length: reader.varint() }, () => readValue(reader))
    default:
      return readBytes(reader, tag)
  }
}

const readDecimal = (reader: ByteReader): Decimal => {
  const scale = reader.varint()
  return new Decimal(reader.float64(), scale)
}

const latin1 = (reader: ByteReader): string => {
  const length = reader.varint()
  const start = reader.skip(length)
  return decodeText(reader.bytes, start, start + length)
}

const readBytes = (reader: ByteReader, tag: number): Value => {
  const length = reader.varint()
  const start = reader.skip(length)
  const { bytes } = reader
  switch (tag) {
    case Tag.string:
      return decodeText(bytes, start, start + length)
    case Tag.utf16:
      return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("utf16le")
    case Tag.bytes:
      return bytes.slice(start, start + length)
    default:
      throw new RangeError(`a kept row has a field with the unknown tag ${tag}`)
  }
}

/** Whether the tag is one of text. */
export const isText = (tag: number): boolean => tag === Tag.text || tag >= Tag.shortText

/** Whether the tag is one of a JSON token. */
export const isToken = (tag: number): boolean => tag >= Tag.json && tag < Tag.json + 16

/** The length of the text or token behind its tag. */
export const lengthOf = (reader: ByteReader, tag: number): number => (tag >= Tag.shortText ? tag - Tag.shortText : reader.varint())

/** Goes past the value behind a tag that is neither text nor a JSON token. */
export const skipValue = (reader: ByteReader, tag: number): void => {
  switch (tag) {
    case Tag.null:
    case Tag.false:
    case Tag.true:
      return
    case Tag.int32:
      return void (reader.at += 4)
    case Tag.float64:
    case Tag.bigint64:
      return void (reader.at += 8)
    case Tag.decimal:
      reader.varint()
      return void (reader.at += 8)
    case Tag.interval:
      return void (reader.at += 24)
    case Tag.bigDecimal:
      reader.varint()
      return void reader.skip(reader.varint())
    case Tag.array:
      for (let left = reader.varint(); left > 0; left--) skipValue(reader, reader.byte())
      return
    default:
      return void reader.skip(reader.varint())
  }
}

/** A value of one type as one of another that holds it. */
export const convertValue = (value: Value | null, from: ColumnType, to: ColumnType): Value | null =>
  value === null || from === to ? value : asType(new ConstantColumn(from, value), to)!.value(0)
