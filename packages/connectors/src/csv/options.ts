/** Options of CSV, for the source and the destination. */
import { type CsvDialect, NO_QUOTE } from "@deltaflow/core/text"
import * as Schema from "effect/Schema"

const described = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

const isSign = (text: string): boolean => text === "\\t" || (/^[\x01-\x7f]$/.test(text) && text !== "\n" && text !== "\r")

const delimiterForm = "one ASCII character, or \\t"
const quoteForm = "one ASCII character, or nothing for none"

const Delimiter = Schema.String.check(
  Schema.makeFilter((text) => isSign(text) || `expected ${delimiterForm}`, { expected: delimiterForm }),
).annotate({ expected: delimiterForm })

const Quote = Schema.String.check(
  Schema.makeFilter((text) => text === "" || isSign(text) || `expected ${quoteForm}`, { expected: quoteForm }),
).annotate({ expected: quoteForm })

export const dialectFields = {
  delimiter: Schema.optionalKey(described(Delimiter, "Character between fields; `\\t` is a tab. Default: `,`.")),
  quote: Schema.optionalKey(described(Quote, 'Character around fields with special characters; nothing for none. Default: `"`.')),
}

interface DialectConfig {
  readonly delimiter?: string
  readonly quote?: string
  readonly null_values?: ReadonlyArray<string>
}

/** Delimiter and quote must differ. */
export const differentSigns = Schema.makeFilter((config: DialectConfig) =>
  byteOf(config.delimiter ?? ",") === byteOf(config.quote ?? '"')
    ? { path: ["quote"], issue: "must be another character than the delimiter" }
    : undefined,
)

const byteOf = (sign: string): number => (sign === "\\t" ? 9 : sign === "" ? NO_QUOTE : sign.charCodeAt(0))

export const dialectOf = (config: DialectConfig): CsvDialect => ({
  delimiter: byteOf(config.delimiter ?? ","),
  quote: byteOf(config.quote ?? '"'),
  nulls: config.null_values ?? [""],
})
