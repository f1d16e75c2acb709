/** Columns of sources, and destinations that want certain columns. */
import type { DestinationDefinition, SourceDefinition, StepDefinition } from "../Definition.ts"
import type { AnyColumns, Columns, ColumnsOf, IsAny, WithColumns } from "./Columns.ts"
import type { Misfit, Misfits, RowsDoNotFit } from "./steps.ts"

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

/** The columns of sources by their names. */
export type SidesOf<Sources extends ReadonlyArray<SourceDefinition>> = {
  readonly [Source in Sources[number] as Source extends { readonly name: infer Name extends string } ? Name : never]: ColumnsOf<Source>
}

export type CheckedDestinations<Destinations extends ReadonlyArray<DestinationDefinition>, C extends Columns> = {
  readonly [I in keyof Destinations]: CheckedDestination<Destinations[I], C>
}

type CheckedDestination<Destination, C extends Columns> =
  Destination extends WithColumns<infer Wanted>
    ? [unknown] extends [Wanted]
      ? DestinationDefinition
      : [Misfits<Wanted, C> | Extra<Wanted, C>] extends [never]
        ? DestinationDefinition
        : RowsDoNotFit<{
            readonly [Name in Misfits<Wanted, C> | Extra<Wanted, C>]: Name extends keyof Wanted
              ? Misfit<Wanted[Name], C, Name>
              : "is no column of the destination"
          }>
    : DestinationDefinition

/** Names of columns that the rows have and the destination does not. */
type Extra<Wanted extends Columns, C extends Columns> = true extends IsAny<C> | IsAny<Wanted>
  ? never
  : Exclude<keyof C & string, keyof Wanted>
