/**
 * The columns of a row as the compiler knows them: name to column type. The types of columns and not those of JavaScript's values, since
 * expressions work on columns; `RowOf` gives the row that JavaScript sees.
 */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { Decimal } from "../../model/Decimal.ts"
import type { Interval } from "../../model/Interval.ts"
import type { Row, RowValue } from "../../model/Value.ts"

/** All columns of a row, by name. `unknown` is a column whose type the compiler cannot tell. */
export type Columns<Type extends ColumnType | "unknown" = ColumnType | "unknown"> = Readonly<Record<string, Type>>

/** Columns of which nothing is known. Every name is one of them, so that nothing is said about rows without a schema. */
export type AnyColumns = Columns

export type IsAny<C> = string extends keyof C ? true : false

interface ScalarValues {
  readonly boolean: boolean
  readonly integer: number | bigint
  readonly double: number
  readonly decimal: Decimal
  readonly string: string
  readonly bytes: Uint8Array
  readonly date: string
  readonly time: string
  readonly timestamp: string
  readonly timestamptz: string
  readonly interval: Interval
  readonly uuid: string
  readonly json: RowValue
}

type ValueOf<Type> = Type extends keyof ScalarValues
  ? ScalarValues[Type]
  : Type extends `${infer Item extends keyof ScalarValues}[]`
    ? ReadonlyArray<ScalarValues[Item] | null>
    : RowValue

/** The row that JavaScript sees. Every value may be null: that a column has no nulls is not part of its type. */
export type RowOf<C extends Columns> = IsAny<C> extends true ? Row : { readonly [Name in keyof C]: ValueOf<C[Name]> | null }

/**
 * The key under which the compiler, and only it, finds the columns of a source, a destination or a pipeline.
 *
 * @public the declarations of other modules name it
 */
export declare const columnsKey: unique symbol

/** Carries columns for the compiler. There is no such property when the program runs. */
export type WithColumns<C extends Columns> = { readonly [columnsKey]?: C }

/** The columns of `typedSource`, `typedDestination` or `pipeline()`. */
export type ColumnsOf<T> = T extends WithColumns<infer C> ? ([unknown] extends [C] ? AnyColumns : C) : AnyColumns
