/**
 * The steps between sources and destinations, as data. Each is a mapping with a `type`; a type of no built-in step is a transform of the
 * host's own.
 */
import * as Schema from "effect/Schema"
import { ColumnTypeName, Expression, listOf, Names, optional, Options, Positive, required, Text } from "./keys.ts"

const step = <const Type extends string, const Fields extends Schema.Struct.Fields>(type: Type, description: string, fields: Fields) =>
  Schema.Struct({
    type: required(Schema.Literal(type), `\`${type}\`: ${description}`),
    name: optional(Text, "Name of the step in messages and statistics. Default: its type and place."),
    ...fields,
  }).annotate({ description, expected: `a step of type ${type}` })

export const FilterStep = step("filter", "Keeps the rows for which the condition is true.", {
  condition: required(Expression, "An SQL expression that gives true or false. Rows for which it gives false or null are left out."),
})

export const MapStep = step("map", "Adds or replaces columns with the values of expressions.", {
  fields: required(Schema.Record(Text, Expression), "Column name: SQL expression over the columns before this step."),
})

export const RenameStep = step("rename", "Gives columns other names.", {
  columns: required(Schema.Record(Text, Text), "Old name: new name."),
})

export const SelectStep = step("select", "Keeps only the columns that are listed, in this order.", {
  columns: required(listOf(Text, "a list of column names"), "Names of the columns to keep."),
})

export const CustomStep = step("custom", "Runs a function of a JavaScript or TypeScript module over the rows.", {
  module: required(Text, "Path of the module, relative to the project."),
  export: optional(Text, "Name of the function that the module exports. Default: `default`."),
  config: optional(Options, "Handed to the function as it is."),
  mode: optional(
    Schema.Literals(["row", "patch", "batch"]),
    "What the function gets: a `row` to give back, a row of which it gives only the changes (`patch`), or a list of rows (`batch`). " +
      "Default: `row`, or what `defineTransform` says.",
  ),
  columns: optional(
    Schema.Record(Text, ColumnTypeName),
    "Column name: type of the columns that the function gives; a patch then leaves the types of all others as they are. " +
      "Default: taken from the rows.",
  ),
  concurrency: optional(Positive, "Calls of an async function that may be under way at once. Default: 16."),
})

export const AggregateStep = step("aggregate", "Groups rows and computes one row for each group.", {
  group_by: optional(Names, "Columns that make a group. Without them all rows are one group."),
  metrics: required(Schema.Record(Text, Expression), "Column name: SQL aggregate, such as `COUNT(*)` or `AVG(age)`."),
})

export const DeduplicateStep = step("deduplicate", "Keeps one row of those that share a key.", {
  key: required(Names, "Columns that tell rows apart."),
  keep: optional(
    Schema.Literals(["latest", "earliest", "first"]),
    "Which row stays: the one with the highest `by`, the lowest `by`, or the first that came. Default: `first`.",
  ),
  by: optional(
    Text,
    "Column that `latest` and `earliest` compare. A row without a value there stays only where no other has one; of equal rows `latest` takes the " +
      "last and `earliest` the first.",
  ),
})

const SortOrder = Schema.Literals(["asc", "desc"])

const SortColumn = Schema.Struct({
  column: required(Text, "Column to sort by."),
  order: optional(SortOrder, "`asc` or `desc`. Default: `asc`."),
  nulls: optional(Schema.Literals(["first", "last"]), "Where nulls go. Default: last for `asc`, first for `desc`."),
})

export const SortStep = step("sort", "Puts the rows in order.", {
  by: required(
    Schema.Union([Text, listOf(SortColumn, "a list of { column, order, nulls }")]).annotate({
      expected: "a column name or a list of { column, order, nulls }",
    }),
    "A column, or a list of columns with their order.",
  ),
  order: optional(SortOrder, "Order where `by` is one column: `asc` or `desc`. Default: `asc`."),
})

export const JoinStep = step("join", "Joins the rows with those of another source.", {
  with: required(Text, "Name of the source to join with. Its rows are read for the join alone."),
  on: optional(
    Schema.Union([Text, listOf(Text, "a list of column names"), Schema.Record(Text, Text)]).annotate({
      expected: "a column, a list of columns, or a mapping of left to right column",
    }),
    "Columns that must be equal: one name, several, or left: right. Nulls equal nothing. The other source's key columns do not come out; another " +
      "of its columns whose name is taken gets the source's name in front.",
  ),
  condition: optional(
    Expression,
    "SQL condition that must be true of a pair too, over the columns as they are called behind the join. Without `on` each row is paired with each.",
  ),
  how: optional(
    Schema.Literals(["inner", "left", "right", "full", "semi", "anti"]),
    "Which rows come out: pairs alone (`inner`), also rows without a match (`left`), also those of the other source (`right`), both (`full`); " +
      "or only rows that have a match (`semi`) or none (`anti`), without the other source's columns. Default: `inner`.",
  ),
})

export const SqlStep = step(
  "sql",
  "Runs a query over all rows, which it sees as the table `input`. Needs the package `@deltaflow/duckdb`.",
  {
    query: required(
      Text,
      "One SELECT in DuckDB's SQL. Tables are `input`, sources by their name, and earlier steps by their name or as `step_1`, `step_2`, …. A source " +
        "that the query names is read for it alone, unless it is the only one. `:run_id` and other runtime values are bound as parameters.",
    ),
  },
)

export const UnnestStep = step("unnest", "Makes one row of each element of an array column, with the other columns of its row.", {
  column: required(Text, "The array column: of an array type, or JSON. A row without an element gives none."),
  as: optional(Text, "Name of the column that holds the element, in the place of the array. Default: the column's own name."),
})

const ChildTable = Schema.Struct({
  column: optional(Text, "The list: an array column, or JSON. Default: the name of the child table."),
  of: optional(Text, "Child table whose elements have the list. Default: the rows have it."),
  key: optional(
    Schema.Union([Text, listOf(Text, "a list of column names"), Schema.Record(Text, Text)]).annotate({
      expected: "a column, a list of columns, or a mapping of the parent's column to its name here",
    }),
    "Columns that tell the parents apart: one name, several, or column: name in the child table. Default name: `_parent_` and the column. Without " +
      "`of` it is required; with it the default is the parent's own key and index.",
  ),
  index: optional(Text, "Name of the column with the place in the list, from 0. Default: `_index`."),
  columns: optional(Schema.Record(Text, ColumnTypeName), "Column name: type. Default: taken from the elements."),
}).annotate({ expected: "a child table: a mapping with key, column, of, index and columns" })

export const FlattenStep = step(
  "flatten",
  "Makes columns of the keys of a JSON column, behind the others and without that column; or, with `children`, child tables of lists.",
  {
    column: optional(Text, "The JSON column. Its values are objects or null; objects within them stay JSON."),
    separator: optional(Schema.String, "Between the column's name and the key. Default: `_`."),
    children: optional(
      Schema.Record(Text, ChildTable),
      "Name: child table, whose rows are the elements of a list. It goes to the destinations with `rows: name`. In the place of `column`, and in " +
        "the last step.",
    ),
  },
)

/** The steps that are built in. */
export const builtinSteps = [
  FilterStep,
  MapStep,
  RenameStep,
  SelectStep,
  CustomStep,
  AggregateStep,
  DeduplicateStep,
  SortStep,
  JoinStep,
  SqlStep,
  UnnestStep,
  FlattenStep,
] as const

/** A step whose type is a transform that the host registered; its other keys are the transform's config. */
export const PluginStep = Schema.StructWithRest(
  Schema.Struct({
    type: required(Text, "Type of a transform that is registered on the engine."),
    name: optional(Text, "Name of the step in messages and statistics. Default: its type and place."),
  }),
  [Schema.Record(Schema.String, Schema.Unknown)],
)

export type BuiltinStepDefinition = (typeof builtinSteps)[number]["Encoded"]
export type PluginStepDefinition = typeof PluginStep.Encoded
export type StepDefinition = BuiltinStepDefinition | PluginStepDefinition
