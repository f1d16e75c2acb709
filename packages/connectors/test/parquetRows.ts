/** Rows as a Parquet file gives them back. */
import { type BatchSchema, Decimal, Interval, type Row, type RowValue, setOwn } from "@deltaflow/core"

export const typesOf = (schema: BatchSchema) => schema.columns.map(({ name, type }) => [name, type])

/** Whether a file can hold the value, with at most so many digits on each side of a decimal's point. */
export const holds = (value: RowValue, digits = 38): boolean => {
  if (value instanceof Decimal) return value.isFinite && value.scale <= digits && String(value.coefficient).length - value.scale <= digits
  if (value instanceof Interval) return value.months >= 0 && value.days >= 0 && value.micros >= 0 && value.micros % 1000 === 0
  return Array.isArray(value) ? value.every((item) => holds(item, digits)) : true
}

/** Rows without what a file cannot hold, and with one scale for the decimals of a column. */
export const asStored = (rows: ReadonlyArray<Row>, { columns }: BatchSchema, digits?: number): ReadonlyArray<Row> => {
  const scales = new Map(columns.map(({ name }) => [name, Math.max(0, ...rows.flatMap((row) => scalesIn(row[name], digits)))]))
  return rows.map((row) => {
    const stored: Row = {}
    for (const { name } of columns) setOwn(stored, name, rescaled(holds(row[name], digits) ? row[name] : null, scales.get(name)!))
    return stored
  })
}

const scalesIn = (value: RowValue, digits?: number): ReadonlyArray<number> => {
  if (!holds(value, digits)) return []
  if (value instanceof Decimal) return [value.scale]
  return Array.isArray(value) ? value.flatMap((item) => scalesIn(item, digits)) : []
}

const rescaled = (value: RowValue, scale: number): RowValue => {
  if (value instanceof Decimal) return value.withScale(scale)
  return Array.isArray(value) && value.some((item) => item instanceof Decimal) ? value.map((item) => rescaled(item, scale)) : value
}
