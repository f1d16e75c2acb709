/** Rows of CSV files. */
import { type Batch, type ColumnSchema, type ColumnType, type Source, SourceError, type SourceRequest } from "@deltaflow/core"
import {
  checkHeader,
  csvDecoder,
  type CsvDialect,
  csvSplitter,
  DecodeError,
  encodings,
  type FirstRow,
  makeCsvDecoder,
  readFirstRow,
  type TextDecode,
  textKernel,
  TypeGuess,
} from "@deltaflow/core/text"
import * as Schema from "effect/Schema"
import { typesNote } from "../files/inputs.ts"
import { sourceFields } from "../files/options.ts"
import { openTextSource, type TextFormat, type TextSourceSizes } from "../files/textSource.ts"
import { dialectFields, dialectOf, differentSigns } from "./options.ts"

export const CsvSourceConfig = Schema.Struct({
  ...sourceFields,
  ...dialectFields,
  header: Schema.optionalKey(
    Schema.Union([Schema.Boolean, Schema.NonEmptyArray(Schema.String)]).annotate({
      expected: "true, false or a list of names",
      description:
        "Whether the first row of each file names the columns. `false` names them column1, column2 and so on; a list gives the names of a file without a header. Default: true.",
    }),
  ),
  null_values: Schema.optionalKey(
    Schema.Array(Schema.String).annotate({ description: "Unquoted fields with one of these texts are null. Default: the empty field." }),
  ),
  encoding: Schema.optionalKey(Schema.Literals(encodings).annotate({ description: "Default: what a byte order mark says, else utf-8." })),
  infer: Schema.optionalKey(
    Schema.Boolean.annotate({
      description: "Whether types are taken from the first rows. Without it every column is a string. Default: true.",
    }),
  ),
  lenient: Schema.optionalKey(
    Schema.Boolean.annotate({
      description:
        "Take rows that are no strict RFC 4180: missing fields are null, surplus ones are left out, quotes inside fields and any line ends are taken as they are meant. Default: false.",
    }),
  ),
}).check(differentSigns)

export type CsvSourceConfig = typeof CsvSourceConfig.Type

/**
 * Delivery: exactly once into a destination that can. Order: by file name, then as the rows stand. Deletes: not seen. With `incremental`,
 * only new files and what was added to the end of known ones is read.
 */
export const makeCsvSource = (sizes?: TextSourceSizes): Source<CsvSourceConfig> => ({
  kind: "source",
  type: "csv",
  summary: "CSV files: any delimiter, quoting, encoding, gzip and Zstandard",
  config: Schema.toStandardSchemaV1(CsvSourceConfig),
  supportsIncremental: true,
  open: (request) => openTextSource(request, () => new CsvFormat(request), sizes),
})

export const csvSource: Source<CsvSourceConfig> = makeCsvSource()

class CsvFormat implements TextFormat {
  private readonly request: SourceRequest<CsvSourceConfig>
  private readonly dialect: CsvDialect
  private readonly lenient: boolean
  private names: ReadonlyArray<string> | undefined
  private guesses: ReadonlyArray<TypeGuess> = []
  private sampledRows = 0
  private schema: ReadonlyArray<ColumnSchema> = []

  constructor(request: SourceRequest<CsvSourceConfig>) {
    this.request = request
    this.dialect = dialectOf(request.config)
    this.lenient = request.config.lenient ?? false
  }

  sample(bytes: Uint8Array, rowsWanted: number, final: boolean): number {
    const head = this.head(bytes, final)
    const names = this.expectNames(head)
    const columns = names.map((name): ColumnSchema => ({ name, type: "string", nullable: true }))
    const decode = makeCsvDecoder({ ...this.dialect, columns, batchSize: rowsWanted, lenient: this.lenient })
    const [batch] = this.hasHeader ? decodeBehind(decode, bytes, head) : decode(bytes).batches
    if (batch === undefined) return 0
    this.guesses = names.map((_, i) => this.guesses[i] ?? new TypeGuess())
    batch.columns.forEach((column, i) => {
      for (let row = 0; row < batch.rowCount; row++) {
        const text = column.value(row)
        if (text !== null) this.guesses[i]!.addText(text as string)
      }
    })
    this.sampledRows += batch.rowCount
    return batch.rowCount
  }

  columns(stored: ReadonlyArray<ColumnSchema> | undefined) {
    const { config, columns: declared = {} } = this.request
    if (stored !== undefined) this.names = stored.map((column) => column.name)
    const names = this.names ?? Object.keys(declared)
    this.checkDeclared(names, declared)
    this.schema = stored ?? names.map((name, i) => ({ name, type: declaredType(declared, name) ?? this.inferred(i), nullable: true }))
    return { columns: this.schema, notes: [this.note(config.infer ?? true, stored !== undefined)] }
  }

  begin(bytes: Uint8Array) {
    const head = this.head(bytes, true)
    this.expectNames(head)
    return this.hasHeader ? { length: head.length, lines: head.lines } : { length: 0, lines: 0 }
  }

  splitter() {
    return csvSplitter(this.dialect, this.lenient)
  }

  isBroken(bytes: Uint8Array): boolean {
    return !this.lenient && this.scan(bytes, false).problem?.kind === "quote"
  }

  isWhole(row: Uint8Array): boolean {
    const { rows, problem } = this.scan(row, true)
    return this.lenient || (rows === 1 && problem === undefined)
  }

  decoder() {
    return csvDecoder({ ...this.dialect, columns: this.schema, batchSize: this.request.batchSize, lenient: this.lenient })
  }

  private scan(bytes: Uint8Array, final: boolean) {
    const { delimiter, quote } = this.dialect
    return textKernel().scanCsv(bytes, 0, bytes.length, { delimiter, quote, columns: this.names?.length ?? 0, final })
  }

  private get hasHeader(): boolean {
    return (this.request.config.header ?? true) === true
  }

  private head(bytes: Uint8Array, final: boolean): FirstRow {
    const head = readFirstRow(bytes, { ...this.dialect, lenient: this.lenient, final })
    if (head !== undefined) return head
    throw new DecodeError(
      "CSV_HEADER",
      final
        ? "the file holds no row. Begin it with the names of the columns."
        : "the first row has no end. See whether a quote in it is not closed, or whether the line ends are missing.",
      { row: 0, line: 1 },
    )
  }

  /** The names that the first row of a file gives. All files must agree. */
  private expectNames(head: FirstRow): ReadonlyArray<string> {
    const names = this.namesIn(head)
    if (this.names === undefined) {
      if (this.hasHeader) checkHeader(names)
      this.names = names
    }
    if (!this.hasHeader || isSameList(names, this.names)) return this.names
    const message = `the header is ${names.join(", ")}, where ${this.names.join(", ")} is expected, as before. Read files with other columns by a source of their own.`
    throw new DecodeError("SCHEMA_CHANGED", message, { row: 0, line: 1 })
  }

  private namesIn(head: FirstRow): ReadonlyArray<string> {
    const { header } = this.request.config
    if (this.hasHeader) return head.fields
    return typeof header === "object" ? header : head.fields.map((_, i) => `column${i + 1}`)
  }

  private inferred(index: number): ColumnType {
    return (this.request.config.infer ?? true) ? (this.guesses[index]?.type ?? "string") : "string"
  }

  private checkDeclared(names: ReadonlyArray<string>, declared: Readonly<Record<string, ColumnType>>): void {
    const missing = Object.keys(declared).find((name) => !names.includes(name))
    if (missing === undefined) return
    const { name } = this.request
    const message = `${name}: columns names ${JSON.stringify(missing)}, which the file does not have. It has ${names.join(", ")}.`
    throw new SourceError({ code: "UNKNOWN_COLUMN", message, path: [name, "columns", missing], column: missing })
  }

  private note(infers: boolean, isStored: boolean): string {
    return infers || isStored
      ? typesNote(this.schema, this.sampledRows, isStored)
      : "types are not inferred: every column is a string unless it is declared"
  }
}

/** The batches of what stands behind the header; the lines of an error count from the start of the file. */
const decodeBehind = (decode: TextDecode, bytes: Uint8Array, { length, lines }: FirstRow): ReadonlyArray<Batch> => {
  try {
    return decode(bytes.subarray(length)).batches
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    const { code, message, row, line, character, column } = cause
    throw new DecodeError(code, message, {
      row,
      line: line + lines,
      ...(character === undefined ? {} : { character }),
      ...(column === undefined ? {} : { column }),
    })
  }
}

const declaredType = (declared: Readonly<Record<string, ColumnType>>, name: string): ColumnType | undefined =>
  Object.hasOwn(declared, name) ? declared[name] : undefined

const isSameList = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i])
