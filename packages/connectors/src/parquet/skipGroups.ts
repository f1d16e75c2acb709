/** Row groups of which the footer proves that no row passes a condition. */
import { Decimal, type PushedCondition, type Value } from "@deltaflow/core"
import type { ColumnMetaData, RowGroup, Statistics } from "hyparquet"
import type { FileColumn, Leaf } from "./fileColumns.ts"

/** Whether no row of the group passes all of the conditions. */
export const isRuledOut = (
  group: RowGroup,
  conditions: ReadonlyArray<PushedCondition>,
  columns: ReadonlyMap<string, FileColumn>,
): boolean => conditions.some((condition) => fails(condition, group, columns.get(condition.column)))

const fails = (condition: PushedCondition, group: RowGroup, column: FileColumn | undefined): boolean => {
  // What a list or a struct holds says nothing of the column itself.
  if (column?.node.kind !== "leaf" || column.type !== condition.type) return false
  const { leaf } = column.node
  const chunk = group.columns[leaf.index]?.meta_data
  if (leaf.repetition > 0 || chunk === undefined) return false
  const nulls = chunk.statistics?.null_count
  if (condition.operator === "is null") return leaf.definition === 0 || nulls === 0n
  if (nulls !== undefined && nulls === group.num_rows) return true
  return condition.operator !== "is not null" && isOutside(condition, chunk, leaf)
}

const isOutside = ({ operator, value }: PushedCondition, chunk: ColumnMetaData, leaf: Leaf): boolean => {
  const { min_value: low, max_value: high } = boundsOf(chunk, leaf)
  if (low === undefined || high === undefined || value === null) return false
  switch (operator) {
    case "=":
      return isBelow(value, low) || isBelow(high, value)
    case "<>":
      return isExact(chunk.statistics!) && !isBelow(low, value) && !isBelow(value, low) && !isBelow(value, high) && !isBelow(high, value)
    case "<":
      return !isBelow(low, value)
    case "<=":
      return isBelow(value, low)
    case ">":
      return !isBelow(value, high)
    case ">=":
      return isBelow(high, value)
    default:
      return false
  }
}

const boundsOf = (chunk: ColumnMetaData, leaf: Leaf) => {
  const { bound } = leaf.type
  const { min_value: low, max_value: high } = chunk.statistics ?? {}
  if (bound === undefined || low === undefined || high === undefined) return {}
  return { min_value: bound(low), max_value: bound(high) }
}

/** A bound may be cut: then it is only below the least value or above the greatest. */
const isExact = ({ is_min_value_exact: low, is_max_value_exact: high }: Statistics): boolean => low !== false && high !== false

/** As the format orders values: texts by their bytes. */
const isBelow = (a: Value, b: Value): boolean => {
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
  if (a instanceof Decimal || b instanceof Decimal) return false
  return a < b
}
