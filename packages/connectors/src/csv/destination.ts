/** Rows into a CSV file. */
import { type BatchSchema, type Destination, DestinationError, type LoadRequest } from "@deltaflow/core"
import { csvEncoder, type CsvEncoderOptions, encodeCsvHeader, encodings, makeCsvEncoder, readFirstRow } from "@deltaflow/core/text"
import * as Schema from "effect/Schema"
import { destinationFields } from "../files/options.ts"
import { schemaChanged } from "../files/schemaChange.ts"
import { openTextLoad, type Target, type TextLayout } from "../files/textDestination.ts"
import { openFileText, readFully } from "../files/textReader.ts"
import { startOf, transcoder } from "../files/transcode.ts"
import { dialectFields, dialectOf, differentSigns } from "./options.ts"

export const CsvDestinationConfig = Schema.Struct({
  ...destinationFields,
  ...dialectFields,
  header: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Whether the file begins with the names of the columns. Default: true." }),
  ),
  null_values: Schema.optionalKey(
    Schema.NonEmptyArray(Schema.String).annotate({
      description:
        "The first is what a null is written as, unquoted; texts that are equal to one of them are quoted. Default: the empty field.",
    }),
  ),
  encoding: Schema.optionalKey(
    Schema.Literals(encodings).annotate({ description: "UTF-16 is written with a byte order mark. Default: utf-8." }),
  ),
}).check(differentSigns)

export type CsvDestinationConfig = typeof CsvDestinationConfig.Type

/**
 * Delivery: idempotent. `replace` writes beside the file and renames at the end; `append` adds to it, and the next run cuts off what a
 * crash left. Into standard output at least once. Order: kept. Deletes: not there.
 */
export const csvDestination: Destination<CsvDestinationConfig> = {
  kind: "destination",
  type: "csv",
  summary: "A CSV file, replaced as a whole or added to",
  config: Schema.toStandardSchemaV1(CsvDestinationConfig),
  delivery: (config) => (config.path === "-" ? "none" : "idempotent"),
  writeModes: ["replace", "append"],
  open: (request) => openTextLoad(request, csvLayout),
}

type Request = LoadRequest<CsvDestinationConfig>

const csvLayout = async (request: Request, target: Target): Promise<TextLayout> => {
  const { config, name, schema } = request
  const hasHeader = config.header ?? true
  const columns = (hasHeader ? await existingColumns(request, target) : undefined) ?? schema.columns.map((column) => column.name)
  const options: CsvEncoderOptions = { ...dialectOf(config), columns, lend: true }
  return {
    encode: makeCsvEncoder(options),
    encoder: () => csvEncoder(options),
    begin: (isNew) =>
      isNew
        ? Buffer.concat([
            Buffer.from(startOf(config.encoding)),
            hasHeader && columns.length > 0 ? encodeCsvHeader(options) : Buffer.alloc(0),
          ])
        : Buffer.alloc(0),
    join: (rows) => rows,
    end: () => Buffer.alloc(0),
    accept: (wider: BatchSchema) => {
      const added = wider.columns.filter((column) => !columns.includes(column.name))
      if (added.length > 0)
        throw schemaChanged(added, name, "A CSV file has the columns of its header. Select the columns, or set schema_changes: freeze.")
    },
    transcode: transcoder(config.encoding, name),
  }
}

/** Longer headers are no headers. */
const HEADER_BYTES = 1024 * 1024

/** The columns of the file that rows are added to, in its order; they must be those of the rows. */
const existingColumns = async (request: Request, { existing, label }: Target): Promise<ReadonlyArray<string> | undefined> => {
  if (existing === undefined) return undefined
  const { config, files, schema } = request
  const limits = { size: Number.POSITIVE_INFINITY, ratio: Number.POSITIVE_INFINITY }
  const text = await openFileText(files, existing.path, { compression: existing.compression, encoding: config.encoding, limits })
  try {
    const buffer = new Uint8Array(HEADER_BYTES)
    const length = await readFully(text, buffer)
    const first = readFirstRow(buffer.subarray(0, length), { ...dialectOf(config), lenient: false, final: length < HEADER_BYTES })
    return first === undefined ? undefined : checkColumns(first.fields, schema, label, request.name)
  } finally {
    await text.close()
  }
}

const checkColumns = (found: ReadonlyArray<string>, schema: BatchSchema, label: string, name: string): ReadonlyArray<string> => {
  const wanted = schema.columns.map((column) => column.name)
  // Without a row behind a custom step nobody knows the columns, and nothing is written either.
  if (wanted.length === 0) return found
  if (wanted.length === found.length && wanted.every((column) => found.includes(column))) return found
  throw new DestinationError({
    code: "SCHEMA_CHANGED",
    message: `${label}:1: the file has the columns ${found.join(", ")}, and the rows have ${wanted.join(", ")}. Select the file's columns, or write to another file.`,
    path: [name, "path"],
  })
}
