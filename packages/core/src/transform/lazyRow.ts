/**
 * A row whose values are decoded when they are read, for functions that look at a few columns.
 *
 * It reads by name only: its columns are getters of its class, so spreading it or listing its keys gives nothing.
 */
import type { Column } from "../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../model/ColumnType.ts"
import { type Row, type RowValue, toRowValue } from "../model/Value.ts"
import { isoField } from "../text/decode.ts"
import { TextColumn } from "../text/TextRows.ts"

export interface LazyRow {
  /** Lets the object stand for another row. */
  readonly moveTo: (row: number) => Readonly<Row>
}

/** Makes lazy rows over the columns of batches of one schema. */
export type MakeLazyRow = (columns: ReadonlyArray<Column>) => LazyRow

export const lazyRows = (schema: BatchSchema): MakeLazyRow => {
  const View = lazyRowClass(schema)
  return (columns) => {
    const view = new View(columns)
    return { moveTo: (row) => View.move(view, row) }
  }
}

const rowValueOf = (column: Column, row: number, type: ColumnType): RowValue => {
  if ((type === "date" || type === "timestamp" || type === "timestamptz") && column instanceof TextColumn) {
    return isoField(column.rows, row, column.field, type) ?? toRowValue(column.value(row), type)
  }
  return toRowValue(column.value(row), type)
}

const lazyRowClass = (schema: BatchSchema) =>
  class View {
    readonly #columns: ReadonlyArray<Column>
    readonly #values: Array<RowValue>
    /** The row whose value stands in `#values`. */
    readonly #read: Array<number>
    #row = -1

    static {
      schema.columns.forEach(({ name, type }, i) => {
        const get = function (this: View): RowValue {
          const row = this.#row
          if (this.#read[i] === row) return this.#values[i]
          const value = rowValueOf(this.#columns[i]!, row, type)
          this.#values[i] = value
          this.#read[i] = row
          return value
        }
        Object.defineProperty(this.prototype, name, { get, enumerable: true, configurable: true })
      })
      const toJSON = function (this: View): unknown {
        return Object.fromEntries(schema.columns.map(({ name, type }, i) => [name, toRowValue(this.#columns[i]!.value(this.#row), type)]))
      }
      // So that a row that is logged shows what is in it.
      if (!schema.columns.some(({ name }) => name === "toJSON"))
        Object.defineProperty(this.prototype, "toJSON", { value: toJSON, enumerable: false })
    }

    static move(view: View, row: number): Readonly<Row> {
      view.#row = row
      return view as unknown as Row
    }

    constructor(columns: ReadonlyArray<Column>) {
      this.#columns = columns
      this.#values = columns.map(() => undefined)
      this.#read = columns.map(() => -1)
      // An assignment to the row would be lost, so it throws.
      Object.preventExtensions(this)
    }
  }
