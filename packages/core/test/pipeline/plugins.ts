/** Plugins with a config and nothing behind it, for tests of definitions. */
import * as Schema from "effect/Schema"
import { defineDestination, defineSource, defineTransform } from "../../src/contract/define.ts"
import type { Destination } from "../../src/contract/Destination.ts"
import type { StandardSchema } from "../../src/contract/Plugin.ts"
import type { Source } from "../../src/contract/Source.ts"
import type { Transform } from "../../src/contract/Transform.ts"

const optional = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.pipe(Schema.annotateEncoded({ description })))

export const CsvConfig = Schema.Struct({
  path: Schema.NonEmptyString.annotate({ description: "File or glob, relative to the project." }),
  delimiter: optional(
    Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(1, { expected: "one character" })),
    "Between two fields.",
  ),
  header: optional(Schema.Boolean, "Whether the first row has the names."),
  skip: optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })), "Rows to leave out at the start."),
})

export const SqliteConfig = Schema.Struct({
  path: Schema.NonEmptyString.annotate({ description: "The database file." }),
  table: optional(Schema.NonEmptyString, "Table to read or write."),
  token: Schema.optionalKey(Schema.RedactedFromValue(Schema.String).annotate({ description: "Key of the file." })),
})

const noLoad = () => ({ write: () => undefined })

const standard = <T, E>(schema: Schema.Codec<T, E>): StandardSchema<E, T> => Schema.toStandardSchemaV1(schema)

export const csv: Source = {
  ...defineSource({ type: "csv", summary: "Comma-separated files.", config: standard(CsvConfig), read: () => [] }),
  supportsIncremental: true,
}

export const rest: Source = {
  ...defineSource({ type: "rest", summary: "Pages of a web service.", read: () => [] }),
  supportsIncremental: false,
}

export const json: Destination = defineDestination({
  type: "json",
  summary: "A JSON array.",
  config: standard(
    Schema.Struct({
      path: Schema.NonEmptyString.annotate({ description: "The file." }),
      pretty: optional(Schema.Boolean, "Whether to indent."),
    }),
  ),
  writeModes: ["replace", "append"],
  delivery: "idempotent",
  open: noLoad,
})

export const sqlite: Destination = defineDestination({
  type: "sqlite",
  summary: "A table of a SQLite file.",
  config: standard(SqliteConfig),
  writeModes: ["append", "replace", "upsert", "merge"],
  takesChanges: true,
  delivery: "transactional",
  open: noLoad,
})

export const webhook: Destination = defineDestination({
  type: "webhook",
  summary: "A web hook.",
  config: standard(Schema.Struct({ url: Schema.NonEmptyString.annotate({ description: "Address." }) })),
  open: noLoad,
})

export const anonymize: Transform = defineTransform({
  type: "anonymize",
  summary: "Hides columns.",
  config: standard(Schema.Struct({ columns: Schema.Array(Schema.String).annotate({ description: "Columns to hide." }) })),
  row: (row) => row,
})

export const plugins = [csv, rest, json, sqlite, webhook, anonymize]
