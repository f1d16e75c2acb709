/** Columns of sources, and destinations that want certain columns. */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { DestinationDefinition, PipelineDefinition, SourceDefinition, StepDefinition } from "../Definition.ts"
import type { AnyColumns, Columns, ColumnsOf, IsAny, WithColumns } from "./Columns.ts"
import type { Misfit, Misfits, NamesIn, OneOrMore, RowsDoNotFit, Written } from "./steps.ts"

/** The columns of all sources that no join reads for itself. With an `sql` step, which sources it reads is not asked here. */
export type RowsOfSources<
  Sources extends ReadonlyArray<SourceDefinition>,
  Steps extends ReadonlyArray<StepDefinition>,
> = number extends Sources["length"]
  ? AnyColumns
  : Sources extends readonly [infer Only]
    ? ColumnsOf<Only>
    : "sql" extends Steps[number]["type"]
      ? AnyColumns
      : Concatenated<Sources, JoinedNames<Steps[number]>>

type JoinedNames<Step> = Step extends { readonly type: "join"; readonly with: infer Side } ? Side : never

type Concatenated<Sources extends ReadonlyArray<unknown>, Sides, C extends Columns | undefined = undefined> = Sources extends readonly [
  infer Source,
  ...infer Rest,
]
  ? Source extends { readonly name: infer Name }
    ? [Name] extends [Sides]
      ? Concatenated<Rest, Sides, C>
      : Concatenated<Rest, Sides, Both<C, ColumnsOf<Source>>>
    : Concatenated<Rest, Sides, Both<C, ColumnsOf<Source>>>
  : C extends Columns
    ? C
    : AnyColumns

/** A column that two sources have with two types has a type that is not told here. */
type Both<A extends Columns | undefined, B extends Columns> = A extends Columns
  ? true extends IsAny<A> | IsAny<B>
    ? AnyColumns
    : {
        readonly [Name in keyof A | keyof B]: Name extends keyof A & keyof B
          ? [A[Name], B[Name]] extends [B[Name], A[Name]]
            ? A[Name]
            : "unknown"
          : Name extends keyof A
            ? A[Name]
            : Name extends keyof B
              ? B[Name]
              : never
      }
  : B

/** The columns of sources by their names; those without a name stand under the empty one. */
export type SidesOf<Sources extends ReadonlyArray<SourceDefinition>> = {
  readonly [Source in Sources[number] as Source extends { readonly name: infer Name extends string } ? Name : ""]: ColumnsOf<Source>
}

export type CheckedDestinations<Destinations extends ReadonlyArray<DestinationDefinition>, C extends Columns> = {
  readonly [I in keyof Destinations]: CheckedDestination<Destinations[I], C>
}

type CheckedDestination<Destination, C extends Columns> = Destination extends { readonly rows: string }
  ? // Rows of a child table, whose columns are not followed.
    DestinationDefinition
  : Destination extends WithColumns<infer Wanted>
    ? [unknown] extends [Wanted]
      ? WithKey<Destination, C>
      : [Misfits<Wanted, C> | Extra<Wanted, C>] extends [never]
        ? WithKey<Destination, C>
        : RowsDoNotFit<{
            readonly [Name in Misfits<Wanted, C> | Extra<Wanted, C>]: Name extends keyof Wanted
              ? Misfit<Wanted[Name], C, Name>
              : "is no column of the destination"
          }>
    : WithKey<Destination, C>

/** The columns of its `key` are among those of the rows. */
type WithKey<Destination, C extends Columns> =
  IsAny<C> extends true
    ? DestinationDefinition
    : Destination extends { readonly key: infer Key }
      ? KeyedDestination<Written<NamesIn<Key>, keyof C & string>>
      : DestinationDefinition

type Without<T, Keys> = { readonly [Key in keyof T as Key extends Keys ? never : Key]: T[Key] }

// Interfaces over plain types, since the compiler would make the members of an intersection anew for each pipeline.
type OtherKeys = Without<DestinationDefinition, "key">
interface KeyedDestination<Name extends string> extends OtherKeys {
  readonly key: OneOrMore<Name>
}

/** Names of columns that the rows have and the destination does not. */
type Extra<Wanted extends Columns, C extends Columns> = true extends IsAny<C> | IsAny<Wanted>
  ? never
  : Exclude<keyof C & string, keyof Wanted>

type Rules = NonNullable<PipelineDefinition["schema"]>
type Rule = Rules[string]

/** `schema` as it must be for rows of these columns. */
export type CheckedRules<Given, C extends Columns> =
  IsAny<C> extends true
    ? Rules
    : { readonly [Name in Written<keyof Given, keyof C & string>]?: Name extends keyof C ? CheckedRule<C[Name]> : Rule }

type CheckedRule<Type extends string> = Type extends "unknown" ? Rule : TypedRule<Type>

type OtherRules = Without<Rule, "type" | "format" | "pattern" | "min" | "max">
interface TypedRule<Type extends string> extends OtherRules {
  readonly type?: Type & ColumnType
  readonly format?: Type extends "string" ? Rule["format"] : `a format is for text, and this column is ${Type}`
  readonly pattern?: Type extends "string" ? string : `a pattern is for text, and this column is ${Type}`
  readonly min?: Bound<Type>
  readonly max?: Bound<Type>
}

type Bound<Type extends string> = Type extends "string" | "integer" | "decimal" | "double"
  ? number
  : `min and max are for numbers and text, and this column is ${Type}`
