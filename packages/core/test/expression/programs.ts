/**
 * Random typed expressions, each written twice: as an author of a pipeline would write it, and as PostgreSQL gets it for comparison. The
 * second
 * keeps PostgreSQL from computing constants before it runs (`k` is a function that gives its argument), and casts what has 64 bits here
 * and 32 there.
 */
import fc from "fast-check"
import type { ColumnSchema, ColumnType } from "../../src/model/ColumnType.ts"
import { Decimal } from "../../src/model/Decimal.ts"
import { Interval } from "../../src/model/Interval.ts"
import { parseDate, parseTime, parseTimestamp } from "../../src/model/Temporal.ts"
import type { Value } from "../../src/model/Value.ts"

export interface Program {
  readonly ours: string
  readonly postgres: string
}

/** Columns with the type that PostgreSQL has for each. */
export const programColumns: ReadonlyArray<ColumnSchema & { readonly postgres: string }> = (
  [
    ["i", "integer", "bigint"],
    ["n", "integer", "bigint"],
    ["d", "decimal", "numeric"],
    ["m", "decimal", "numeric"],
    ["f", "double", "float8"],
    ["s", "string", "text"],
    ["t", "string", "text"],
    ["b", "boolean", "boolean"],
    ["c", "boolean", "boolean"],
    ["day", "date", "date"],
    ["at", "timestamp", "timestamp"],
    ["moment", "timestamptz", "timestamptz"],
    ["clock", "time", "time"],
    ["span", "interval", "interval"],
    ["doc", "json", "json"],
    ["list", "integer[]", "bigint[]"],
  ] as const
).map(([name, type, postgres]) => ({ name, type, nullable: true, postgres }))

export type ProgramType =
  | "integer"
  | "decimal"
  | "double"
  | "string"
  | "boolean"
  | "date"
  | "timestamp"
  | "timestamptz"
  | "time"
  | "interval"

export const programTypes: ReadonlyArray<ProgramType> = [
  "integer",
  "decimal",
  "double",
  "string",
  "boolean",
  "date",
  "timestamp",
  "timestamptz",
  "time",
  "interval",
]

const same = (text: string): Program => ({ ours: text, postgres: text })

/** A template with `$1`, `$2` for the parts. */
const form = (template: string, postgres = template) => ({
  of: (...parts: ReadonlyArray<Program>): Program => ({
    ours: fill(
      template,
      parts.map((part) => part.ours),
    ),
    postgres: fill(
      postgres,
      parts.map((part) => part.postgres),
    ),
  }),
})

const fill = (template: string, parts: ReadonlyArray<string>): string =>
  template.replace(/\$(\d)/g, (_, digit: string) => parts[Number(digit) - 1]!)

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

type Arbitrary = fc.Arbitrary<Program>

const literal = (texts: ReadonlyArray<string>, cast: string): Arbitrary =>
  fc.constantFrom(...texts).map((text) => ({ ours: text.startsWith("-") ? `(${text})` : text, postgres: `k((${text})::${cast})` }))

const quoted = (texts: ReadonlyArray<string>, type: string): Arbitrary =>
  fc.constantFrom(...texts).map((text) => ({ ours: `${type} ${quote(text)}`, postgres: `k(${type} ${quote(text)})` }))

const DATES = ["2024-02-29", "2025-01-31", "1999-12-31", "1970-01-01", "2025-12-01", "0099-03-01", "2000-01-01"]
const STAMPS = ["2024-02-29 23:59:59.999999", "2025-01-31 00:00:00", "1969-12-31 12:30:00.5", "2025-03-30 01:30:00", "1582-10-15 06:00:00"]
const TIMES = ["00:00:00", "23:59:59.999999", "12:30:15.5", "04:05:06"]
const SPANS = ["1 day", "1 month", "-1 month 2 days", "25:00:00", "1 year 2 mons 3 days 04:05:06.7", "00:00:00", "-00:00:01.5"]
const WORDS = [
  "",
  "a",
  "abc",
  "Hello World",
  "ÄÖü ß",
  "😀 x",
  "a,b,c",
  "100%",
  "under_score",
  "it's",
  " padded ",
  "12",
  "-7.50",
  "2025-01-31",
  "true",
  "NaN",
  "x\\y",
]
const PATTERNS = ["a%", "%b%", "_", "%", "", "h_llo%", "100\\%", "%o w%", "Ä%", "%\\_%"]
const REGEXES = ["^a", "[0-9]+", "b|c", "^.{3}$", "\\d{2}", "\\s", "^$", "[[:upper:]]", "l+", "(a)(b)?"]

const leaves: Readonly<Record<ProgramType, Arbitrary>> = {
  integer: literal(["0", "1", "2", "-1", "7", "10", "100", "9223372036854775807", "9007199254740993"], "bigint"),
  decimal: literal(["0.0", "1.5", "-2.25", "0.001", "10.10", "99999999999999999999.9", "3.0"], "numeric"),
  double: fc.constantFrom("0", "1.5", "-2.25", "1e300", "0.1", "1e-7", "'NaN'", "'Infinity'").map((text) => ({
    ours: `(${text})::double precision`,
    postgres: `k((${text})::float8)`,
  })),
  string: fc.constantFrom(...WORDS).map((text) => ({ ours: `${quote(text)}::text`, postgres: `k(${quote(text)}::text)` })),
  boolean: literal(["true", "false", "null::boolean"], "boolean"),
  date: quoted(DATES, "date"),
  timestamp: quoted(STAMPS, "timestamp"),
  timestamptz: quoted(
    STAMPS.map((text) => `${text}+00`),
    "timestamptz",
  ),
  time: quoted(TIMES, "time"),
  interval: quoted(SPANS, "interval"),
}

const columnsOf = (type: ProgramType): Arbitrary =>
  fc.constantFrom(...programColumns.filter((column) => column.type === type).map((column) => same(column.name)))

/** A form over parts of the given types; `!x` stands for a fixed list of texts. */
type Rule = readonly [template: string, types: ReadonlyArray<ProgramType | ReadonlyArray<string>>, postgres?: string]

const SMALL = ["-3", "-1", "0", "1", "2", "3", "5", "10"]
const FIELDS = ["year", "month", "day", "dow", "doy", "quarter", "week", "isoyear", "epoch", "century"]
const CLOCK_FIELDS = ["hour", "minute", "second", "milliseconds", "microseconds"]
const UNITS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "decade", "century"]
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
const DATE_FORMATS = ["YYYY-MM-DD", "DD Mon YYYY", "HH24:MI:SS.US", "FMMonth FMDDth, YYYY", "Dy D DDD WW IW Q", "YYMMDD HH12 AM"]
const NUMBER_FORMATS = ["999", "FM999,990.00", "0000.9", "S99.99", "FM9999990.099"]

/** Operators that every number type has. */
const arithmetic = (type: ProgramType): ReadonlyArray<Rule> => [
  ...["+", "-", "*", "/"].map((sign): Rule => [`($1 ${sign} $2)`, [type, type]]),
  ["(- $1)", [type]],
  ["abs($1)", [type]],
]

const choices = (type: ProgramType): ReadonlyArray<Rule> => [
  ["coalesce($1, $2)", [type, type]],
  ["nullif($1, $2)", [type, type]],
  ["greatest($1, $2, $3)", [type, type, type]],
  ["least($1, $2)", [type, type]],
  ["case when $1 then $2 else $3 end", ["boolean", type, type]],
  ["case when $1 then $2 end", ["boolean", type]],
  ["case $1 when $2 then $3 else $4 end", ["integer", "integer", type, type]],
]

const rules: Readonly<Record<ProgramType, ReadonlyArray<Rule>>> = {
  integer: [
    ...arithmetic("integer"),
    ["($1 % $2)", ["integer", "integer"]],
    ["mod($1, $2)", ["integer", "integer"]],
    ["length($1)", ["string"], "length($1)::bigint"],
    ["octet_length($1)", ["string"], "octet_length($1)::bigint"],
    ["strpos($1, $2)", ["string", "string"], "strpos($1, $2)::bigint"],
    ["position($1 in $2)", ["string", "string"], "position($1 in $2)::bigint"],
    ["ascii($1)", ["string"], "ascii($1)::bigint"],
    ["$1::integer", ["decimal"], "$1::bigint"],
    ["$1::bigint", ["double"]],
    ["$1::bigint", ["string"]],
    ["$1::int", ["boolean"], "$1::int::bigint"],
    ["($1 - $2)", ["date", "date"], "($1 - $2)::bigint"],
    ["array_length(list, 1)", [], "array_length(list, 1)::bigint"],
    ["list[$1]", [SMALL], "list[$1]"],
    ["regexp_count($1, $2)", ["string", REGEXES.map(quote)], "regexp_count($1, $2)::bigint"],
  ],
  decimal: [
    ...arithmetic("decimal"),
    ["($1 + $2)", ["decimal", "integer"]],
    ["($1 * $2)", ["integer", "decimal"]],
    ["($1 / $2)", ["decimal", "integer"]],
    ["($1 % $2)", ["decimal", "decimal"]],
    ["round($1)", ["decimal"]],
    ["round($1, $2)", ["decimal", SMALL]],
    ["trunc($1, $2)", ["decimal", SMALL]],
    ["ceil($1)", ["decimal"]],
    ["floor($1)", ["decimal"]],
    ["sign($1)", ["decimal"]],
    ["sqrt(abs($1))", ["decimal"]],
    ["ln(abs($1) + 1.0)", ["decimal"]],
    ["exp($1 % 20.0)", ["decimal"]],
    ["$1::numeric", ["string"]],
    ["$1::numeric", ["double"]],
    ["$1::numeric(12,2)", ["decimal"]],
    ["extract($1 from $2)", [FIELDS, "timestamp"]],
    ["extract($1 from $2)", [FIELDS, "date"]],
    ["extract($1 from $2)", [CLOCK_FIELDS, "timestamptz"]],
    ["extract($1 from $2)", [[...CLOCK_FIELDS, "day", "month", "year", "epoch"], "interval"]],
    ["extract($1 from $2)", [[...CLOCK_FIELDS, "epoch"], "time"]],
  ],
  double: [
    ...arithmetic("double"),
    ["round($1)", ["double"]],
    ["floor($1)", ["double"]],
    ["ceil($1)", ["double"]],
    ["trunc($1)", ["double"]],
    ["sqrt(abs($1))", ["double"]],
    ["$1::double precision", ["integer"]],
    ["$1::double precision", ["decimal"]],
    ["$1::double precision", ["string"]],
    ["($1 + $2)", ["double", "integer"]],
    ["($1 * $2)", ["decimal", "double"]],
    ["date_part($1, $2)", [FIELDS.map(quote), "timestamp"]],
  ],
  string: [
    ["($1 || $2)", ["string", "string"]],
    ["($1 || $2)", ["string", "integer"]],
    ["($1 || $2)", ["decimal", "string"]],
    ["lower($1)", ["string"]],
    ["upper($1)", ["string"]],
    ["initcap($1)", ["string"]],
    ["reverse($1)", ["string"]],
    ["trim($1)", ["string"]],
    ["ltrim($1, $2)", ["string", "string"]],
    ["rtrim($1, $2)", ["string", "string"]],
    ["left($1, $2)", ["string", SMALL]],
    ["right($1, $2)", ["string", SMALL]],
    ["substring($1 from $2 for $3)", ["string", SMALL, SMALL]],
    ["substr($1, $2)", ["string", SMALL]],
    ["replace($1, $2, $3)", ["string", "string", "string"]],
    ["split_part($1, $2, $3)", ["string", "string", SMALL]],
    ["lpad($1, $2, $3)", ["string", SMALL, "string"]],
    ["rpad($1, $2)", ["string", SMALL]],
    ["repeat($1, $2)", ["string", SMALL]],
    ["translate($1, $2, $3)", ["string", "string", "string"]],
    ["concat($1, $2, $3)", ["string", "integer", "boolean"]],
    ["concat_ws($1, $2, $3)", ["string", "string", "decimal"]],
    ["md5($1)", ["string"]],
    ["encode(sha256($1::bytea), 'hex')", ["string"]],
    ["chr($1)", [["65", "233", "128512", "0", "-1"]], "chr(k($1))"],
    ["regexp_replace($1, $2, $3, 'g')", ["string", REGEXES.map(quote), ["'<\\&>'", "''", "'\\1'"]]],
    ["$1::text", ["integer"]],
    ["$1::text", ["decimal"]],
    ["$1::text", ["double"]],
    ["$1::text", ["boolean"]],
    ["$1::text", ["date"]],
    ["$1::text", ["timestamp"]],
    ["$1::text", ["timestamptz"]],
    ["$1::text", ["time"]],
    ["$1::text", ["interval"]],
    ["to_char($1, $2)", ["timestamp", DATE_FORMATS.map(quote)]],
    ["to_char($1, $2)", ["decimal", NUMBER_FORMATS.map(quote)]],
    ["(doc ->> $1)", [["'a'", "'b'", "'c'", "'nothing'"]]],
    ["(doc #>> $1)", [["'{b,0}'", "'{b,1,x}'", "'{a}'"]]],
    ["(doc -> 'b')::text", []],
    ["array_to_string(list, $1)", ["string"]],
  ],
  boolean: [
    ...(["integer", "decimal", "double", "string", "boolean", "date", "timestamp", "timestamptz", "time", "interval"] as const).flatMap(
      (type): ReadonlyArray<Rule> => [
        ...["=", "<>", "<", "<=", ">", ">="].map((sign): Rule => [`($1 ${sign} $2)`, [type, type]]),
        ["($1 is distinct from $2)", [type, type]],
        ["($1 is not distinct from $2)", [type, type]],
        ["($1 in ($2, $3, $4))", [type, type, type, type]],
        ["($1 not in ($2, $3))", [type, type, type]],
        ["($1 between $2 and $3)", [type, type, type]],
        ["($1 not between symmetric $2 and $3)", [type, type, type]],
        ["($1 is null)", [type]],
        ["($1 is not null)", [type]],
      ],
    ),
    ...["and", "or", "and", "or"].map((word): Rule => [`($1 ${word} $2)`, ["boolean", "boolean"]]),
    ["($1 and $2 and $3)", ["boolean", "boolean", "boolean"]],
    ["($1 or $2 or $3)", ["boolean", "boolean", "boolean"]],
    ["(not $1)", ["boolean"]],
    ["($1 is true)", ["boolean"]],
    ["($1 is not false)", ["boolean"]],
    ["($1 is unknown)", ["boolean"]],
    ["($1 like $2)", ["string", PATTERNS.map(quote)]],
    ["($1 not like $2)", ["string", PATTERNS.map(quote)]],
    ["($1 ilike $2)", ["string", PATTERNS.map(quote)]],
    ["($1 like $2)", ["string", "string"]],
    ["($1 ~ $2)", ["string", REGEXES.map(quote)]],
    ["($1 !~* $2)", ["string", REGEXES.map(quote)]],
    ["starts_with($1, $2)", ["string", "string"]],
    ["$1::boolean", ["string"]],
    ["($1 = any(list))", ["integer"]],
    ["($1 <= all(list))", ["integer"]],
    ["($1 = $2)", ["integer", "decimal"]],
    ["($1 < $2)", ["date", "timestamp"]],
    ["($1 >= $2)", ["timestamptz", "date"]],
    ["(s = $1)", [WORDS.map(quote)]],
    ["(t <> $1)", [WORDS.map(quote)]],
    ["(s in ($1, $2, 'abc'))", [WORDS.map(quote), WORDS.map(quote)]],
    ["(d > $1)", [["0", "1.5", "-2.25", "100"]]],
    ["(i <= $1)", [["0", "1.5", "7"]]],
    ["(f < $1)", [["0", "1.5", "-2.25"]]],
  ],
  date: [
    ["($1 + $2)", ["date", SMALL]],
    ["($1 - $2)", ["date", SMALL]],
    ["$1::date", ["timestamp"]],
    ["$1::date", ["timestamptz"]],
    ["$1::date", ["string"]],
    ["make_date($1, $2, $3)", [["2024", "-1", "0", "1999"], SMALL, ["1", "29", "31"]], "make_date(k($1), $2, $3)"],
  ],
  timestamp: [
    ["($1 + $2)", ["timestamp", "interval"]],
    ["($1 - $2)", ["timestamp", "interval"]],
    ["($1 + $2)", ["date", "interval"]],
    ["($1 + $2)", ["date", "time"]],
    ["$1::timestamp", ["date"]],
    ["$1::timestamp", ["timestamptz"]],
    ["date_trunc($1, $2)", [UNITS.map(quote), "timestamp"]],
    ["($1 at time zone $2)", ["timestamptz", ZONES.map(quote)]],
    ["$1::timestamp(0)", ["timestamp"]],
  ],
  timestamptz: [
    ["($1 + $2)", ["timestamptz", "interval"]],
    ["($1 - $2)", ["timestamptz", "interval"]],
    ["$1::timestamptz", ["timestamp"]],
    ["date_trunc($1, $2)", [UNITS.map(quote), "date"]],
    ["($1 at time zone $2)", ["timestamp", ZONES.map(quote)]],
    ["to_timestamp($1::double precision)", ["integer"], "to_timestamp($1::float8)"],
  ],
  time: [
    ["($1 + $2)", ["time", "interval"]],
    ["($1 - $2)", ["time", "interval"]],
    ["$1::time", ["timestamp"]],
    ["$1::time(2)", ["time"]],
  ],
  interval: [
    ["($1 + $2)", ["interval", "interval"]],
    ["($1 - $2)", ["interval", "interval"]],
    ["(- $1)", ["interval"]],
    ["($1 * $2)", ["interval", ["2", "0.5", "-1.25", "0"]], "($1 * $2::float8)"],
    ["($1 / $2)", ["interval", ["2", "0.5", "7", "0"]], "($1 / $2::float8)"],
    ["($1 - $2)", ["timestamp", "timestamp"]],
    ["($1 - $2)", ["time", "time"]],
    ["age($1, $2)", ["timestamp", "timestamp"]],
    ["date_trunc($1, $2)", [["'year'", "'month'", "'day'", "'hour'"], "interval"]],
  ],
}

const memo = new Map<string, Arbitrary>()

/** Expressions of a type, nested at most so deep. */
export const programOf = (type: ProgramType, depth: number): Arbitrary => {
  const key = `${type} ${depth}`
  const known = memo.get(key)
  if (known !== undefined) return known
  const leaf = fc.oneof({ weight: 3, arbitrary: columnsOf(type) }, { weight: 1, arbitrary: leaves[type] })
  const all =
    depth === 0
      ? leaf
      : fc.oneof({ weight: 1, arbitrary: leaf }, ...[...rules[type], ...choices(type)].map((rule) => ofRule(rule, depth - 1)))
  memo.set(key, all)
  return all
}

const ofRule = ([template, types, postgres]: Rule, depth: number): Arbitrary => {
  const parts = types.map((type) => (typeof type === "string" ? programOf(type, depth) : fc.constantFrom(...type.map(same))))
  return fc.tuple(...parts).map((programs) => form(template, postgres).of(...programs))
}

/** Any expression, with its type. */
export const programs = (depth: number): fc.Arbitrary<Program & { readonly type: ProgramType }> =>
  fc.oneof(...programTypes.map((type) => programOf(type, depth).map((program) => ({ ...program, type }))))

const decimal = (text: string): Value => Decimal.parse(text)!

const VALUES: Readonly<Partial<Record<ColumnType, ReadonlyArray<Value>>>> = {
  integer: [0, 1, 2, -1, 3, 7, 10, 100, 9223372036854775807n, -9223372036854775808n, 9007199254740993n],
  decimal: ["0", "1.5", "-2.25", "0.001", "100", "12345678901234567890.12", "3", "-0.5", "1.50", "7.00"].map(decimal),
  double: [0, 1.5, -2.25, 1e300, 0.1, -1e-7, Number.NaN, Infinity, 3],
  string: WORDS,
  boolean: [true, false],
  date: DATES.map((text) => parseDate(text)!),
  timestamp: STAMPS.map((text) => parseTimestamp(text, false)!),
  timestamptz: STAMPS.map((text) => parseTimestamp(text, true)!),
  time: TIMES.map((text) => parseTime(text)!),
  interval: [
    new Interval(0, 1, 0),
    new Interval(1, 0, 0),
    new Interval(14, 3, 14_706_700_000),
    new Interval(-1, 0, 0),
    new Interval(0, 0, -1_500_000),
  ],
  json: ['{"a": 1.50, "b": [1, {"x": "y"}], "c": null}', '{"a": "t\\u00e9xt\\n", "b": []}', "[]", '"s"', "null"],
  "integer[]": [[1, 2, 3], [], [7, null], [-1]],
}

/** Rows for the columns, with nulls among the values. */
export const programRow: fc.Arbitrary<ReadonlyArray<Value | null>> = fc.tuple(
  ...programColumns.map(({ type }) =>
    fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 5, arbitrary: fc.constantFrom<Value | null>(...VALUES[type]!) }),
  ),
)
