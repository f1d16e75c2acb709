/**
 * Durations and sizes as people write them: `10s`, `5m`, `256mb`. A definition keeps what was written; the engine reads milliseconds and
 * bytes.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"

export const DURATION_FORM = "a duration (a number of seconds, or 500ms, 10s, 5m, 1h, 1d)"

export const SIZE_FORM = "a size (a number of bytes, or 64kb, 256mb, 1gb)"

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const sizeUnits: Readonly<Record<string, number>> = { "": 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 }

/** Milliseconds, or undefined where the text is no duration. A bare number is seconds. */
export const parseDuration = (written: string | number): number | undefined => {
  if (typeof written === "number") return wholeNumber(written * 1000)
  const parts = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/i.exec(written.trim())
  return parts === null ? undefined : wholeNumber(Number(parts[1]) * durationUnits[parts[2]?.toLowerCase() ?? "s"]!)
}

/** Bytes, or undefined where the text is no size. Units are powers of 1024. */
export const parseSize = (written: string | number): number | undefined => {
  if (typeof written === "number") return wholeNumber(written)
  const parts = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|tb)?$/i.exec(written.trim())
  return parts === null ? undefined : wholeNumber(Number(parts[1]) * sizeUnits[parts[2]?.toLowerCase() ?? ""]!)
}

const wholeNumber = (value: number): number | undefined => {
  const rounded = Math.round(value)
  return value >= 0 && Number.isSafeInteger(rounded) ? rounded : undefined
}

/** `1500` as `1500ms`, `300000` as `5m`: the largest unit that divides it. */
export const formatDuration = (milliseconds: number): string => {
  const unit = ["d", "h", "m", "s"].find((name) => milliseconds > 0 && milliseconds % durationUnits[name]! === 0) ?? "ms"
  return `${milliseconds / durationUnits[unit]!}${unit}`
}

/** `268435456` as `256mb`: the largest unit that divides it. */
export const formatSize = (bytes: number): string => {
  const unit = ["tb", "gb", "mb", "kb"].find((name) => bytes > 0 && bytes % sizeUnits[name]! === 0) ?? "b"
  return `${bytes / sizeUnits[unit]!}${unit}`
}

const measured = (
  form: string,
  parse: (written: string | number) => number | undefined,
  print: (value: number) => string,
  pattern: RegExp,
) =>
  Schema.Union([Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)), Schema.String.check(Schema.isPattern(pattern, { expected: form }))])
    .annotate({ expected: form })
    .pipe(
      Schema.decodeTo(Schema.Number, {
        decode: SchemaGetter.transformEffect((written: string | number, options) => {
          const value = parse(written)
          return value === undefined
            ? Effect.fail(new SchemaIssue.InvalidValue({ expected: form }, written, options))
            : Effect.succeed(value)
        }),
        encode: SchemaGetter.transform((value: number): string | number => print(value)),
      }),
    )

/** Decodes to milliseconds. */
export const Duration = measured(DURATION_FORM, parseDuration, formatDuration, /^\s*\d+(\.\d+)?\s*([mM][sS]|[sSmMhHdD])?\s*$/u)

/** Decodes to bytes. */
export const Size = measured(SIZE_FORM, parseSize, formatSize, /^\s*\d+(\.\d+)?\s*([kKmMgGtT]?[bB])?\s*$/u)
