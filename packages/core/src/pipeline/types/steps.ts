/**
 * Follows the columns of rows from step to step. For each step it gives the type that the step must have, so that the compiler's message
 * stands at the name that is wrong, and the columns behind it. What a step does to columns is in `transform/`; here is only what can be
 * told from a definition that is written as literals.
 */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { Decimal } from "../../model/Decimal.ts"
import type { BuiltinStepDefinition, StepDefinition } from "../Definition.ts"
import type { AnyColumns, Columns, IsAny } from "./Columns.ts"
import type { ExpressionFacts, ExpressionOf } from "./expressionType.ts"

/** In the compiler's messages: what is missing, and which columns there are. */
export interface NoSuchColumn<Missing extends string, TheColumnsAre extends string> {
  readonly "there is no such column": Missing
  readonly "the columns are": TheColumnsAre
}

/** In the compiler's messages: a condition that is none. */
export interface GivesNoBoolean<ItGives extends string> {
  readonly "a condition gives boolean, and this gives": ItGives
}

/** In the compiler's messages: a function wants other columns than the rows have. */
export interface RowsDoNotFit<Problems> {
  readonly "the rows do not fit": Problems
}

/** What a `typedStep` tells the compiler. */
export interface StepTypes {
  readonly takes: Columns
  readonly mode: "row" | "patch" | "batch"
  /** One row that the function gives, or what a patch changes. */
  readonly gives: unknown
}

/** @public the declarations of other modules name it */
export declare const stepTypesKey: unique symbol

export type WithStepTypes<Types extends StepTypes> = { readonly [stepTypesKey]?: Types }

/** The steps as they must be, and the columns behind the last one. `Sides` are the columns of named sources, for joins. */
export type Follow<
  Steps extends ReadonlyArray<StepDefinition>,
  C extends Columns,
  Sides,
  Checked extends ReadonlyArray<unknown> = [],
> = number extends Steps["length"]
  ? { readonly steps: Steps; readonly columns: AnyColumns }
  : Steps extends readonly [infer Step extends StepDefinition, ...infer Rest extends ReadonlyArray<StepDefinition>]
    ? Behind<Step, C, Sides> extends infer Next extends Columns
      ? Follow<Rest, Next, Sides, [...Checked, CheckedStep<Step, C, Sides>]>
      : never
    : { readonly steps: Readonly<Checked>; readonly columns: C }

type Builtin<Type> = Extract<BuiltinStepDefinition, { readonly type: Type }>

/** A built-in type must have the keys of that step; any other type is a transform of the host's own. */
type CheckedStep<Step extends StepDefinition, C extends Columns, Sides> =
  Step extends WithStepTypes<infer Types>
    ? StepTypes extends Types
      ? PlainStep<Step, C, Sides>
      : CheckedFunction<Step, Types, C>
    : PlainStep<Step, C, Sides>

type PlainStep<Step extends StepDefinition, C extends Columns, Sides> = Step["type"] extends BuiltinStepDefinition["type"]
  ? IsAny<C> extends true
    ? Builtin<Step["type"]>
    : BuiltinStep<Step, C, keyof C & string, Sides>
  : StepDefinition

type BuiltinStep<Step, C extends Columns, Name extends string, Sides> = Step extends {
  readonly type: "filter"
  readonly condition: infer Text
}
  ? CheckedFilter<CheckedCondition<Text, C>>
  : Step extends { readonly type: "map"; readonly fields: infer Fields }
    ? CheckedMap<{ readonly [Field in keyof Fields]: CheckedText<Fields[Field], C> }>
    : Step extends { readonly type: "rename"; readonly columns: infer Renames }
      ? CheckedRename<{ readonly [Old in Written<keyof Renames, Name>]?: string }>
      : Step extends { readonly type: "select"; readonly columns: infer Given }
        ? CheckedSelect<Written<NamesIn<Given>, Name>>
        : Step extends { readonly type: "deduplicate"; readonly key: infer Key; readonly by?: infer By }
          ? CheckedDeduplicate<Written<NamesIn<Key>, Name>, unknown extends By ? Name : Written<By, Name>>
          : Step extends { readonly type: "sort"; readonly by: infer By }
            ? CheckedSort<Written<NamesIn<By>, Name>>
            : Step extends { readonly type: "aggregate"; readonly metrics: infer Metrics; readonly group_by?: infer Key }
              ? CheckedAggregate<Written<NamesIn<Key>, Name>, { readonly [Metric in keyof Metrics]: CheckedText<Metrics[Metric], C> }>
              : Step extends { readonly type: "unnest"; readonly column: infer Column }
                ? CheckedUnnest<Written<Column, NameOf<Column, C, "json" | `${ColumnType}[]`, "an array or JSON">>>
                : Step extends { readonly type: "flatten"; readonly column: infer Column }
                  ? CheckedFlatten<Written<Column, NameOf<Column, C, "json", "JSON">>>
                  : Step extends { readonly type: "flatten"; readonly children: infer Children }
                    ? CheckedChildTables<{ readonly [Table in keyof Children]: CheckedChild<Children[Table], Table & string, C> }>
                    : Step extends { readonly type: "join"; readonly with: infer SideName extends string }
                      ? CheckedJoin<
                          // A source without a name has one by its type and place, which is not told here; then any name may be right.
                          string extends keyof Sides ? string : "" extends keyof Sides ? string : Written<SideName, keyof Sides & string>,
                          CheckedKeys<KeysOf<Step>, Name, SideOf<Sides, SideName>>,
                          JoinCondition<Step, C, SideOf<Sides, SideName>, SideName>
                        >
                      : Step extends { readonly type: infer Type }
                        ? Builtin<Type>
                        : never

type Without<T, Key> = { readonly [Each in keyof T as Each extends Key ? never : Each]: T[Each] }

// The steps as they must be. Interfaces over plain types, since the compiler would make the members of an intersection anew for each step.
type OtherFilter = Without<Builtin<"filter">, "condition">
interface CheckedFilter<Condition> extends OtherFilter {
  readonly condition: Condition
}

type OtherMap = Without<Builtin<"map">, "fields">
interface CheckedMap<Fields> extends OtherMap {
  readonly fields: Fields
}

type OtherRename = Without<Builtin<"rename">, "columns">
interface CheckedRename<Names> extends OtherRename {
  readonly columns: Names
}

type OtherSelect = Without<Builtin<"select">, "columns">
interface CheckedSelect<Name> extends OtherSelect {
  readonly columns: ReadonlyArray<Name>
}

type OtherDeduplicate = Without<Builtin<"deduplicate">, "key" | "by">
interface CheckedDeduplicate<Name, By> extends OtherDeduplicate {
  readonly key: OneOrMore<Name>
  readonly by?: By
}

type OtherSort = Without<Builtin<"sort">, "by">
interface CheckedSort<Name> extends OtherSort {
  readonly by: Name | ReadonlyArray<CheckedSortColumn<Name>>
}

type OtherSortColumn = Without<Extract<Builtin<"sort">["by"], ReadonlyArray<unknown>>[number], "column">
interface CheckedSortColumn<Name> extends OtherSortColumn {
  readonly column: Name
}

type OtherAggregate = Without<Builtin<"aggregate">, "group_by" | "metrics">
interface CheckedAggregate<Name, Metrics> extends OtherAggregate {
  readonly group_by?: OneOrMore<Name>
  readonly metrics: Metrics
}

type OtherUnnest = Without<Builtin<"unnest">, "column">
interface CheckedUnnest<Name> extends OtherUnnest {
  readonly column: Name
}

type OtherFlatten = Without<Builtin<"flatten">, "column">
interface CheckedFlatten<Name> extends OtherFlatten {
  readonly column: Name
}

type OtherChildTables = Without<Builtin<"flatten">, "children">
interface CheckedChildTables<Children> extends OtherChildTables {
  readonly children: Children
}

type Child = NonNullable<Builtin<"flatten">["children"]>[string]
type OtherChild = Without<Child, "key">
interface KeyedChild<Key> extends OtherChild {
  readonly key?: Key
}

/** A list of an element is not followed. */
type CheckedChild<Given, Table extends string, C extends Columns> = Given extends { readonly of: string }
  ? Child
  : ListColumn<Given, Table> extends keyof C
    ? NameOf<ListColumn<Given, Table>, C, "json" | `${ColumnType}[]`, "an array or JSON"> extends keyof C
      ? KeyedChild<ChildKey<Given, keyof C & string>>
      : NameOf<ListColumn<Given, Table>, C, "json" | `${ColumnType}[]`, "an array or JSON">
    : NoSuchColumn<ListColumn<Given, Table>, keyof C & string>

/** The column that becomes a child table. */
type ListColumn<Given, Table extends string> = Given extends { readonly column: infer Column extends string } ? Column : Table

type ChildKey<Given, Name extends string> = Given extends { readonly key: infer Key }
  ? Key extends string | ReadonlyArray<string>
    ? OneOrMore<Written<NamesIn<Key>, Name>>
    : { readonly [Old in Written<keyof Key, Name>]?: string }
  : Child["key"]

type OtherJoin = Without<Builtin<"join">, "with" | "on" | "condition">
interface CheckedJoin<Name, Keys, Condition> extends OtherJoin {
  readonly with: Name
  readonly on?: Keys
  readonly condition?: Condition
}

type JoinCondition<Step, C extends Columns, Side, SideName extends string> = Step extends { readonly condition: infer Text }
  ? JoinedColumns<Step, "inner", C, Side, SideName> extends infer Both extends Columns
    ? CheckedCondition<Text, Both>
    : never
  : undefined

type CheckedKeys<On, Left extends string, Side> = [On] extends [never]
  ? undefined
  : On extends string | ReadonlyArray<string>
    ? OneOrMore<Written<NamesIn<On>, Extract<Left, SideNames<Side>>>>
    : { readonly [Name in Written<keyof On, Left>]?: Written<On[keyof On], SideNames<Side>> }

type SideNames<Side> = IsAny<Side> extends true ? string : keyof Side & string

/** The columns of the source that a join names. */
type SideOf<Sides, Name> = Name extends keyof Sides ? (Sides[Name] extends infer Side extends Columns ? Side : AnyColumns) : AnyColumns

/** The name of a column that has one of these types, as far as it is known. */
type NameOf<Name, C extends Columns, Type, What extends string> = Name extends keyof C
  ? C[Name] extends Type | "unknown"
    ? Name & string
    : `this column is ${C[Name]}, wanted is ${What}`
  : keyof C & string

/** Names that are computed may be any. */
export type Written<Given, Name extends string> = string extends Given ? string : Name

export type OneOrMore<Name> = Name | ReadonlyArray<Name>

type CheckedText<Text, C extends Columns> = [ExpressionOf<Text, C>["missing"]] extends [never]
  ? Builtin<"filter">["condition"]
  : NoSuchColumn<ExpressionOf<Text, C>["missing"], keyof C & string>

type CheckedCondition<Text, C extends Columns> =
  ExpressionOf<Text, C> extends infer Facts extends ExpressionFacts
    ? [Facts["missing"]] extends [never]
      ? Facts["value"] extends "boolean" | "unknown" | "'"
        ? Builtin<"filter">["condition"]
        : GivesNoBoolean<Facts["type"]>
      : NoSuchColumn<Facts["missing"], keyof C & string>
    : never

type CheckedFunction<Step, Types extends StepTypes, C extends Columns> = [Misfits<Types["takes"], C>] extends [never]
  ? Step
  : RowsDoNotFit<{ readonly [Name in Misfits<Types["takes"], C>]: Misfit<Types["takes"][Name], C, Name> }>

/** Names of wanted columns that the rows do not have, or have with another type. */
export type Misfits<Wanted extends Columns, C extends Columns> =
  IsAny<C> extends true
    ? never
    : IsAny<Wanted> extends true
      ? never
      : { [Name in keyof Wanted & string]: Misfit<Wanted[Name], C, Name> extends never ? never : Name }[keyof Wanted & string]

/** What is wrong with one column, in words; never where nothing is. A column of unknown type fits, and so does an integer for a decimal. */
export type Misfit<Wanted extends ColumnType | "unknown", C extends Columns, Name extends string> = Name extends keyof C
  ? C[Name] extends Wanted | "unknown" | (Wanted extends "decimal" ? "integer" : Wanted)
    ? never
    : Wanted extends "unknown"
      ? never
      : `is ${C[Name]}, wanted is ${Wanted}`
  : `is missing, wanted is ${Wanted}`

/** The columns behind a step. */
type Behind<Step extends StepDefinition, C extends Columns, Sides> =
  Step extends WithStepTypes<infer Types>
    ? StepTypes extends Types
      ? BehindPlain<Step, C, Sides>
      : BehindFunction<Types, C>
    : BehindPlain<Step, C, Sides>

type BehindPlain<Step extends StepDefinition, C extends Columns, Sides> = Step extends {
  readonly type: "filter" | "sort" | "deduplicate"
}
  ? C
  : Step extends { readonly type: "select"; readonly columns: ReadonlyArray<infer Name extends string> }
    ? Selected<Name, C>
    : Step extends { readonly type: "aggregate"; readonly metrics: infer Metrics }
      ? Merged<Step extends { readonly group_by: infer Key } ? Selected<NamesIn<Key>, C> : {}, Computed<Metrics, C>>
      : IsAny<C> extends true
        ? AnyColumns
        : Step extends { readonly type: "map"; readonly fields: infer Fields }
          ? Merged<C, Computed<Fields, C>>
          : Step extends { readonly type: "rename"; readonly columns: infer Renames }
            ? Renamed<Renames, C>
            : Step extends { readonly type: "custom"; readonly mode: "patch"; readonly columns: infer Added extends Columns }
              ? Merged<C, Added>
              : Step extends { readonly type: "join"; readonly with: infer Side; readonly how?: infer How }
                ? Joined<Step, unknown extends How ? "inner" : How, C, SideOf<Sides, Side>, Side>
                : Step extends { readonly type: "unnest"; readonly column: infer Column; readonly as?: infer As }
                  ? Unnested<Column, unknown extends As ? Column : As, C>
                  : Step extends { readonly type: "flatten"; readonly children: infer Children }
                    ? WithoutLists<{ readonly [Table in keyof Children]: ListsOf<Children[Table], Table & string> }[keyof Children], C>
                    : AnyColumns

/** The list that a child table takes out of the rows, rather than out of elements. */
type ListsOf<Given, Table extends string> = Given extends { readonly of: string } ? never : ListColumn<Given, Table>

type WithoutLists<List, C extends Columns> = string extends List
  ? AnyColumns
  : { readonly [Name in keyof C as Name extends List ? never : Name]: C[Name] }

/** Of one name, a list of names, or a list of columns to sort by. */
export type NamesIn<Key> =
  Key extends ReadonlyArray<infer Item>
    ? NamesIn<Item>
    : Key extends { readonly column: infer Name extends string }
      ? Name
      : Key extends string
        ? Key
        : never

type Selected<Name extends string, C extends Columns> = string extends Name
  ? AnyColumns
  : { readonly [Each in Name]: IsAny<C> extends true ? "unknown" : Each extends keyof C ? C[Each] : "unknown" }

type Computed<Fields, C extends Columns> = string extends keyof Fields
  ? AnyColumns
  : { readonly [Field in keyof Fields]: ExpressionOf<Fields[Field], C>["type"] }

/** The first columns with the second over them. */
type Merged<C, Over> =
  IsAny<C> extends true
    ? AnyColumns
    : IsAny<Over> extends true
      ? AnyColumns
      : { readonly [Name in keyof C | keyof Over]: Name extends keyof Over ? Over[Name] : Name extends keyof C ? C[Name] : never }

type Renamed<Renames, C extends Columns> = string extends keyof Renames
  ? AnyColumns
  : string extends Renames[keyof Renames & keyof C]
    ? AnyColumns
    : { readonly [Old in keyof C as Old extends keyof Renames ? Renames[Old] & string : Old]: C[Old] }

/** Where a row may have its key from the other side, the key has the type that both have; else it widens, and is not told here. */
type Joined<Step, How, C extends Columns, Side, SideName> = How extends "semi" | "anti"
  ? C
  : How extends string
    ? JoinedColumns<Step, How, C, Side, SideName>
    : AnyColumns

type JoinedColumns<Step, How, C extends Columns, Side, SideName> = string extends How
  ? AnyColumns
  : IsAny<Side> extends true
    ? AnyColumns
    : string extends NamesIn<JoinNames<Step>>
      ? AnyColumns
      : Merged<
          How extends "right" | "full"
            ? { readonly [Name in keyof C]: Name extends LeftKeys<Step> ? KeyType<C[Name], Side, RightKey<Step, Name>> : C[Name] }
            : C,
          {
            readonly [
              Name in keyof Side as Name extends RightKeys<Step>
                ? never
                : Name extends keyof C
                  ? `${SideName & string}_${Name & string}`
                  : Name
            ]: Side[Name]
          }
        >

type KeysOf<Step> = Step extends { readonly on: infer On } ? On : never
type JoinNames<Step> = LeftKeys<Step> | RightKeys<Step>
type LeftKeys<Step> = KeysOf<Step> extends infer On ? (On extends string | ReadonlyArray<string> ? NamesIn<On> : keyof On & string) : never
type RightKeys<Step> =
  KeysOf<Step> extends infer On ? (On extends string | ReadonlyArray<string> ? NamesIn<On> : On[keyof On] & string) : never

/** The other source's column for this one of the rows. */
type RightKey<Step, Name> =
  KeysOf<Step> extends infer On ? (On extends string | ReadonlyArray<string> ? Name : Name extends keyof On ? On[Name] : never) : never

type KeyType<Type, Side, Right> = Right extends keyof Side
  ? [Type, Side[Right]] extends [Side[Right], Type]
    ? Type
    : "unknown"
  : "unknown"

/** The element stands in the place of the array. */
type Unnested<Column, As, C extends Columns> = string extends As
  ? AnyColumns
  : Column extends keyof C
    ? C[Column] extends "json" | `${ColumnType}[]`
      ? { readonly [Name in keyof C as Name extends Column ? As & string : Name]: Name extends Column ? ElementOf<C[Name]> : C[Name] }
      : AnyColumns
    : AnyColumns

type ElementOf<Type> = Type extends `${infer Item extends ColumnType}[]` ? Item : Type

/** A patch changes and adds columns; what any other function gives are all columns. */
type BehindFunction<Types extends StepTypes, C extends Columns> = Types["mode"] extends "patch"
  ? Merged<C, Given<Types["gives"], C>>
  : Given<Types["gives"], C>

type AllKeys<Row> = Row extends unknown ? keyof Row : never
type AllValues<Row, Name extends PropertyKey> = Row extends { readonly [Key in Name]?: infer Value } ? Value : never

type Given<Row, C extends Columns> =
  string extends AllKeys<Row>
    ? AnyColumns
    : [Row] extends [object]
      ? { readonly [Name in AllKeys<Row> & string]: TypeOfValue<Exclude<AllValues<Row, Name>, null | undefined>, C, Name> }
      : AnyColumns

/**
 * JavaScript's values say less than columns do: a number may be an integer or a double, and a text stays a date where the column of that
 * name was one.
 */
type TypeOfValue<Value, C extends Columns, Name> = [Value] extends [never]
  ? "unknown"
  : [Value] extends [string]
    ? Kept<"string", C, Name>
    : [Value] extends [boolean]
      ? Kept<"boolean", C, Name>
      : [Value] extends [bigint]
        ? Kept<"integer", C, Name>
        : [Value] extends [Decimal]
          ? Kept<"decimal", C, Name>
          : "unknown"

type Kept<Type extends ColumnType, C extends Columns, Name> = Name extends keyof C ? (C[Name] extends Type ? Type : "unknown") : Type
