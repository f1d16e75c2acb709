/** The same rows in every form that a batch can have. */
import { Batch, type Column, ConstantColumn, ValuesColumn } from "../../src/model/Batch.ts"
import { type BatchSchema, type ColumnSchema, type ColumnType, isArrayType } from "../../src/model/ColumnType.ts"
import { formatValue, type Row, toRowValue, type Value } from "../../src/model/Value.ts"
import { stringifyJson } from "../../src/model/Json.ts"
import { type CsvRows, JsonKind, type JsonRows, TextColumn } from "../../src/text/TextRows.ts"

export type Table = ReadonlyArray<ReadonlyArray<Value | null>>

export const shapes = ["csv", "csvCrlf", "json", "values", "objects", "mixed"] as const

export type Shape = (typeof shapes)[number]

export const schemaOf = (columns: Readonly<Record<string, ColumnType>>): BatchSchema => ({
  columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable: true })),
})

/** A batch over the rows, in one of the forms. The null text in CSV is the empty field. */
export const batchOf = (schema: BatchSchema, rows: Table, shape: Shape, firstRow = 1): Batch => {
  const columns = columnsOf(schema, rows, shape)
  return new Batch({ schema, columns, rowCount: rows.length, firstRow, byteSize: 64 * rows.length })
}

const columnsOf = (schema: BatchSchema, rows: Table, shape: Shape): ReadonlyArray<Column> => {
  switch (shape) {
    case "csv":
    case "csvCrlf": {
      const text = csvRows(schema, rows, shape === "csvCrlf")
      return schema.columns.map(({ name, type }, i) => new TextColumn(text, i, name, type))
    }
    case "json": {
      const text = jsonRows(schema, rows)
      return schema.columns.map(({ name, type }, i) => new TextColumn(text, i, name, type))
    }
    case "values":
      return schema.columns.map(({ type }, i) =>
        valuesOrConstant(
          type,
          rows.map((row) => row[i]!),
        ),
      )
    case "objects":
      return Batch.fromRows(
        rows.map((row) => objectOf(schema, row)),
        schema,
      ).columns
    case "mixed": {
      const parts = (["csv", "json", "values", "objects"] as const).map((each) => columnsOf(schema, rows, each))
      return schema.columns.map((_, i) => parts[i % parts.length]![i]!)
    }
  }
}

const valuesOrConstant = (type: ColumnType, values: ReadonlyArray<Value | null>): Column =>
  values.length > 0 && values.every((value) => Object.is(value, values[0]))
    ? new ConstantColumn(type, values[0]!)
    : new ValuesColumn(type, values)

export const objectOf = (schema: BatchSchema, row: ReadonlyArray<Value | null>): Row =>
  Object.fromEntries(schema.columns.map(({ name, type }, i) => [name, toRowValue(row[i]!, type)]))

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const csvRows = (schema: BatchSchema, rows: Table, crlf: boolean): CsvRows => {
  const fields = rows.map((row) => row.map((value, i) => csvField(value, schema.columns[i]!)))
  const lines = new Bytes()
  for (const row of fields) {
    row.forEach((field, i) => {
      lines.mark()
      lines.add(field + (i < row.length - 1 ? "," : crlf ? "\r\n" : "\n"))
    })
  }
  lines.mark()
  return {
    format: "csv",
    buffer: lines.bytes(),
    offsets: Uint32Array.from(lines.marks),
    columns: schema.columns.length,
    crlf,
    quotes: fields.some((row) => row.some((field) => field.startsWith('"'))),
    delimiter: 44,
    quote: 34,
    nulls: EMPTY_IS_NULL,
  }
}

const EMPTY_IS_NULL = [new Uint8Array()]

const csvField = (value: Value | null, { type }: ColumnSchema): string => {
  if (value === null) return ""
  const text = Object.is(value, -0) ? "-0" : formatValue(value, type)
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const jsonRows = (schema: BatchSchema, rows: Table): JsonRows => {
  const text = new Bytes()
  const kinds: Array<number> = []
  for (const row of rows) {
    row.forEach((value, i) => {
      const token = jsonToken(value, schema.columns[i]!.type)
      kinds.push(kindOf(token))
      text.add(" ")
      text.mark()
      text.add(token)
      text.mark()
    })
  }
  return {
    format: "json",
    buffer: text.bytes(),
    spans: Uint32Array.from(text.marks),
    kinds: Uint8Array.from(kinds),
    columns: schema.columns.length,
  }
}

/** The token, as JSON writers spell it. */
const jsonToken = (value: Value | null, type: ColumnType): string => {
  if (value === null) return "null"
  if (type === "boolean" || type === "integer" || (type === "double" && Number.isFinite(value)))
    return String(Object.is(value, -0) ? "-0" : value)
  if (type === "json" || isArrayType(type)) return formatValue(value, type)
  const text = formatValue(value, type)
  return type === "decimal" && /\d$/.test(text) ? text : stringifyJson(text)
}

const kindOf = (token: string): number => {
  if (token.startsWith('"')) return token.includes("\\") ? JsonKind.escapedString : JsonKind.string
  const words: Readonly<Record<string, number>> = {
    n: JsonKind.null,
    t: JsonKind.true,
    f: JsonKind.false,
    "{": JsonKind.object,
    "[": JsonKind.array,
  }
  return words[token[0]!] ?? (/^-?\d+$/.test(token) ? JsonKind.integer : JsonKind.number)
}

/** Text that is put together, with the places that are wanted. */
class Bytes {
  readonly marks: Array<number> = []
  private readonly parts: Array<Uint8Array> = []
  private length = 0

  add(text: string): void {
    const part = utf8(text)
    this.parts.push(part)
    this.length += part.length
  }

  mark(): void {
    this.marks.push(this.length)
  }

  bytes(): Uint8Array {
    const whole = new Uint8Array(this.length)
    let at = 0
    for (const part of this.parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}
