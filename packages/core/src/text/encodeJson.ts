/**
 * From batches to JSON: one object per line, or the elements of an array.
 *
 * A column that nobody touched goes from the source's bytes to the output's: numbers and words as they stand where their text is of the
 * column's type, strings with the escapes that the other format does not have. A text that is not in the plain form of its type is decoded,
 * and written as the value that it stands for. Throws `EncodeError` where it stands for none.
 */
import { type Batch, type Column, ValuesColumn } from "../model/Batch.ts"
import { type BatchSchema, type ColumnType, isArrayType, isSameSchema } from "../model/ColumnType.ts"
import type { Decimal, Whole } from "../model/Decimal.ts"
import { stringifyJson } from "../model/Json.ts"
import { formatValue, toRowValue, type Value } from "../model/Value.ts"
import { csvText, type CsvText, isNullAt } from "./encodeCsvText.ts"
import { type JsonLayout, putEscapedString, putNested, putPlainString, putString } from "./encodeJsonText.ts"
import {
  type Literal,
  literal,
  Outputs,
  putAscii,
  putBytes,
  putInteger,
  putLiteral,
  putText,
  type TextOutput,
  wordSource,
} from "./encodeOutput.ts"
import { copiedBytes, type PutField, writeRows } from "./encodeRows.ts"
import { copyBare, copyWords } from "./encodeScalars.ts"
import { KernelRows, operationOf } from "./kernelEncode.ts"
import { textKernel } from "./kernel.ts"
import { EncodeOperation, type TextKernel } from "./kernelTypes.ts"
import { JsonKind, type JsonRows, TextColumn } from "./TextRows.ts"

export interface JsonEncoderOptions {
  /**
   * `lines`: each row with a line end behind it. `array`: each row with a comma and a line end in front; `pretty`: the same, indented by
   * two.
   */
  readonly layout: "lines" | "array" | "pretty"
  /** The bytes are lent until two more batches have been encoded, which saves a copy. Default false: they are the caller's. */
  readonly lend?: boolean
}

export type TextEncode = (batch: Batch) => Uint8Array<ArrayBuffer>

/** Names this encoder for the engine, which may load it in a worker thread. */
export const jsonEncoder = (options: JsonEncoderOptions) => ({ url: import.meta.url, name: "makeJsonEncoder", options })

/** `kernel`: of this thread, unless a test compares them. */
export const makeJsonEncoder = (options: JsonEncoderOptions, kernel: TextKernel = textKernel()): TextEncode => {
  const outputs = new Outputs(options.lend ?? false)
  let frame: Frame | undefined
  return (batch) => {
    if (frame === undefined || !isSameSchema(frame.schema, batch.schema)) frame = makeFrame(batch.schema, options, kernel)
    const { keys, putEnd, perRow, kernelRows } = frame
    const fields = batch.columns.map((column, i) => putColumn(column, keys[i]!))
    const operations = batch.columns.map((column, i) => kernelOperation(column, keys[i]!))
    return outputs.write((out) => {
      const length = kernelRows.encode(out, batch, fields, operations)
      if (length !== undefined) return length
      out.begin(copiedBytes(batch.columns, batch.length, perRow))
      return writeRows(out, batch, fields, putEnd)
    })
  }
}

/** What the kernel does with a column, as `fromCsv` and `fromJson` would. */
const kernelOperation = (column: Column, { type, layout }: Key): number | undefined => {
  if (!(column instanceof TextColumn) || column.type !== type) return undefined
  if (type === "json") return column.rows.format === "json" && layout.indent < 0 ? EncodeOperation.json : undefined
  return operationOf[type]
}

/** What is the same for all batches of one schema. */
interface Frame {
  readonly schema: BatchSchema
  readonly keys: ReadonlyArray<Key>
  readonly putEnd: PutField
  /** Bytes that each row takes beside its values. */
  readonly perRow: number
  readonly kernelRows: KernelRows
}

const jsonFrame = { target: "json", null: Buffer.from("null"), delimiter: 0, quote: 0, quotesEmpty: false } as const

/** What stands before a value, with the column's type. */
interface Key {
  readonly type: ColumnType
  readonly layout: JsonLayout
  readonly bare: Literal
  /** With the opening quote of a string. */
  readonly quoted: Literal
  readonly null: Literal
}

const makeFrame = (schema: BatchSchema, { layout }: JsonEncoderOptions, kernel: TextKernel): Frame => {
  const pretty = layout === "pretty"
  const [before, between, after] = pretty
    ? [",\n  {\n    ", ",\n    ", "\n  }"]
    : layout === "array"
      ? [",\n{", ",", "}"]
      : ["{", ",", "}\n"]
  const texts = schema.columns.map(({ name }, i) => `${i === 0 ? before : between}${JSON.stringify(name)}:${pretty ? " " : ""}`)
  const keys = schema.columns.map(({ type }, i): Key => {
    const bare = texts[i]!
    return { type, layout: { indent: pretty ? 2 : -1 }, bare: literal(bare), quoted: literal(`${bare}"`), null: literal(`${bare}null`) }
  })
  // An object without keys is on one line in pretty JSON too.
  const endText = schema.columns.length > 0 ? after : pretty ? ",\n  {}" : before + after
  const end = literal(endText)
  const perRow = keys.reduce((sum, key) => sum + key.null.length + 2, end.length)
  const keyBytes = texts.map((text) => Buffer.from(text))
  const kernelRows = new KernelRows(kernel, { ...jsonFrame, end: Buffer.from(endText) }, keyBytes)
  return { schema, keys, putEnd: (out, at) => putLiteral(out, at, end), perRow, kernelRows }
}

const putColumn = (column: Column, key: Key): PutField => {
  if (!(column instanceof TextColumn) || column.type !== key.type) return putValues(column, key)
  return column.rows.format === "csv" ? fromCsv(column, csvText(column.rows, column.field), key) : fromJson(column, column.rows, key)
}

/** Values that a step computed, or that have no text. The usual types have a function of their own, which the compiler then knows. */
const putValues = (column: Column, key: Key): PutField => {
  if (key.type === "string" && column instanceof ValuesColumn) return putStrings(column, key)
  if (key.type === "integer" && column instanceof ValuesColumn) return putIntegers(column, key)
  return (out, at, row) => {
    const value = column.value(row)
    if (value === null) return putLiteral(out, at, key.null)
    return putValue(out, putLiteral(out, at, key.bare), value, key)
  }
}

const putStrings =
  ({ values }: ValuesColumn, key: Key): PutField =>
  (out, at, row) => {
    const value = values[row] ?? null
    return value === null ? putLiteral(out, at, key.null) : putString(out, putLiteral(out, at, key.bare), value as string)
  }

const putIntegers =
  ({ values }: ValuesColumn, key: Key): PutField =>
  (out, at, row) => {
    const value = values[row] ?? null
    return value === null ? putLiteral(out, at, key.null) : putInteger(out, putLiteral(out, at, key.bare), value as Whole)
  }

const putValue = (out: TextOutput, at: number, value: Value, { type, layout }: Key): number => {
  switch (type) {
    case "string":
    case "uuid":
    case "bytes":
    case "interval":
      return putString(out, at, formatValue(value, type))
    case "integer":
      return putInteger(out, at, value as Whole)
    case "boolean":
      return putAscii(out, at, value === true ? "true" : "false")
    case "double":
      return putDouble(out, at, value as number)
    case "decimal":
      return putAscii(out, at, (value as Decimal).isFinite ? String(value) : `"${String(value)}"`)
    case "json":
      return putJson(out, at, value as string, layout)
    default:
      if (isArrayType(type)) return putJson(out, at, stringifyJson(toRowValue(value, type)), layout)
      return putAscii(out, at, `"${formatValue(value, type)}"`)
  }
}

/** The shortest text that reads back as this double; what JSON has no number for is text. */
const putDouble = (out: TextOutput, at: number, value: number): number => {
  if (!Number.isFinite(value)) return putAscii(out, at, `"${value}"`)
  return putAscii(out, at, Object.is(value, -0) ? "-0" : String(value))
}

const putJson = (out: TextOutput, at: number, text: string, layout: JsonLayout): number => {
  if (layout.indent < 0 && !/[\r\n]/.test(text)) return putText(out, at, text)
  const bytes = Buffer.from(text)
  return putNested(out, at, wordSource(bytes), 0, bytes.length, layout)
}

const fromCsv = (column: TextColumn, text: CsvText, key: Key): PutField => {
  if (key.type === "string") return stringFromCsv(text, key)
  const bare = copyBare[key.type]
  const copy = bare ?? copyWords[key.type]
  if (copy === undefined) return putValues(column, key)
  const isBare = bare !== undefined
  const before = isBare ? key.bare : key.quoted
  const { bytes, offsets, columns, field, gap } = text
  return (out, at, row) => {
    const cell = row * columns + field
    const start = offsets[cell]!
    const end = offsets[cell + 1]! - gap
    if (isNullAt(text, start, end)) return putLiteral(out, at, key.null)
    const from = putLiteral(out, at, before)
    const to = copy(out, from, bytes, start, end)
    if (to < 0) return putValue(out, putLiteral(out, at, key.bare), column.value(row)!, key)
    if (isBare) return to
    out.bytes[to] = 34
    return to + 1
  }
}

const stringFromCsv = (text: CsvText, key: Key): PutField => {
  const { source, bytes, offsets, columns, field, gap, quote, quotes } = text
  return (out, at, row) => {
    const cell = row * columns + field
    const start = offsets[cell]!
    const end = offsets[cell + 1]! - gap
    if (isNullAt(text, start, end)) return putLiteral(out, at, key.null)
    const from = putLiteral(out, at, key.quoted)
    if (quotes && end > start && bytes[start] === quote) return putEscapedString(out, from, bytes, start + 1, end - 1, quote)
    const to = putPlainString(out, from, source, start, end)
    return to < 0 ? putEscapedString(out, from, bytes, start, end, NEVER) : to
  }
}

/** No byte. */
const NEVER = -1

const fromJson = (column: TextColumn, rows: JsonRows, key: Key): PutField => {
  const { kinds, spans, columns } = rows
  const { field } = column
  const source = wordSource(rows.buffer)
  const copies = copiedKinds(key.type)
  const bare = copyBare[key.type]
  const words = copyWords[key.type]
  return (out, at, row) => {
    const cell = row * columns + field
    const kind = kinds[cell]!
    if (kind <= JsonKind.null) return putLiteral(out, at, key.null)
    const from = putLiteral(out, at, key.bare)
    const start = spans[2 * cell]!
    const end = spans[2 * cell + 1]!
    if ((copies & (1 << kind)) !== 0) return putBytes(out, from, source, start, end)
    if (key.type === "json") return putNested(out, from, source, start, end, key.layout)
    const isNumber = kind === JsonKind.integer || kind === JsonKind.number
    if (isNumber && bare !== undefined) {
      const to = bare(out, from, rows.buffer, start, end)
      if (to >= 0) return to
    }
    if (kind === JsonKind.string && words !== undefined && words(out, from, rows.buffer, start + 1, end - 1) >= 0) {
      return putBytes(out, from, source, start, end)
    }
    return putValue(out, from, column.value(row)!, key)
  }
}

/** The kinds of tokens, as bits, that are copied without a look at what is in them. */
const copiedKinds = (type: ColumnType): number => {
  switch (type) {
    case "string":
      return (1 << JsonKind.string) | (1 << JsonKind.escapedString)
    case "boolean":
      return (1 << JsonKind.true) | (1 << JsonKind.false)
    case "json":
      return ~((1 << JsonKind.object) | (1 << JsonKind.array))
    default:
      return 0
  }
}
