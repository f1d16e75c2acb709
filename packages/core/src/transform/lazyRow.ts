/**
 * A row whose values are decoded when they are read, for functions that look at a few columns.
 *
 * It reads by name only: its columns are getters of its class, so spreading it or listing its keys gives nothing. It is good for one call:
 * kept for longer it would read the values of another row, or memory that is used again, so it throws instead.
 */
import type { Column } from "../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../model/ColumnType.ts"
import { type Row, type RowValue, toRowValue } from "../model/Value.ts"
import { isoField } from "../text/decode.ts"
import { TextColumn } from "../text/TextRows.ts"

export interface LazyRows {
  /** The row, which reads until the next call of either. */
  readonly at: (row: number) => Readonly<Row>
  readonly end: () => void
}

/** Makes lazy rows over the columns of batches of one schema. */
export type MakeLazyRows = (columns: ReadonlyArray<Column>) => LazyRows

export const lazyRows = (schema: BatchSchema): MakeLazyRows => {
  const View = lazyRowClass(schema)
  return (columns) => {
    const reading = new Reading(columns, schema)
    return {
      at: (row) => {
        reading.row = row
        return new View(reading, row) as unknown as Row
      },
      end: () => void (reading.row = -1),
    }
  }
}

const rowValueOf = (column: Column, row: number, type: ColumnType): RowValue => {
  if ((type === "date" || type === "timestamp" || type === "timestamptz") && column instanceof TextColumn) {
    return isoField(column.rows, row, column.field, type) ?? toRowValue(column.value(row), type)
  }
  return toRowValue(column.value(row), type)
}

/** What the lazy rows of one batch share: the columns, and the values that were read of the row at hand. */
class Reading {
  readonly schema: BatchSchema
  /** The row that may be read. */
  row = -1
  private readonly columns: ReadonlyArray<Column>
  private readonly values: Array<RowValue>
  /** The row whose value stands in `values`. */
  private readonly read: Array<number>

  constructor(columns: ReadonlyArray<Column>, schema: BatchSchema) {
    this.schema = schema
    this.columns = columns
    this.values = columns.map(() => undefined)
    this.read = columns.map(() => -1)
  }

  value(i: number, row: number, type: ColumnType): RowValue {
    if (row !== this.row) throw new StaleRowError()
    if (this.read[i] === row) return this.values[i]
    const value = rowValueOf(this.columns[i]!, row, type)
    this.values[i] = value
    this.read[i] = row
    return value
  }

  toJSON(row: number): unknown {
    return Object.fromEntries(this.schema.columns.map(({ name, type }, i) => [name, this.value(i, row, type)]))
  }
}

class StaleRowError extends Error {
  override readonly name = "StaleRowError"
  constructor() {
    super("a row was kept and read after the call that it was given to, when its values are gone. Keep a copy of the values instead")
  }
}

const lazyRowClass = (schema: BatchSchema) =>
  class View {
    readonly #reading: Reading
    readonly #row: number

    static {
      schema.columns.forEach(({ name, type }, i) => {
        const get = function (this: View): RowValue {
          return this.#reading.value(i, this.#row, type)
        }
        Object.defineProperty(this.prototype, name, { get, enumerable: true, configurable: true })
      })
      const toJSON = function (this: View): unknown {
        return this.#reading.toJSON(this.#row)
      }
      // So that a row that is logged shows what is in it.
      if (!schema.columns.some(({ name }) => name === "toJSON"))
        Object.defineProperty(this.prototype, "toJSON", { value: toJSON, enumerable: false })
    }

    constructor(reading: Reading, row: number) {
      this.#reading = reading
      this.#row = row
      // An assignment to the row would be lost, so it throws.
      Object.preventExtensions(this)
    }
  }
