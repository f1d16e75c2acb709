/** Options that all connectors for text files share. */
import { compressionOf, type ArchiveLimits, type Compression, type Encoding } from "@deltaflow/core/text"
import * as Schema from "effect/Schema"

const described = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

/** A number of bytes, or `64kb`, `256mb`, `1gb` in powers of 1024. */
const Size = Schema.Union([
  Schema.Int.check(Schema.isGreaterThan(0)),
  Schema.String.check(Schema.isPattern(/^\d+(\.\d+)?\s*(b|kb|mb|gb)$/i, { expected: "a size such as 256mb" })),
]).annotate({ expected: "a size such as 256mb" })

export type Size = typeof Size.Type

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

export const bytesOf = (size: Size): number => {
  if (typeof size === "number") return size
  const [, amount = "", unit = ""] = /^([\d.]+)\s*([a-z]+)$/i.exec(size) ?? []
  return Math.floor(Number(amount) * UNITS[unit.toLowerCase()]!)
}

const Path = Schema.String.check(Schema.isNonEmpty({ expected: "a path" })).annotate({ expected: "a path" })

export const sourcePath = described(
  Path,
  "File to read, relative to the project. `*` and `?` stand for any characters of a name, `**` for any folders; matches are read in the order of their names. `-` is standard input.",
)

export const destinationPath = described(
  Path,
  "File to write, relative to the project. Its folder is made when it is missing. `-` is standard output.",
)

const compressionField = (what: string) =>
  Schema.optionalKey(
    described(
      Schema.Literals(["auto", "none", "gzip", "zstd"]),
      `${what} Default: \`auto\`, by the end of the name: \`.gz\` and \`.zst\`.`,
    ),
  )

/** Options of a source beside the format's own. */
export const sourceFields = {
  path: sourcePath,
  compression: compressionField("How the file is compressed."),
  max_row_size: Schema.optionalKey(described(Size, "Largest row that is read. A larger one is an error that names it. Default: 128mb.")),
  max_decompressed_size: Schema.optionalKey(described(Size, "Largest content of one compressed file. Default: no limit.")),
  max_decompression_ratio: Schema.optionalKey(
    described(
      Schema.Finite.check(Schema.isGreaterThan(1)),
      "How many times as large as the file its content may be, counted from 64 MiB on. Default: 500.",
    ),
  ),
}

export const destinationFields = {
  path: destinationPath,
  compression: compressionField("How to compress the file."),
}

export interface TransportConfig {
  readonly path: string
  readonly compression?: "auto" | Compression
  readonly encoding?: Encoding
  readonly max_row_size?: Size
  readonly max_decompressed_size?: Size
  readonly max_decompression_ratio?: number
}

export const compressionFor = (config: Pick<TransportConfig, "compression">, path: string): Compression =>
  config.compression === undefined || config.compression === "auto" ? compressionOf(path) : config.compression

export const archiveLimits = (config: TransportConfig): ArchiveLimits => ({
  size: config.max_decompressed_size === undefined ? Number.POSITIVE_INFINITY : bytesOf(config.max_decompressed_size),
  ratio: config.max_decompression_ratio ?? 500,
})

export const rowLimit = (config: TransportConfig): number =>
  config.max_row_size === undefined ? 128 * 1024 * 1024 : bytesOf(config.max_row_size)
