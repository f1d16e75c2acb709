/** Options of Parquet files. */
import * as Schema from "effect/Schema"

const path = (description: string) =>
  Schema.String.check(Schema.isNonEmpty({ expected: "a path" }))
    .check(
      Schema.makeFilter((text) =>
        text === "-"
          ? "name a file: Parquet is read and written at more than one place of it, so standard input and output do not do"
          : undefined,
      ),
    )
    .annotate({ expected: "a path", description })

export const ParquetSourceConfig = Schema.Struct({
  path: path(
    "File to read, relative to the project. `*` and `?` stand for any characters of a name, `**` for any folders; matches are read in the order of their names.",
  ),
})

export type ParquetSourceConfig = typeof ParquetSourceConfig.Type

/** Names of compressions in configs. */
export const compressions = ["zstd", "snappy", "gzip", "brotli", "none"] as const

export type ParquetCompression = (typeof compressions)[number]

export const ROW_GROUP_SIZE = 122_880

export const ParquetDestinationConfig = Schema.Struct({
  path: path("File to write, relative to the project. Its folder is made when it is missing."),
  compression: Schema.optionalKey(Schema.Literals(compressions).annotate({ description: "How pages are compressed. Default: zstd." })),
  row_group_size: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThan(0)).annotate({
      description: `Most rows in a row group, the part that readers take or leave as a whole. Groups with 64 MiB of values end sooner. Default: ${ROW_GROUP_SIZE}.`,
    }),
  ),
})

export type ParquetDestinationConfig = typeof ParquetDestinationConfig.Type
