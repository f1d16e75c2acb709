/**
 * From JSON text to batches: NDJSON in chunks of whole lines, and the elements of an array.
 *
 * Strict JSON, one object per row. A key that the schema does not know becomes a column behind the others, of the type of its values in
 * this text; so the batches of one text share one schema, which the next text need not have. A missing key is null.
 */
import { Batch, type Column, ConstantColumn } from "../model/Batch.ts"
import type { ColumnSchema, ColumnType } from "../model/ColumnType.ts"
import type { DecodedText } from "./csvDecoder.ts"
import { decodeText } from "./decode.ts"
import { DecodeError } from "./DecodeError.ts"
import { checkUtf8 } from "./encoding.ts"
import { TypeGuess } from "./infer.ts"
import { type JsonKeys, type JsonProblem, type JsonReuse, type JsonScan, textKernel } from "./kernel.ts"
import { countLines, placeOf } from "./lines.ts"
import { keyAt, keysFrom, KeySet, MOST_KEYS, plainSpelling, stringEnd } from "./jsonDecoderKeys.ts"
import { JsonKind, type JsonRows, TextColumn } from "./TextRows.ts"

export interface JsonDecoderOptions {
  readonly columns: ReadonlyArray<ColumnSchema>
  /** How each column's key is spelled between its quotes, where that is not what `JSON.stringify` writes. */
  readonly spellings?: Readonly<Record<string, string>>
  /** Types of columns that may still come, over what their values say. */
  readonly declared?: Readonly<Record<string, ColumnType>>
  readonly batchSize: number
}

/** Names the decoder of NDJSON for the engine, which may load it in a worker thread. */
export const ndjsonDecoder = (options: JsonDecoderOptions) => ({ url: import.meta.url, name: "makeNdjsonDecoder", options })

export const makeNdjsonDecoder = (options: JsonDecoderOptions): ((bytes: Uint8Array) => JsonText) => {
  const reader = new JsonReader(options)
  return (bytes) => {
    checkUtf8(bytes)
    const text = reader.read(bytes, (from, keys, reuse) =>
      textKernel().scanNdjson(bytes, from, bytes.length, keys, { final: true, ...reuse }),
    )
    return { ...text, lines: countLines(bytes, 0, bytes.length) }
  }
}

/** Decoded JSON, and how the keys of columns that were not known before are spelled where a decoder would not expect it. */
export interface JsonText extends DecodedText {
  readonly spellings: Readonly<Record<string, string>>
}

/** A part of an array's text, which may end anywhere. */
export interface JsonArrayText extends JsonText {
  /** Where what is not decoded yet begins: after the last element, or after the closing bracket. */
  readonly consumed: number
  readonly closed: boolean
}

/**
 * Decodes the elements of an array piece by piece. `first` says that the text begins after the opening bracket, else it begins after an
 * element.
 */
export const makeJsonArrayDecoder = (options: JsonDecoderOptions) => {
  const reader = new JsonReader(options)
  return (bytes: Uint8Array, { first, final }: { readonly first: boolean; readonly final: boolean }): JsonArrayText => {
    let isFirst = first
    let closed = false
    const text = reader.read(bytes, (from, keys) => {
      const scan = textKernel().scanJsonArray(bytes, from, bytes.length, keys, { first: isFirst, final })
      isFirst &&= scan.rows === 0
      closed = scan.closed
      return scan
    })
    checkUtf8(bytes.subarray(0, text.consumed))
    return { ...text, closed, lines: countLines(bytes, 0, text.consumed) }
  }
}

/** The columns of the rows that `decode` finds with no column known before. Declared columns come last where no row has them. */
export const sampleColumns = (text: DecodedText, declared: Readonly<Record<string, ColumnType>> = {}): ReadonlyArray<ColumnSchema> => {
  const found = text.batches[0]?.schema.columns ?? []
  const missing = Object.entries(declared).filter(([name]) => found.every((column) => column.name !== name))
  return [...found, ...missing.map(([name, type]) => ({ name, type, nullable: true }))]
}

/** Rows that were found with one set of keys. */
interface Part {
  readonly rows: JsonRows
  readonly count: number
}

interface ReadText extends Omit<JsonText, "lines"> {
  readonly consumed: number
}

interface Reuse {
  readonly reuse?: JsonReuse
}

const MOST_KEPT = 16

class JsonReader {
  readonly options: JsonDecoderOptions
  private readonly base: KeySet
  /** Memory of earlier scans. */
  private readonly free: Array<JsonReuse> = []

  constructor(options: JsonDecoderOptions) {
    this.options = options
    const names = options.columns.map((column) => column.name)
    const { spellings: known = {} } = options
    const spellings = names.map((name) => (Object.hasOwn(known, name) ? known[name]! : plainSpelling(name)))
    this.base = new KeySet(
      names,
      spellings,
      names.map((_, i) => i),
    )
  }

  read(bytes: Uint8Array, scan: (from: number, keys: JsonKeys, reuse: Reuse) => JsonScan): ReadText {
    const parts: Array<Part> = []
    let set = this.base
    let from = 0
    let rows = 0
    for (;;) {
      const found = scan(from, set.keys, this.reuse())
      if (found.rows > 0) parts.push(toPart(bytes, found, set, rows))
      rows += found.rows
      from = found.consumed
      const { problem } = found
      if (problem === undefined) break
      if (problem.kind !== "unknown-key" && problem.kind !== "escaped-key") throw jsonError(bytes, problem, rows)
      // A key that is no text would be looked for in vain.
      checkUtf8(bytes.subarray(0, stringEnd(bytes, problem.at)))
      set = set.with(keysFrom(bytes, problem.at, MOST_KEYS + 1))
      if (set.names.length > MOST_KEYS) throw tooManyKeys(bytes, problem, rows)
    }
    return {
      batches: this.toBatches(parts, set),
      rows,
      consumed: from,
      spellings: set === this.base ? {} : set.oddSpellings(),
      release: () => this.release(parts),
    }
  }

  private reuse(): Reuse {
    const reuse = this.free.pop()
    return reuse === undefined ? {} : { reuse }
  }

  private release(parts: ReadonlyArray<Part>): void {
    for (const { rows } of parts) {
      if (this.free.length < MOST_KEPT)
        this.free.push({ spans: rows.spans as Uint32Array<ArrayBuffer>, kinds: rows.kinds as Uint8Array<ArrayBuffer> })
    }
  }

  private toBatches(parts: ReadonlyArray<Part>, set: KeySet): ReadonlyArray<Batch> {
    const { columns: base, batchSize } = this.options
    const added = set.names.map((name, index) => ({ name, index })).slice(base.length)
    const columns = [
      ...base.map((schema, index) => ({ schema, index })),
      // A key that only an unfinished row has comes with that row.
      ...added
        .filter(({ index }) => isPresent(parts, index))
        .map(({ name, index }) => ({ schema: { name, type: this.typeOf(name, index, parts), nullable: true }, index })),
    ]
    return parts.flatMap((part) => cutBatches(part, columns, batchSize))
  }

  private typeOf(name: string, column: number, parts: ReadonlyArray<Part>): ColumnType {
    const { declared } = this.options
    return (declared !== undefined && Object.hasOwn(declared, name) ? declared[name] : undefined) ?? guessType(parts, column)
  }
}

/** A column of the batches, and which of the keys it is. */
interface KeyColumn {
  readonly schema: ColumnSchema
  readonly index: number
}

const isPresent = (parts: ReadonlyArray<Part>, column: number): boolean =>
  parts.some(({ rows, count }) => {
    for (let row = 0; row < count; row++)
      if (column < rows.columns && rows.kinds[row * rows.columns + column] !== JsonKind.missing) return true
    return false
  })

const cutBatches = ({ rows, count }: Part, columns: ReadonlyArray<KeyColumn>, batchSize: number): ReadonlyArray<Batch> => {
  const width = rows.columns
  const schema = { columns: columns.map((column) => column.schema) }
  const batches: Array<Batch> = []
  for (let start = 0; start < count; start += batchSize) {
    const end = Math.min(count, start + batchSize)
    const spans = rows.spans.subarray(2 * start * width, 2 * end * width)
    const part: JsonRows = { ...rows, spans, kinds: rows.kinds.subarray(start * width, end * width) }
    const share = Math.ceil((rows.buffer.length * (end - start)) / count)
    batches.push(
      new Batch({
        schema,
        columns: columns.map((column) => columnOf(part, column)),
        rowCount: end - start,
        byteSize: share + spans.byteLength + part.kinds.byteLength,
      }),
    )
  }
  return batches
}

/** A key that only later rows have is null in these. */
const columnOf = (rows: JsonRows, { index, schema: { name, type } }: KeyColumn): Column =>
  index < rows.columns ? new TextColumn(rows, index, name, type) : new ConstantColumn(type, null)

const toPart = (buffer: Uint8Array, scan: JsonScan, set: KeySet, rowsBefore: number): Part => {
  const { spans, kinds, rows } = scan
  const found: JsonRows = { format: "json", buffer, spans, kinds, columns: set.keys.length }
  return { rows: set.hasAliases ? mergeSpellings(found, rows, set, rowsBefore) : found, count: rows }
}

/** One column per name, where a name is spelled in several ways. */
const mergeSpellings = (rows: JsonRows, count: number, set: KeySet, rowsBefore: number): JsonRows => {
  const columns = set.names.length
  const spans = new Uint32Array(2 * count * columns)
  const kinds = new Uint8Array(count * columns)
  for (let cell = 0; cell < count * rows.columns; cell++) {
    const kind = rows.kinds[cell]!
    if (kind === JsonKind.missing) continue
    const row = Math.floor(cell / rows.columns)
    const column = set.columnOf[cell % rows.columns]!
    const target = row * columns + column
    const start = rows.spans[2 * cell]!
    if (kinds[target] !== JsonKind.missing) throw duplicateKey(rows.buffer, start, rowsBefore + row, set.names[column]!)
    kinds[target] = kind
    spans[2 * target] = start
    spans[2 * target + 1] = rows.spans[2 * cell + 1]!
  }
  return { ...rows, spans, kinds, columns }
}

/** The smallest type of a column's values: mixed kinds are `json`, none at all is `string`. */
const guessType = (parts: ReadonlyArray<Part>, column: number): ColumnType => {
  const scalars = new TypeGuess()
  const seen = new Set<"scalar" | "string" | "json">()
  for (const { rows, count } of parts) {
    if (column >= rows.columns) continue
    for (let row = 0; row < count; row++) {
      const group = addValue(rows, row * rows.columns + column, scalars)
      if (group !== undefined) seen.add(group)
    }
  }
  if (seen.size === 0) return "string"
  if (seen.size > 1 || seen.has("json")) return "json"
  return seen.has("string") ? "string" : (scalars.type ?? "json")
}

const addValue = ({ buffer, spans, kinds }: JsonRows, cell: number, scalars: TypeGuess): "scalar" | "string" | "json" | undefined => {
  switch (kinds[cell]) {
    case JsonKind.missing:
    case JsonKind.null:
      return undefined
    case JsonKind.true:
    case JsonKind.false:
      scalars.addBoolean()
      return "scalar"
    case JsonKind.integer:
    case JsonKind.number:
      scalars.addNumber(decodeText(buffer, spans[2 * cell]!, spans[2 * cell + 1]!))
      return "scalar"
    case JsonKind.string:
    case JsonKind.escapedString:
      return "string"
    default:
      return "json"
  }
}

const jsonError = (bytes: Uint8Array, problem: JsonProblem, row: number): DecodeError => {
  if (problem.kind === "duplicate-key") return duplicateKey(bytes, problem.at, row, JSON.parse(`"${keyAt(bytes, problem.at)}"`) as string)
  const code = problem.kind === "syntax" ? "JSON_SYNTAX" : "JSON_SHAPE"
  const advice =
    problem.kind === "not-object"
      ? " Every row has to be an object."
      : problem.kind === "depth"
        ? " Nest less, or keep the value as text."
        : ` Found ${found(bytes, problem.at)}.`
  return new DecodeError(code, `${problem.message}.${advice}`, { row, ...placeOf(bytes, problem.at) })
}

const found = (bytes: Uint8Array, at: number): string => {
  if (at >= bytes.length) return "the end of the text"
  const line = decodeText(bytes, at, Math.min(bytes.length, at + 40)).split("\n", 1)[0] ?? ""
  return line === "" ? "the end of the line" : JSON.stringify(Array.from(line).slice(0, 12).join(""))
}

const duplicateKey = (bytes: Uint8Array, at: number, row: number, name: string): DecodeError =>
  new DecodeError("DUPLICATE_KEY", `the key ${JSON.stringify(name)} stands twice in one object. Keep one of them.`, {
    row,
    ...placeOf(bytes, at),
    column: name,
  })

const tooManyKeys = (bytes: Uint8Array, problem: JsonProblem, row: number): DecodeError =>
  new DecodeError("JSON_SHAPE", `the rows have more than ${MOST_KEYS} different keys. Use keys for names and values for data.`, {
    row,
    ...placeOf(bytes, problem.at),
  })
