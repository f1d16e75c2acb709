/** What the rows of a preview would change in a destination that tells rows apart by a key. */
import { existsSync } from "node:fs"
import path from "node:path"
import {
  type BatchSchema,
  type DecodedPipeline,
  DeltaflowError,
  formatValue,
  fromRowValue,
  type PipelineDefinition,
  type Preview,
  type Row,
  type SourceDefinition,
  type StepDefinition,
} from "@deltaflow/core"
import type { Session } from "./session.ts"

export interface RowChange {
  readonly change: "inserted" | "updated" | "unchanged"
  readonly row: Row
  /** As the destination has it now. */
  readonly before: Row | undefined
  /** Columns whose value would be another one. */
  readonly columns: ReadonlyArray<string>
}

/** Rows with their columns. */
export type PreviewedRows = Pick<Preview, "schema" | "rows">

export interface Difference {
  readonly destination: string
  /** Of the rows that it gets, which may be those of a child table. */
  readonly schema: BatchSchema
  readonly key: ReadonlyArray<string>
  /** Why it is not known; `rows` is empty then. */
  readonly problem: string | undefined
  readonly rows: ReadonlyArray<RowChange>
}

/** One for each destination with a key. Rows are only ever added in mode `append`, so there the key changes nothing. */
export const differencesOf = async (session: Session, pipeline: DecodedPipeline, all: Preview): Promise<ReadonlyArray<Difference>> => {
  const keyed = pipeline.destinations.flatMap((destination, index) =>
    destination.key.length > 0 && destination.writeMode !== "append" && destination.changes === undefined ? [{ destination, index }] : [],
  )
  return await Promise.all(
    keyed.map(async ({ destination: { name, key, plugin, config, rows }, index }) => {
      const preview =
        rows === undefined ? all : (all.children.find((child) => child.name === rows) ?? { schema: { columns: [] }, rows: [] })
      const known = { destination: name, key, schema: preview.schema }
      const missing = key.find((column) => preview.schema.columns.every((found) => found.name !== column))
      if (missing !== undefined) return { ...known, problem: `the rows have no column ${missing}, which its key names`, rows: [] }
      if (!session.project.plugins.some(({ kind, type }) => kind === "source" && type === plugin.type))
        return { ...known, problem: `a destination of type ${plugin.type} cannot be read`, rows: [] }
      const source = sourceOf(pipeline.written, index)
      if (source.path === "-") return { ...known, problem: "standard output cannot be read", rows: [] }
      const existing = isThere(session, config) ? await existingRows(session, source, key, preview) : { schema: preview.schema, rows: [] }
      return typeof existing === "string"
        ? { ...known, problem: existing, rows: [] }
        : { ...known, problem: undefined, rows: changesOf(preview, key, existing) }
    }),
  )
}

/** Options that mean the same to a source and a destination of one type. */
const SHARED = ["type", "path", "connection", "table", "delimiter", "quote", "header", "null_values", "encoding", "compression"]

/** A local file that the first run makes. */
const isThere = ({ project }: Session, config: unknown): boolean => {
  const file = typeof config === "object" && config !== null ? (config as { readonly path?: unknown }).path : undefined
  return typeof file !== "string" || existsSync(path.resolve(project.root, file))
}

type ReadableSource = SourceDefinition & { readonly path?: unknown }

const sourceOf = (written: PipelineDefinition, index: number): ReadableSource => {
  const entry = written.destinations[index] as Readonly<Record<string, unknown>>
  return Object.fromEntries(SHARED.filter((name) => name in entry).map((name) => [name, entry[name]])) as unknown as ReadableSource
}

/** Those with a key of the preview; why they cannot be read. What is not there yet has no rows. */
const existingRows = async (
  { engine }: Session,
  source: ReadableSource,
  key: ReadonlyArray<string>,
  { rows, schema }: PreviewedRows,
): Promise<PreviewedRows | string> => {
  const nothing: PreviewedRows = { schema, rows: [] }
  // A preview opens no destination, but a definition has one.
  const shell = { name: "what-is-there", sources: [source], destinations: [{ type: "ndjson", path: "-" }] }
  const reading = (transforms: ReadonlyArray<StepDefinition>, limit: number) => engine.preview({ ...shell, transforms }, { limit })
  const wanted = rows.filter((row) => key.every((column) => row[column] !== null))
  if (wanted.length === 0) return nothing
  try {
    const { columns } = (await reading([], 1)).schema
    if (!key.every((column) => columns.some(({ name }) => name === column))) return nothing
    return await reading([{ type: "filter", condition: conditionFor(wanted, key, schema) }], wanted.length)
  } catch (error) {
    if (!(error instanceof DeltaflowError)) throw error
    return isNotThere(error) ? nothing : error.message
  }
}

const isNotThere = ({ code, message }: DeltaflowError): boolean =>
  code === "FILE_NOT_FOUND" || code === "SOURCE_EMPTY" || /no such table/.test(message)

/** By their text, so that it does not matter which of two related types each side has. */
const conditionFor = (rows: ReadonlyArray<Row>, key: ReadonlyArray<string>, schema: Preview["schema"]): string =>
  rows
    .map((row) => {
      const parts = key.map((column) => `CAST(${quoted(column, '"')} AS text) = ${quoted(textOf(row, column, schema), "'")}`)
      return `(${parts.join(" AND ")})`
    })
    .join(" OR ")

const quoted = (text: string, sign: string): string => sign + text.replaceAll(sign, sign + sign) + sign

const textOf = (row: Row, column: string, { columns }: Preview["schema"]): string => {
  const type = columns.find(({ name }) => name === column)?.type ?? "string"
  const value = fromRowValue(row[column], type)
  return value === null ? "" : formatValue(value, type)
}

const changesOf = (preview: PreviewedRows, key: ReadonlyArray<string>, existing: PreviewedRows): ReadonlyArray<RowChange> => {
  const keyOf = (row: Row, schema: Preview["schema"]): string => JSON.stringify(key.map((column) => textOf(row, column, schema)))
  const known = new Map(existing.rows.map((row) => [keyOf(row, existing.schema), { row, schema: existing.schema }]))
  return preview.rows.map((row) => {
    const id = keyOf(row, preview.schema)
    const before = key.some((column) => row[column] === null) ? undefined : known.get(id)
    // A later row with the same key finds this one.
    known.set(id, { row, schema: preview.schema })
    if (before === undefined) return { change: "inserted", row, before: undefined, columns: [] }
    const columns = preview.schema.columns.map(({ name }) => name).filter((name) => !isSame(row, preview.schema, before, name))
    return { change: columns.length === 0 ? "unchanged" : "updated", row, before: before.row, columns }
  })
}

interface Before {
  readonly row: Row
  readonly schema: Preview["schema"]
}

const isSame = (row: Row, schema: Preview["schema"], before: Before, column: string): boolean => {
  const [old, now] = [before.row[column], row[column]]
  // A file has only text, and many destinations know an empty one only as null.
  if (isNothing(old) || isNothing(now)) return isNothing(old) && isNothing(now)
  const [oldText, newText] = [textOf(before.row, column, before.schema), textOf(row, column, schema)]
  return oldText === newText || (asStored(now) === oldText && asStored(now) !== "")
}

const isNothing = (value: unknown): boolean => value === null || value === undefined || value === ""

/** As SQLite keeps a boolean, and JSON a number. */
const asStored = (value: unknown): string =>
  typeof value === "boolean" ? String(Number(value)) : typeof value === "number" ? String(value) : ""
