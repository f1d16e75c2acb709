/** Rows of files with one JSON object per line. */
import type { ColumnSchema, Source, SourceRequest } from "@deltaflow/core"
import { lineSplitter, makeNdjsonDecoder, ndjsonDecoder, sampleColumns } from "@deltaflow/core/text"
import * as Schema from "effect/Schema"
import { typesNote } from "../files/inputs.ts"
import { sourceFields } from "../files/options.ts"
import { openTextSource, type TextFormat, type TextSourceSizes } from "../files/textSource.ts"

export const NdjsonSourceConfig = Schema.Struct(sourceFields)

export type NdjsonSourceConfig = typeof NdjsonSourceConfig.Type

/**
 * Delivery: exactly once into a destination that can. Order: by file name, then as the rows stand. Deletes: not seen. With `incremental`,
 * only new files and what was added to the end of known ones is read.
 */
export const makeNdjsonSource = (sizes?: TextSourceSizes): Source<NdjsonSourceConfig> => ({
  kind: "source",
  type: "ndjson",
  summary: "Files with one JSON object per line, gzip and Zstandard too",
  config: Schema.toStandardSchemaV1(NdjsonSourceConfig),
  supportsIncremental: true,
  open: (request) => openTextSource(request, () => new NdjsonFormat(request), sizes),
})

export const ndjsonSource: Source<NdjsonSourceConfig> = makeNdjsonSource()

class NdjsonFormat implements TextFormat {
  private readonly request: SourceRequest<NdjsonSourceConfig>
  private schema: ReadonlyArray<ColumnSchema> = []
  private readonly samples: Array<Uint8Array> = []
  private spellings: Readonly<Record<string, string>> = {}
  private sampledRows = 0

  constructor(request: SourceRequest<NdjsonSourceConfig>) {
    this.request = request
  }

  sample(bytes: Uint8Array, rowsWanted: number): number {
    const rows = firstLines(bytes, rowsWanted)
    this.samples.push(rows)
    const { rows: count } = this.decodeNew(rows)
    this.sampledRows += count
    return count
  }

  columns(stored: ReadonlyArray<ColumnSchema> | undefined) {
    // The samples together, so that a column's type holds its values in all of them.
    const text = this.decodeNew(joinLines(this.samples))
    this.spellings = text.spellings
    this.schema = stored ?? sampleColumns(text, this.request.columns)
    return { columns: this.schema, notes: [typesNote(this.schema, this.sampledRows, stored !== undefined)] }
  }

  begin() {
    return { length: 0, lines: 0 }
  }

  splitter() {
    return lineSplitter()
  }

  isBroken(): boolean {
    return false
  }

  isWhole(row: Uint8Array): boolean {
    try {
      JSON.parse(Buffer.from(row).toString())
      return true
    } catch {
      // Half a row, or no JSON at all: the next run will know.
      return false
    }
  }

  decoder() {
    const { batchSize, columns } = this.request
    return ndjsonDecoder({
      columns: this.schema,
      spellings: this.spellings,
      batchSize,
      ...(columns === undefined ? {} : { declared: columns }),
    })
  }

  private decodeNew(bytes: Uint8Array) {
    const { columns } = this.request
    return makeNdjsonDecoder({ columns: [], batchSize: Number.MAX_SAFE_INTEGER, ...(columns === undefined ? {} : { declared: columns }) })(
      bytes,
    )
  }
}

const firstLines = (bytes: Uint8Array, count: number): Uint8Array => {
  let end = 0
  for (let i = 0; i < count && end < bytes.length; i++) {
    const at = bytes.indexOf(10, end)
    end = at < 0 ? bytes.length : at + 1
  }
  return bytes.subarray(0, end)
}

const joinLines = (parts: ReadonlyArray<Uint8Array>): Uint8Array => Buffer.concat(parts.flatMap((part) => [part, Buffer.from("\n")]))
