/** Sources and destinations as data: the keys that all of them share. The other keys are the connector's own config. */
import * as Schema from "effect/Schema"
import { writeModes } from "../contract/Destination.ts"
import { ColumnTypeName, Expression, Flag, listOf, Names, optional, Positive, required, Text } from "./keys.ts"
import { Duration } from "./Units.ts"

export const Incremental = Schema.Struct({
  column: optional(Text, "Column that grows with every change, such as `updated_at`. Its value is `:last_run` in queries."),
  initial_value: optional(
    Schema.Union([Text, Schema.Finite]).annotate({ expected: "text or a number" }),
    "Where the first run begins. Default: 1970-01-01T00:00:00Z.",
  ),
  key: optional(Names, "Columns that tell apart rows with the same cursor value. Default: a hash of the row."),
  lookback: optional(Duration, "How far before the cursor to read again, for rows that come late."),
})

export const sourceFields = {
  type: required(Text, "Type of the connector, such as `csv` or `sqlite`."),
  name: optional(Text, "Name of the source in messages, statistics and joins. Default: its type and place."),
  batch_size: optional(Positive, "Rows that travel together. Default: `defaults.batch_size`."),
  timeout: optional(Duration, "Longest wait for the next batch. Default: `defaults.timeout`."),
  incremental: optional(
    Schema.Union([Schema.Boolean, Incremental]).annotate({ expected: "true, or a mapping with column, initial_value, key and lookback" }),
    "Read only what is new since the last successful run.",
  ),
  columns: optional(Schema.Record(Text, ColumnTypeName), "Column name: type. Goes over what is inferred."),
  optional: optional(Flag, "Whether a missing input is no error. Default: false."),
}

export const MergeRule = Schema.Struct({
  condition: optional(Expression, "SQL expression over the incoming row. Default: true."),
  action: required(
    Schema.Literals(["insert", "update", "delete"]),
    "What to do. `insert` is for rows whose key the table does not have, `update` and `delete` for rows whose key it has.",
  ),
  set: optional(
    Schema.Record(Text, Expression),
    "Column name: SQL expression over the incoming row. An `update` then changes these columns alone; an `insert` has the row's other columns too. " +
      "Default: all columns of the row.",
  ),
})

const FlushInterval = Schema.Struct({
  time: optional(Duration, "Longest time between commits. Default: 10s."),
  rows: optional(Positive, "Rows after which to commit. Default: no limit."),
})

export const destinationFields = {
  type: required(Text, "Type of the connector, such as `json` or `sqlite`."),
  name: optional(Text, "Name of the destination in messages and statistics. Default: its type and place."),
  rows: optional(Text, "Child table of a `flatten` step that goes here, by its name. Default: the rows themselves."),
  write_mode: optional(
    Schema.Literals(writeModes),
    "`append` adds rows, `replace` swaps everything at once, `upsert` replaces rows of the same `key`, " +
      "`merge` follows the rules of `when`, `scd2` keeps history. Default: `upsert` with a `key`, else `append` where a run brings only " +
      "what is new, as far as the connector has them; else the connector's first.",
  ),
  key: optional(Names, "Columns that tell rows apart, for `upsert`, `merge` and `scd2`."),
  when: optional(listOf(MergeRule, "a list of rules"), "Rules of `merge`, in order; the first that holds is applied."),
  changed_at: optional(Text, "`scd2`: column of the rows that says since when a row holds. Default: the start of the run."),
  valid_from: optional(Text, "`scd2`: column with the time from which a row holds. Default: `valid_from`."),
  valid_to: optional(Text, "`scd2`: column with the time until which a row holds. Default: `valid_to`."),
  is_current: optional(Text, "`scd2`: column that says whether a row holds now. Default: `is_current`."),
  hard_deletes: optional(
    Schema.Literals(["key", "absence"]),
    "How rows are told that are to be deleted, or closed by `scd2`: `key` by a row with their key in which `deleted_column` is true, `absence` by " +
      "their absence from a run that reads all rows.",
  ),
  deleted_column: optional(Text, "`hard_deletes: key`: column that is true in such a row. It is not stored. Default: `_deleted`."),
  schema_changes: optional(
    Schema.Literals(["evolve", "freeze", "discard", "fail"]),
    "New columns: `evolve` adds them, `freeze` leaves them out, `discard` leaves out their rows, `fail` stops. Default: `evolve`.",
  ),
  flush_interval: optional(
    Schema.Union([Duration, FlushInterval]).annotate({ expected: "a duration, or a mapping with time and rows" }),
    "Longest time between commits, or `{ time, rows }` to commit after so many rows too. Default: 10s.",
  ),
  delivery: optional(
    Schema.Literals(["exactly_once", "at_least_once"]),
    "The guarantee that is needed. Validation fails where the connector cannot give it. Default: the best that it can.",
  ),
}

const anyOption = [Schema.Record(Schema.String, Schema.Unknown)] as const

export const Source = Schema.StructWithRest(Schema.Struct(sourceFields), anyOption).annotate({
  expected: "a source: a mapping with a type",
})

export const Destination = Schema.StructWithRest(Schema.Struct(destinationFields), anyOption).annotate({
  expected: "a destination: a mapping with a type",
})

export type SourceDefinition = typeof Source.Encoded
export type DestinationDefinition = typeof Destination.Encoded
