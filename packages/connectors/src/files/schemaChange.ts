/** What a destination makes of a batch with other columns than the first, as `schema_changes` says. */
import { type Batch, type BatchSchema, type ColumnSchema, DestinationError, type LoadRequest } from "@deltaflow/core"

type Policy = LoadRequest<unknown>["schemaChanges"]

/** `known` are the columns so far. Throws `DestinationError` under `fail`. */
export const fitBatch = (batch: Batch, known: BatchSchema, policy: Policy, name: string): Batch => {
  if (policy === "evolve") return batch
  const names = new Set(known.columns.map((column) => column.name))
  const added = batch.schema.columns.filter((column) => !names.has(column.name))
  if (added.length === 0) return batch
  if (policy === "fail") throw schemaChanged(added, name, "Let schema_changes evolve, or leave the column out before.")
  const kept = batch.schema.columns.map((column, i) => [column, batch.columns[i]!] as const).filter(([column]) => names.has(column.name))
  const narrow = batch.withColumns(
    { columns: kept.map(([column]) => column) },
    kept.map(([, column]) => column),
  )
  return policy === "freeze" ? narrow : narrow.withSelection(rowsWithout(batch, added))
}

export const schemaChanged = (added: ReadonlyArray<ColumnSchema>, name: string, advice: string): DestinationError => {
  const list = added.map((column) => `${column.name} (${column.type})`).join(", ")
  return new DestinationError({
    code: "SCHEMA_CHANGED",
    message: `${name}: the rows have new columns, ${list}. ${advice}`,
    path: [name, "schema_changes"],
    ...(added[0] === undefined ? {} : { column: added[0].name }),
  })
}

/** The rows that are null in all of these columns. */
const rowsWithout = (batch: Batch, added: ReadonlyArray<ColumnSchema>): Int32Array => {
  const columns = batch.columns.filter((_, i) => added.includes(batch.schema.columns[i]!))
  const rows = Array.from({ length: batch.length }, (_, i) => batch.physicalRow(i))
  return Int32Array.from(rows.filter((row) => columns.every((column) => column.isNull(row))))
}
