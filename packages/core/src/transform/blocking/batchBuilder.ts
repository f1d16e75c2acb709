/**
 * From kept rows back to batches. Fields that are text become text columns again, so that what nobody touches is copied by the writer, and
 * is never decoded on its way through a step.
 */
import { Batch, type Column, ValuesColumn } from "../../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnType } from "../../model/ColumnType.ts"
import type { Value } from "../../model/Value.ts"
import { NO_QUOTE } from "../../text/csvDialect.ts"
import { decodeBytes, decodeToken } from "../../text/decode.ts"
import { type CsvRows, type JsonRows, TextColumn } from "../../text/TextRows.ts"
import { ByteReader, ByteWriter } from "./byteWriter.ts"
import { NO_MEMORY, TextBuilder, type TextMemory } from "./keptText.ts"
import { convertValue, isText, isToken, lengthOf, readValue, type RowForm, skipValue, Tag } from "./rowForm.ts"
import { spellOut } from "./spellOut.ts"

/** A delimiter and a null that UTF-8 never holds, so that any text may stand in a field as it is. */
const DELIMITER = 0xff
const NULL_BYTE = 0xfe
const NULLS: ReadonlyArray<Uint8Array> = [Uint8Array.of(NULL_BYTE)]

/** How the fields of one column are kept, over all rows of the batch. */
const Form = { unknown: 0, text: 1, json: 2, values: 4 } as const

/** Where each column of the result stands among the fields of a row. */
interface Places {
  readonly schema: BatchSchema
  /** By column of the result: the field, or -1. */
  readonly fields: ReadonlyArray<number>
}

/** Reads which columns the row at the reader's place has, and leaves the reader at its first field. */
type PlacesOf = (reader: ByteReader) => Places

type TextLayout = NonNullable<RowForm["onlyText"]>

const NO_COLUMNS: BatchSchema = { columns: [] }

/** Memory for text that waits to be used again. */
const MOST_MEMORY = 4

export class BatchBuilder {
  private readonly form: RowForm
  private rows = new ByteWriter(64 * 1024)
  private readonly starts: Array<number> = []
  private readonly places: Array<Places | undefined> = []
  private placesOf: BatchSchema | undefined
  private given = 0
  private readonly scratch = new Scratch()
  private readonly memory: Array<TextMemory> = []

  constructor(form: RowForm) {
    this.form = form
  }

  /** Rows that are waiting. */
  get length(): number {
    return this.starts.length
  }

  /** Their bytes. */
  get size(): number {
    return this.rows.length
  }

  /** Takes a copy of a row. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.starts.push(this.rows.length)
    this.rows.copy(bytes, start, end)
  }

  /** The rows so far as a batch, numbered behind those given before. */
  build(): Batch {
    const schema = this.form.schema!
    const rowCount = this.starts.length
    const batch = new Batch({
      schema,
      columns: this.columns(schema),
      rowCount,
      firstRow: this.given + 1,
      byteSize: 2 * this.rows.length + 8 * rowCount * schema.columns.length,
    })
    this.given += rowCount
    this.rows.length = 0
    this.starts.length = 0
    // One huge row must not hold its memory for all that come.
    if (this.rows.bytes.length > KEEP) this.rows = new ByteWriter(64 * 1024)
    return batch
  }

  private columns(schema: BatchSchema): ReadonlyArray<Column> {
    const layout = this.form.onlyText
    if (layout !== undefined) return this.withText(schema, layout)
    const { rows, starts } = spellOut(this.form, this.rows, this.starts)
    return new Fields(rows, starts, (reader) => this.fieldsOf(reader.varint(), schema), schema, this.scratch).columns()
  }

  /** Columns of text that stays as it stood in the source, and the others. */
  private withText(schema: BatchSchema, { id, text, quotes }: TextLayout): ReadonlyArray<Column> {
    const { rows, starts } = this
    const size = rows.length + (text.nulls.length === 0 ? 0 : starts.length * TextBuilder.nullSize(text))
    const builder = new TextBuilder(text, quotes, starts.length, size, this.memory.pop() ?? NO_MEMORY)
    const reader = new ByteReader()
    // From here on only the other fields are looked at. A row of nulls has none.
    const without = new Set<number>()
    for (let row = 0; row < starts.length; row++) {
      reader.open(rows.bytes, starts[row])
      if (reader.varint() === id) builder.add(reader)
      else {
        builder.addNull()
        without.add(reader.at)
      }
      starts[row] = reader.at
    }
    const found = builder.rows((memory) => {
      if (this.memory.length < MOST_MEMORY && memory.buffer.length <= KEEP) this.memory.push(memory)
    })
    const others = { columns: schema.columns.filter((_, i) => text.places[i]! < 0) }
    const all: Places = { schema: others, fields: others.columns.map((_, i) => i) }
    const none: Places = { schema: NO_COLUMNS, fields: others.columns.map(() => -1) }
    const fields =
      others.columns.length === 0
        ? []
        : new Fields(rows, starts, ({ at }) => (without.has(at) ? none : all), others, this.scratch).columns()
    let next = 0
    return schema.columns.map(({ name, type }, i) =>
      text.places[i]! < 0 ? fields[next++]! : new TextColumn(found, text.places[i]!, name, type),
    )
  }

  private fieldsOf(layout: number, schema: BatchSchema): Places {
    if (this.placesOf !== schema) {
      this.places.length = 0
      this.placesOf = schema
    }
    const known = this.places[layout]
    if (known !== undefined) return known
    const own = this.form.layout(layout).schema
    const made = { schema: own, fields: schema.columns.map(({ name }) => columnIndex(own, name)) }
    this.places[layout] = made
    return made
  }
}

/** Memory beyond this is not held on to. */
const KEEP = 16 * 1024 * 1024

/** Where the fields of a batch stand, in memory that is used again for the next one unless a column still looks at it. */
class Scratch {
  private places = new Int32Array(0)
  private ranges = new Uint32Array(0)

  at(size: number): Int32Array {
    if (this.places.length < size) this.places = new Int32Array(size)
    return this.places.fill(-1, 0, size)
  }

  spans(size: number): Uint32Array {
    if (this.ranges.length < size) this.ranges = new Uint32Array(size)
    return this.ranges.fill(0, 0, size)
  }

  giveAway(): void {
    this.places = new Int32Array(0)
    this.ranges = new Uint32Array(0)
  }
}

/** The fields of the rows of one batch, found by going over them once. */
class Fields {
  private readonly reader = new ByteReader()
  private bytes: Uint8Array
  private readonly schema: BatchSchema
  private readonly count: number
  private readonly width: number
  /** By row and column: where the field's tag stands, or -1 where the row has none. */
  private readonly at: Int32Array
  /** By row and column: start and end of a text or token. */
  private readonly spans: Uint32Array
  private readonly forms: Uint8Array
  private readonly types: Array<ReadonlyArray<ColumnType | undefined>> = []

  constructor(rows: ByteWriter, starts: ReadonlyArray<number>, placesOf: PlacesOf, schema: BatchSchema, scratch: Scratch) {
    this.bytes = rows.bytes
    this.schema = schema
    this.count = starts.length
    this.width = schema.columns.length
    this.at = scratch.at(this.count * this.width)
    this.spans = scratch.spans(2 * this.count * this.width)
    this.forms = new Uint8Array(this.width)
    for (let row = 0; row < this.count; row++) this.scan(row, starts[row]!, placesOf)
    // Tokens stay among the rows' bytes, and so do fields that are read later; all others are copied or decoded at once.
    if (this.forms.some((form) => (form & Form.json) !== 0 || isMixed(form))) this.bytes = rows.bytes.slice(0, rows.length)
    if (this.forms.some(isMixed)) scratch.giveAway()
  }

  private scan(row: number, start: number, placesOf: PlacesOf): void {
    const { reader, width } = this
    reader.open(this.bytes, start)
    const { schema, fields } = placesOf(reader)
    const isSame = schema === this.schema
    if (!isSame) this.types[row] = fields.map((field) => schema.columns[field]?.type)
    const count = schema.columns.length
    for (let field = 0; field < count; field++) {
      const column = isSame ? field : fields.indexOf(field)
      this.field(column < 0 ? undefined : row * width + column, column)
    }
  }

  /** Takes note of the field at the reader's place, and goes past it. */
  private field(cell: number | undefined, column: number): void {
    const { reader } = this
    const { at } = reader
    const tag = reader.byte()
    const form = tag === Tag.null ? Form.unknown : isText(tag) ? Form.text : isToken(tag) ? Form.json : Form.values
    if (form === Form.text || form === Form.json) {
      const length = lengthOf(reader, tag)
      const start = reader.skip(length)
      if (cell !== undefined) {
        this.spans[2 * cell] = start
        this.spans[2 * cell + 1] = start + length
      }
    } else if (form === Form.values) skipValue(reader, tag)
    if (cell === undefined) return
    this.at[cell] = at
    this.forms[column]! |= form
  }

  columns(): ReadonlyArray<Column> {
    const { columns } = this.schema
    const text = columns.flatMap((_, i) => (this.forms[i]! <= Form.text ? [i] : []))
    const tokens = columns.flatMap((_, i) => (this.forms[i] === Form.json ? [i] : []))
    const csv = text.length === 0 ? undefined : this.csv(text)
    const json = tokens.length === 0 ? undefined : this.json(tokens)
    return columns.map(({ name, type }, i) => {
      const inText = text.indexOf(i)
      if (inText >= 0) return new TextColumn(csv!, inText, name, type)
      const inTokens = tokens.indexOf(i)
      return inTokens >= 0 ? new TextColumn(json!, inTokens, name, type) : this.values(i, type)
    })
  }

  private tag(cell: number): number {
    const at = this.at[cell]!
    return at < 0 ? Tag.null : this.bytes[at]!
  }

  private csv(chosen: ReadonlyArray<number>): CsvRows {
    const { count, width, spans } = this
    const columns = chosen.length
    const offsets = new Uint32Array(count * columns + 1)
    let size = count * columns * 2
    for (let row = 0; row < count; row++)
      for (const column of chosen) size += spans[2 * (row * width + column) + 1]! - spans[2 * (row * width + column)]!
    const out = new ByteWriter(size)
    let next = 0
    for (let row = 0; row < count; row++) {
      for (const column of chosen) {
        const cell = row * width + column
        if (this.tag(cell) === Tag.null) out.byte(NULL_BYTE)
        else out.copy(this.bytes, spans[2 * cell]!, spans[2 * cell + 1]!)
        out.byte(DELIMITER)
        offsets[++next] = out.length
      }
    }
    return {
      format: "csv",
      buffer: out.bytes.subarray(0, out.length),
      offsets,
      columns,
      crlf: false,
      quotes: false,
      delimiter: DELIMITER,
      quote: NO_QUOTE,
      nulls: NULLS,
    }
  }

  /** Tokens stay where they are among the rows' bytes. */
  private json(chosen: ReadonlyArray<number>): JsonRows {
    const { count, width, spans } = this
    const columns = chosen.length
    const own = new Uint32Array(2 * count * columns)
    const kinds = new Uint8Array(count * columns)
    let next = 0
    for (let row = 0; row < count; row++) {
      for (const column of chosen) {
        const cell = row * width + column
        const tag = this.tag(cell)
        kinds[next] = tag === Tag.null ? 1 : tag - Tag.json
        own[2 * next] = spans[2 * cell]!
        own[2 * next + 1] = spans[2 * cell + 1]!
        next++
      }
    }
    return { format: "json", buffer: this.bytes, spans: own, kinds, columns }
  }

  private values(column: number, type: ColumnType): Column {
    const values = Array.from({ length: this.count }, (_, row) => row)
    const texts = this.forms[column]! & (Form.text | Form.json)
    if (texts === 0)
      return new ValuesColumn(
        type,
        values.map((row) => this.value(row, column, type)),
      )
    return new MixedColumn(
      type,
      (row) => this.value(row, column, type),
      (row) => this.tag(row * this.width + column) === Tag.null,
    )
  }

  private value(row: number, column: number, type: ColumnType): Value | null {
    const cell = row * this.width + column
    const tag = this.tag(cell)
    if (tag === Tag.null) return null
    const start = this.spans[2 * cell]!
    const end = this.spans[2 * cell + 1]!
    if (isText(tag)) return decodeBytes(this.bytes, start, end, type)
    if (isToken(tag)) return decodeToken(this.bytes, tag - Tag.json, start, end, type)
    this.reader.open(this.bytes, this.at[cell])
    return convertValue(readValue(this.reader), this.types[row]?.[column] ?? type, type)
  }
}

/** Whether the column has text in some rows and values in others. */
const isMixed = (form: number): boolean => form === (Form.text | Form.json) || form > Form.values

/** Text in some rows and values in others. Text that is none of the type is an error only for who reads it. */
class MixedColumn implements Column {
  readonly type: ColumnType
  readonly value: (row: number) => Value | null
  readonly isNull: (row: number) => boolean
  constructor(type: ColumnType, value: (row: number) => Value | null, isNull: (row: number) => boolean) {
    this.type = type
    this.value = value
    this.isNull = isNull
  }
}
