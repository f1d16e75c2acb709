/** Plain objects from the rows of a batch, for functions that want whole rows. */
import { type Batch, type Column, setOwn } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { type Row, type RowValue, toRowValue } from "../model/Value.ts"
import { Constants, ColumnSources, physicalKey } from "./columnCode.ts"
import type { Backend } from "./Step.ts"

export interface RowReader {
  /** The row as an object of its own. Throws `ValueError`. */
  readonly read: (row: number) => Row
  /** For each column the values that were given out, by physical row. */
  readonly given: ReadonlyArray<ReadonlyArray<RowValue>>
  /**
   * Lets go of the values of a row, with which nothing is compared any more: kept for the whole batch, each would be moved by the garbage
   * collector.
   */
  readonly forget: (row: number) => void
}

type MakeReader = (columns: ReadonlyArray<Column>, rowCount: number) => RowReader

/** Readers for batches of one schema. */
export const rowReaders = (schema: BatchSchema, backend: Backend): ((batch: Batch) => RowReader) => {
  if (backend === "closure") return (batch) => plainReader(schema, batch)
  const all = schema.columns.map((_, i) => i)
  const made = new Map<string, MakeReader>()
  return (batch) => {
    const key = physicalKey(batch.columns, all)
    let make = made.get(key)
    if (make === undefined) {
      // Only a source whose batches look different each time gets here; its functions are not worth keeping.
      if (made.size >= MOST_KINDS) made.clear()
      make = generate(schema, batch.columns)
      made.set(key, make)
    }
    return make(batch.columns, batch.rowCount)
  }
}

const MOST_KINDS = 16

const plainReader = ({ columns }: BatchSchema, batch: Batch): RowReader => {
  const given = columns.map(() => new Array<RowValue>(batch.rowCount))
  const read = (row: number): Row => {
    const object: Row = {}
    for (let i = 0; i < columns.length; i++) {
      const { name, type } = columns[i]!
      setOwn(object, name, (given[i]![row] = toRowValue(batch.columns[i]!.value(row), type)))
    }
    return object
  }
  const forget = (row: number): void => {
    for (const values of given) values[row] = undefined
  }
  return { read, given, forget }
}

const generate = (schema: BatchSchema, columns: ReadonlyArray<Column>): MakeReader => {
  const constants = new Constants()
  const sources = new ColumnSources(columns, constants)
  const fields = schema.columns.map(({ name }, i) => {
    // In brackets `__proto__` is a key like any other.
    const key = name === "__proto__" ? `["__proto__"]` : JSON.stringify(name)
    return `${key}: d${i}[r] = ${sources.rowValue(i)}`
  })
  const given = schema.columns.map((_, i) => `d${i}`)
  const source = [
    `"use strict"`,
    constants.declaration(),
    "return (columns, rowCount) => {",
    ...[...sources.perBatch, ...given.map((name) => `${name} = new Array(rowCount)`)].map((part) => `const ${part}`),
    "let s = 0, e = 0, v",
    `return { given: [${given.join(", ")}], forget: (r) => { ${given.map((name) => `${name}[r] = `).join("")}undefined }, read: (r) => {`,
    sources.perRow.length === 0 ? "" : `const ${sources.perRow.join(", ")}`,
    `return { ${fields.join(", ")} }`,
    "} } }",
  ].join("\n")
  return (new Function("constants", source) as (constants: ReadonlyArray<unknown>) => MakeReader)(constants.values)
}
