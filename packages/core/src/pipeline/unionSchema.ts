/** Rows of several sources in one shape: columns meet by name, types widen, what a source lacks is null. */
import { type Batch, type Column, ConstantColumn } from "../model/Batch.ts"
import { type BatchSchema, type ColumnSchema, columnIndex, isSameSchema, widen } from "../model/ColumnType.ts"
import { asType } from "../transform/derivedColumns.ts"
import { PerSchema } from "../transform/stage.ts"

export interface NamedSchema {
  readonly name: string
  readonly schema: BatchSchema
  /** Whether columns that a batch lacks are unknown rather than null. Default false. */
  readonly isPartial?: boolean
}

/** A column that two sources have with types that cannot meet. */
export interface UnionConflict {
  readonly source: number
  readonly message: string
}

export interface Union {
  readonly schema: BatchSchema
  readonly conflicts: ReadonlyArray<UnionConflict>
}

export const unionSchema = (sources: ReadonlyArray<NamedSchema>): Union => {
  const [first] = sources
  if (first === undefined) return { schema: { columns: [] }, conflicts: [] }
  if (sources.every(({ schema }) => isSameSchema(schema, first.schema))) return { schema: first.schema, conflicts: [] }
  const conflicts: Array<UnionConflict> = []
  const columns = new Map<string, ColumnSchema & { readonly source: string }>()
  sources.forEach(({ name: source, schema }, index) => {
    for (const column of schema.columns) {
      const known = columns.get(column.name)
      const type = known === undefined ? column.type : widen(known.type, column.type)
      if (type === undefined) conflicts.push({ source: index, message: conflictMessage(column, source, known!) })
      else columns.set(column.name, { ...column, type, source: known?.source ?? source })
    }
  })
  const inAll = (name: string): boolean =>
    sources.every(({ schema }) => schema.columns.some((column) => column.name === name && !column.nullable))
  return { schema: { columns: Array.from(columns.values(), ({ name, type }) => ({ name, type, nullable: !inAll(name) })) }, conflicts }
}

const conflictMessage = (column: ColumnSchema, source: string, known: ColumnSchema & { readonly source: string }): string =>
  `The column \`${column.name}\` is ${known.type} in ${known.source} and ${column.type} in ${source}, and the sources' rows are joined into one stream. Give the column one type in both, under \`columns\` of a source.`

/** Where a column of the conformed batch comes from. */
interface Place {
  /** Index in the batch that came; undefined where it has no such column. */
  readonly index: number | undefined
  readonly schema: ColumnSchema
}

interface Conforming {
  readonly schema: BatchSchema
  /** Undefined where the batch is as planned. */
  readonly places: ReadonlyArray<Place> | undefined
}

/**
 * Gives batches the planned columns in the planned order; what the batch does not have, or the source left out, is null, or stays away
 * where the batches are `isPartial`. A column that nobody planned with (the source has grown one) goes along where
 * `isOpen`; a type that has become wider stays so, and the steps are compiled for it.
 */
export const conformer = (planned: BatchSchema, isOpen: boolean, isPartial = false): ((batch: Batch) => Batch) => {
  const ways = new PerSchema((schema) => conforming(schema, isPartial ? commonColumns(planned, schema) : planned, isOpen, planned))
  return (batch) => {
    const { schema, places } = ways.get(batch.schema)
    if (places === undefined) return batch
    const columns = places.map(({ index, schema: { type } }): Column => {
      const column = index === undefined ? undefined : batch.columns[index]
      return column === undefined ? new ConstantColumn(type, null) : (asType(column, type) ?? column)
    })
    return batch.withColumns(schema, columns)
  }
}

const commonColumns = (planned: BatchSchema, schema: BatchSchema): BatchSchema => ({
  columns: planned.columns.filter(({ name }) => columnIndex(schema, name) >= 0),
})

const conforming = (schema: BatchSchema, wanted: BatchSchema, isOpen: boolean, planned: BatchSchema): Conforming => {
  if (isSameSchema(schema, wanted)) return { schema, places: undefined }
  const places = wanted.columns.map((column) => placeOf(column, schema))
  const isNew = (name: string): boolean => columnIndex(planned, name) < 0
  const added = schema.columns.flatMap((column, index): ReadonlyArray<Place> =>
    isOpen && isNew(column.name) ? [{ index, schema: column }] : [],
  )
  const all = [...places, ...added]
  const made = { columns: all.map((place) => place.schema) }
  return { schema: isSameSchema(made, planned) ? planned : made, places: all }
}

const placeOf = (column: ColumnSchema, schema: BatchSchema): Place => {
  const index = columnIndex(schema, column.name)
  const found = schema.columns[index]
  if (found === undefined) return { index: undefined, schema: { ...column, nullable: true } }
  const fits = widen(found.type, column.type) === column.type
  return { index, schema: { ...column, type: fits ? column.type : found.type, nullable: column.nullable || found.nullable } }
}
