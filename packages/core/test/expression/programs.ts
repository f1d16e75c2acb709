/**
 * Random typed expressions, each written twice: as an author of a pipeline would write it, and as PostgreSQL gets it for comparison. The
 * second keeps PostgreSQL from computing constants before it runs (`k` is a function that gives its argument), and casts what has 64 bits
 * here and 32 there.
 */
import fc from "fast-check"
import { Decimal, whole } from "../../src/model/Decimal.ts"
import { Interval } from "../../src/model/Interval.ts"
import { parseDate, parseTime, parseTimestamp } from "../../src/model/Temporal.ts"
import type { Value } from "../../src/model/Value.ts"
import type { ServerColumn } from "./postgres.ts"

export interface Program {
  readonly ours: string
  readonly postgres: string
}

/** Columns with the type that PostgreSQL has for each. */
export const programColumns: ReadonlyArray<ServerColumn> = (
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
    ["raw", "bytes", "bytea"],
    ["id", "uuid", "uuid"],
    ["list", "integer[]", "bigint[]"],
    ["words", "string[]", "text[]"],
    ["amounts", "decimal[]", "numeric[]"],
  ] as const
).map(([name, type, postgres]) => ({ name, type, nullable: true, postgres }))

export const programTypes = [
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
  "bytes",
  "uuid",
  "json",
  "integer[]",
  "string[]",
  "decimal[]",
] as const

export type ProgramType = (typeof programTypes)[number]

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

const cast = (texts: ReadonlyArray<string>, type: string): Arbitrary =>
  fc.constantFrom(...texts).map((text) => ({ ours: `${quote(text)}::${type}`, postgres: `k(${quote(text)}::${type})` }))

const quoted = (texts: ReadonlyArray<string>, type: string): Arbitrary =>
  fc.constantFrom(...texts).map((text) => ({ ours: `${type} ${quote(text)}`, postgres: `k(${type} ${quote(text)})` }))

const DATES = ["2024-02-29", "2025-01-31", "1999-12-31", "1970-01-01", "2025-12-01", "0099-03-01", "2000-01-01", "0044-03-15 BC"]
const STAMPS = [
  "2024-02-29 23:59:59.999999",
  "2025-01-31 00:00:00",
  "1969-12-31 12:30:00.5",
  "2025-03-30 01:30:00",
  "1582-10-15 06:00:00",
  "0044-03-15 01:02:03 BC",
]
const ENDLESS = ["infinity", "-infinity"]
const TIMES = ["00:00:00", "23:59:59.999999", "12:30:15.5", "04:05:06"]
const SPANS = [
  "infinity",
  "-infinity",
  "1 day",
  "1 month",
  "-1 month 2 days",
  "25:00:00",
  "1 year 2 mons 3 days 04:05:06.7",
  "00:00:00",
  "-00:00:01.5",
]
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
/** Texts that casts read. */
const SPELLINGS = [
  "1e3",
  "0x1F",
  " 42 ",
  "-0",
  "1_000",
  "99999999999999999999",
  "Infinity",
  "-inf",
  "1e-400",
  "t",
  "off",
  "2024-02-30",
  "2024-02-29 12:00:00.5+02",
  "20240229T010203",
  "Feb 29, 2024",
  "04:05:06.789",
  "24:00",
  "1 day 02:00",
  "1 year -3 mons",
  "P1Y2M3DT4H5M6.5S",
  "{1,2,NULL}",
  '{"a b",c}',
  '{"a": 1}',
  "[1, 2",
  "\\x00ff",
  "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
]
const PATTERNS = ["a%", "%b%", "_", "%", "", "h_llo%", "100\\%", "%o w%", "Ä%", "%\\_%"]
const REGEXES = [
  "^a",
  "[0-9]+",
  "b|c",
  "^.{3}$",
  "\\d{2}",
  "\\s",
  "^$",
  "[[:upper:]]",
  "l+",
  "(a)(b)?",
  "[^a-z ]",
  "(o|l)+",
  "a*?b",
  "\\w+$",
  "x*",
]
const DOCUMENTS = [
  '{"a": 1.50, "b": [1, {"x": "y"}], "c": null}',
  '{"a": "t\\u00e9xt\\n", "b": []}',
  "[]",
  '"s"',
  "null",
  '[1, null, {"a": true}]',
  '{"a": {"b": "1"}, "a": 2}',
]
const BYTES = ["\\x", "\\x00ff", "\\x616263", "\\xc3a4"]
const UUIDS = ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"]
const LISTS = ["{1,2,3}", "{}", "{7,NULL}", "{-1}", "{3,1,2,1}"]
const WORD_LISTS = ["{a,b}", "{}", '{"x, y",NULL,""}', "{b,a,b}"]
const AMOUNT_LISTS = ["{1.50,2}", "{NULL,1.5}", "{}"]

const leaves: Readonly<Record<ProgramType, Arbitrary>> = {
  integer: literal(["0", "1", "2", "-1", "7", "10", "100", "9223372036854775807", "9007199254740993"], "bigint"),
  decimal: literal(["0.0", "1.5", "-2.25", "0.001", "10.10", "99999999999999999999.9", "3.0"], "numeric"),
  double: fc.constantFrom("0", "1.5", "-2.25", "1e300", "0.1", "1e-7", "'NaN'", "'Infinity'").map((text) => ({
    ours: `(${text})::double precision`,
    postgres: `k((${text})::float8)`,
  })),
  string: fc.constantFrom(...WORDS, ...SPELLINGS).map((text) => ({ ours: `${quote(text)}::text`, postgres: `k(${quote(text)}::text)` })),
  boolean: literal(["true", "false", "null::boolean"], "boolean"),
  date: quoted([...DATES, ...ENDLESS], "date"),
  timestamp: quoted([...STAMPS, ...ENDLESS, "290000-12-31 23:59:59.999999"], "timestamp"),
  timestamptz: quoted([...STAMPS.map((text) => text.replace(/( BC)?$/, "+00$1")), ...ENDLESS], "timestamptz"),
  time: quoted([...TIMES, "24:00:00"], "time"),
  interval: quoted(SPANS, "interval"),
  bytes: quoted(BYTES, "bytea"),
  uuid: quoted(UUIDS, "uuid"),
  json: quoted(DOCUMENTS, "json"),
  "integer[]": cast(LISTS, "bigint[]"),
  "string[]": cast(WORD_LISTS, "text[]"),
  "decimal[]": cast(AMOUNT_LISTS, "numeric[]"),
}

const columnsOf = (type: ProgramType): Arbitrary =>
  fc.constantFrom(...programColumns.filter((column) => column.type === type).map((column) => same(column.name)))

/** A form over parts: each of a type, or one of a fixed list of texts. What PostgreSQL is asked may be written differently. */
type Rule = readonly [template: string, types: ReadonlyArray<ProgramType | ReadonlyArray<string>>, postgres?: string]

const SMALL = ["-3", "-1", "0", "1", "2", "3", "5", "10"]
const PLACES = ["1", "2", "3", "5"]
const FIELDS = ["year", "month", "day", "dow", "isodow", "doy", "quarter", "week", "isoyear", "epoch", "century", "decade", "millennium"]
const CLOCK_FIELDS = ["hour", "minute", "second", "milliseconds", "microseconds"]
const UNITS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "milliseconds", "decade", "century", "millennium"]
const DIFF_UNITS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"].map(quote)
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "CET", "EST"]
const DATE_FORMATS = [
  "YYYY-MM-DD",
  "DD Mon YYYY",
  "HH24:MI:SS.US",
  "FMMonth FMDDth, YYYY",
  "Dy D DDD WW IW Q",
  "YYMMDD HH12 AM",
  "Day, DD MONTH Y,YYY BC",
  "IYYY-IW-ID J CC",
  "MS FF3 SSSS HH12:MI p.m.",
  '"quoted" FMHH24 RM Y',
].map(quote)
const NUMBER_FORMATS = [
  "999",
  "FM999,990.00",
  "0000.9",
  "S99.99",
  "FM9999990.099",
  "9999MI",
  "99.9PR",
  "SG999",
  "9,999.99",
  "L999",
  "FMRN",
  "999th",
  "99V9",
  "B999",
].map(quote)
/** Texts with templates that fit them, or do so up to a point. */
const READINGS = [
  "'2024-02-29', 'YYYY-MM-DD'",
  "'29.02.2024', 'DD.MM.YYYY'",
  "'20240131', 'YYYYMMDD'",
  "'2024-1-5 7:08:09', 'YYYY-MM-DD HH24:MI:SS'",
  "'2024-01-05 12:30:15.25 PM', 'YYYY-MM-DD HH12:MI:SS.MS AM'",
  "'Feb 29, 2024', 'Mon DD, YYYY'",
  "'5 march 99', 'DD month YY'",
  "'44-03-15 BC', 'YYYY-MM-DD BC'",
  "'2024-060', 'YYYY-DDD'",
  "'2460370', 'J'",
  "'2023-02-29', 'YYYY-MM-DD'",
  "'2024-13-01', 'YYYY-MM-DD'",
  "'x', 'YYYY-MM-DD'",
  "'2024', 'YYYY-MM-DD'",
  "'', 'YYYY-MM-DD'",
]
/** Dates and times are read from the texts of the columns; what random texts can stand for is a matter of its own. */
const TEXTS = ["s", "t", "trim(s)", "s || ''"]
const FLAGS = ["'g'", "'i'", "'gi'", "''"]
const REPLACEMENTS = ["'<\\&>'", "''", "'\\1'", "'x\\\\y'"]
const SEPARATORS = ["','", "' '", "''", "'l'"]

const SCALARS = ["integer", "decimal", "double", "string", "boolean", "date", "timestamp", "timestamptz", "time", "interval"] as const
const ARRAYS = ["integer[]", "string[]", "decimal[]"] as const
const ELEMENTS = { "integer[]": "integer", "string[]": "string", "decimal[]": "decimal" } as const

/** Operators that every number type has. */
const arithmetic = (type: ProgramType): ReadonlyArray<Rule> => [
  ...["+", "-", "*", "/"].map((sign): Rule => [`($1 ${sign} $2)`, [type, type]]),
  ["(- $1)", [type]],
  ["(+ $1)", [type]],
  ["abs($1)", [type]],
]

const choices = (type: ProgramType): ReadonlyArray<Rule> => [
  ["coalesce($1, $2)", [type, type]],
  ["case when $1 then $2 else $3 end", ["boolean", type, type]],
  ["case when $1 then $2 end", ["boolean", type]],
  ["case $1 when $2 then $3 else $4 end", ["integer", "integer", type, type]],
  ...(type === "json"
    ? []
    : ([
        ["nullif($1, $2)", [type, type]],
        ["greatest($1, $2, $3)", [type, type, type]],
        ["least($1, $2)", [type, type]],
      ] satisfies ReadonlyArray<Rule>)),
]

const comparisons = (type: ProgramType): ReadonlyArray<Rule> => [
  ...["=", "<>", "<", "<=", ">", ">="].map((sign): Rule => [`($1 ${sign} $2)`, [type, type]]),
  ["($1 is distinct from $2)", [type, type]],
  ["($1 is not distinct from $2)", [type, type]],
  ["($1 in ($2, $3, $4))", [type, type, type, type]],
  ["($1 not in ($2, $3))", [type, type, type]],
  ["($1 between $2 and $3)", [type, type, type]],
  ["($1 between symmetric $2 and $3)", [type, type, type]],
  ["($1 not between $2 and $3)", [type, type, type]],
  ["($1 not between symmetric $2 and $3)", [type, type, type]],
  ["($1 is null)", [type]],
  ["($1 is not null)", [type]],
]

/** What every type of array has. */
const arrays = (type: (typeof ARRAYS)[number]): ReadonlyArray<Rule> => {
  const element = ELEMENTS[type]
  return [
    ["array[$1, $2]", [element, element]],
    ["($1 || $2)", [type, type]],
    ["($1 || $2)", [type, element]],
    ["($1 || $2)", [element, type]],
    ["array_append($1, $2)", [type, element]],
    ["array_prepend($1, $2)", [element, type]],
    ["array_cat($1, $2)", [type, type]],
    ["array_remove($1, $2)", [type, element]],
    ["array_replace($1, $2, $3)", [type, element, element]],
    ["array_reverse($1)", [type]],
    // Equal decimals that are written otherwise come in any order.
    ...(type === "decimal[]"
      ? []
      : ([
          ["array_sort($1)", [type]],
          ["array_sort($1, $2)", [type, "boolean"]],
          ["array_sort($1, $2, $3)", [type, "boolean", "boolean"]],
        ] satisfies ReadonlyArray<Rule>)),
    ["($1)[$2:$3]", [type, SMALL, SMALL]],
    ["trim_array($1, $2)", [type, SMALL]],
  ]
}

const rules: Readonly<Record<ProgramType, ReadonlyArray<Rule>>> = {
  integer: [
    ...arithmetic("integer"),
    ["($1 % $2)", ["integer", "integer"]],
    ["mod($1, $2)", ["integer", "integer"]],
    ["length($1)", ["string"], "length($1)::bigint"],
    ["length($1)", ["bytes"], "length($1)::bigint"],
    ["char_length($1)", ["string"], "char_length($1)::bigint"],
    ["octet_length($1)", ["string"], "octet_length($1)::bigint"],
    ["octet_length($1)", ["bytes"], "octet_length($1)::bigint"],
    ["bit_length($1)", ["string"], "bit_length($1)::bigint"],
    ["strpos($1, $2)", ["string", "string"], "strpos($1, $2)::bigint"],
    ["position($1 in $2)", ["string", "string"], "position($1 in $2)::bigint"],
    ["ascii($1)", ["string"], "ascii($1)::bigint"],
    ["$1::integer", ["decimal"], "$1::bigint"],
    ["$1::bigint", ["double"]],
    ["$1::bigint", ["string"]],
    ["$1::smallint", ["integer"], "$1::smallint::bigint"],
    ["$1::int", ["boolean"], "$1::int::bigint"],
    ["($1 - $2)", ["date", "date"], "($1 - $2)::bigint"],
    ["array_length($1, $2)", ["integer[]", PLACES], "array_length($1, $2)::bigint"],
    ["array_upper($1, 1)", ["string[]"], "array_upper($1, 1)::bigint"],
    ["array_lower($1, 1)", ["decimal[]"], "array_lower($1, 1)::bigint"],
    ["array_ndims($1)", ["string[]"], "array_ndims($1)::bigint"],
    ["cardinality($1)", ["string[]"], "cardinality($1)::bigint"],
    ["array_position($1, $2)", ["integer[]", "integer"], "array_position($1, $2)::bigint"],
    ["array_position($1, $2)", ["string[]", "string"], "array_position($1, $2)::bigint"],
    ["array_position($1, $2)", ["decimal[]", "decimal"], "array_position($1, $2)::bigint"],
    ["($1)[$2]", ["integer[]", SMALL]],
    ["regexp_count($1, $2)", ["string", REGEXES.map(quote)], "regexp_count($1, $2)::bigint"],
    ["regexp_count($1, $2, $3)", ["string", REGEXES.map(quote), PLACES], "regexp_count($1, $2, $3)::bigint"],
    ["regexp_count($1, $2, $3, 'i')", ["string", REGEXES.map(quote), PLACES], "regexp_count($1, $2, $3, 'i')::bigint"],
    ["json_array_length($1)", ["json"], "json_array_length($1)::bigint"],
    ["datediff($1, $2, $3)", [DIFF_UNITS, "timestamp", "timestamp"]],
    ["datediff($1, $2, $3)", [DIFF_UNITS, "timestamptz", "timestamptz"]],
    ["datediff($1, $2, $3)", [DIFF_UNITS, "date", "date"]],
  ],
  decimal: [
    ...arithmetic("decimal"),
    ["($1 + $2)", ["decimal", "integer"]],
    ["($1 * $2)", ["integer", "decimal"]],
    ["($1 / $2)", ["decimal", "integer"]],
    ["($1 % $2)", ["decimal", "decimal"]],
    ["mod($1, $2)", ["decimal", "integer"]],
    ["round($1)", ["decimal"]],
    ["round($1, $2)", ["decimal", SMALL]],
    ["trunc($1)", ["decimal"]],
    ["trunc($1, $2)", ["decimal", SMALL]],
    ["ceil($1)", ["decimal"]],
    ["ceiling($1)", ["decimal"]],
    ["floor($1)", ["decimal"]],
    ["sign($1)", ["decimal"]],
    ["sqrt($1)", ["decimal"]],
    ["sqrt(abs($1))", ["decimal"]],
    ["ln(abs($1) + 1.0)", ["decimal"]],
    ["log($1)", ["decimal"]],
    ["log($1, $2)", ["decimal", "decimal"]],
    ["exp($1 % 20.0)", ["decimal"]],
    ["power($1, $2 % 10.0)", ["decimal", "decimal"]],
    ["($1 ^ $2)", ["decimal", SMALL], "($1 ^ $2::numeric)"],
    ["factorial($1)", [SMALL], "factorial(k($1))"],
    ["$1::numeric", ["string"]],
    ["$1::numeric", ["double"]],
    ["$1::numeric", ["integer"]],
    ["$1::numeric(12,2)", ["decimal"]],
    ["$1::numeric(5)", ["decimal"]],
    ["$1::numeric(3, -2)", ["decimal"]],
    ["$1::numeric(2, 4)", ["decimal"]],
    ["($1)[$2]", ["decimal[]", SMALL]],
    ["extract($1 from $2)", [FIELDS, "timestamp"]],
    ["extract($1 from $2)", [FIELDS, "date"]],
    ["extract($1 from $2)", [CLOCK_FIELDS, "timestamptz"]],
    ["extract($1 from $2)", [["julian", "timezone", "timezone_hour"], "timestamptz"]],
    ["extract($1 from $2)", [[...CLOCK_FIELDS, "day", "month", "quarter", "year", "decade", "century", "epoch"], "interval"]],
    ["extract($1 from $2)", [[...CLOCK_FIELDS, "epoch"], "time"]],
  ],
  double: [
    ...arithmetic("double"),
    ["round($1)", ["double"]],
    ["floor($1)", ["double"]],
    ["ceil($1)", ["double"]],
    ["trunc($1)", ["double"]],
    ["sign($1)", ["double"]],
    ["sqrt($1)", ["double"]],
    ["sqrt(abs($1))", ["double"]],
    ["degrees($1)", ["double"]],
    ["radians($1)", ["double"]],
    ["(pi() * $1)", ["double"]],
    ["$1::double precision", ["integer"]],
    ["$1::double precision", ["decimal"]],
    ["$1::double precision", ["string"]],
    ["($1 + $2)", ["double", "integer"]],
    ["($1 * $2)", ["decimal", "double"]],
    ["date_part($1, $2)", [FIELDS.map(quote), "timestamp"]],
    ["date_part($1, $2)", [[...FIELDS, ...CLOCK_FIELDS, "julian"].map(quote), "timestamptz"]],
    ["date_part($1, $2)", [[...CLOCK_FIELDS, "epoch"].map(quote), "time"]],
    ["date_part($1, $2)", [[...CLOCK_FIELDS, "epoch", "year"].map(quote), "interval"]],
    ["date_part($1, $2)", [[...FIELDS, ...CLOCK_FIELDS].map(quote), "date"]],
  ],
  string: [
    ["($1 || $2)", ["string", "string"]],
    ...(["integer", "decimal", "double", "boolean", "date", "timestamp", "time", "interval", "uuid"] as const).flatMap(
      (type): ReadonlyArray<Rule> => [
        ["($1 || $2)", ["string", type]],
        ["($1 || $2)", [type, "string"]],
      ],
    ),
    ["lower($1)", ["string"]],
    ["upper($1)", ["string"]],
    ["initcap($1)", ["string"]],
    ["reverse($1)", ["string"]],
    ["trim($1)", ["string"]],
    ["trim(both $1 from $2)", ["string", "string"]],
    ["trim(leading $1 from $2)", ["string", "string"]],
    ["btrim($1)", ["string"]],
    ["ltrim($1)", ["string"]],
    ["rtrim($1)", ["string"]],
    ["ltrim($1, $2)", ["string", "string"]],
    ["rtrim($1, $2)", ["string", "string"]],
    ["left($1, $2)", ["string", SMALL]],
    ["right($1, $2)", ["string", SMALL]],
    ["substring($1 from $2 for $3)", ["string", SMALL, SMALL]],
    ["substring($1 from $2)", ["string", SMALL]],
    ["substring($1 from $2)", ["string", REGEXES.map(quote)]],
    ["substr($1, $2)", ["string", SMALL]],
    ["substr($1, $2, $3)", ["string", SMALL, SMALL]],
    ["replace($1, $2, $3)", ["string", "string", "string"]],
    ["split_part($1, $2, $3)", ["string", "string", SMALL]],
    ["lpad($1, $2, $3)", ["string", SMALL, "string"]],
    ["lpad($1, $2)", ["string", SMALL]],
    ["rpad($1, $2)", ["string", SMALL]],
    ["rpad($1, $2, $3)", ["string", SMALL, "string"]],
    ["repeat($1, $2)", ["string", SMALL]],
    ["translate($1, $2, $3)", ["string", "string", "string"]],
    ["overlay($1 placing $2 from $3)", ["string", "string", SMALL]],
    ["overlay($1 placing $2 from $3 for $4)", ["string", "string", SMALL, SMALL]],
    ["concat($1, $2, $3)", ["string", "integer", "boolean"]],
    ["concat($1, $2, $3)", ["timestamp", "decimal[]", "double"]],
    ["concat_ws($1, $2, $3)", ["string", "string", "decimal"]],
    ["to_hex($1)", ["integer"]],
    ["md5($1)", ["string"]],
    ["md5($1)", ["bytes"]],
    ["encode(sha256($1), 'hex')", ["string"], "encode(sha256(convert_to($1, 'UTF8')), 'hex')"],
    ["encode($1, $2)", ["bytes", ["'hex'", "'base64'", "'escape'"]]],
    ["chr($1)", [["65", "233", "128512", "0", "-1"]], "chr(k($1))"],
    ["regexp_replace($1, $2, $3)", ["string", REGEXES.map(quote), REPLACEMENTS]],
    ["regexp_replace($1, $2, $3, $4)", ["string", REGEXES.map(quote), REPLACEMENTS, FLAGS]],
    ["regexp_replace($1, $2, $3, $4)", ["string", REGEXES.map(quote), REPLACEMENTS, PLACES]],
    ["regexp_replace($1, $2, $3, $4, $5)", ["string", REGEXES.map(quote), REPLACEMENTS, PLACES, ["0", "1", "2"]]],
    ["regexp_replace($1, $2, $3, $4, $5, 'i')", ["string", REGEXES.map(quote), REPLACEMENTS, PLACES, ["0", "1", "2"]]],
    ["regexp_substr($1, $2)", ["string", REGEXES.map(quote)]],
    ["regexp_substr($1, $2, $3)", ["string", REGEXES.map(quote), PLACES]],
    ["regexp_substr($1, $2, $3, $4)", ["string", REGEXES.map(quote), PLACES, ["1", "2"]]],
    ["($1)[$2]", ["string[]", SMALL]],
    ...([...SCALARS, "bytes", "uuid", "json", ...ARRAYS] as const).flatMap((type): ReadonlyArray<Rule> =>
      type === "string" ? [["$1::varchar(3)", [type], "$1::varchar(3)::text"]] : [["$1::text", [type]]],
    ),
    ["to_char($1, $2)", ["timestamp", DATE_FORMATS]],
    ["to_char($1, $2)", ["timestamptz", DATE_FORMATS]],
    [
      "to_char($1, $2)",
      ["interval", ["'HH24:MI:SS.US'", "'YYYY-MM-DD'", "'FMDD HH12 MI SS MS'", "'DDD YYYY'", "'CC FMSSSS'", "'YY YYY DDth'"]],
    ],
    ["to_char($1, $2)", ["integer", NUMBER_FORMATS]],
    ["to_char($1, $2)", ["decimal", NUMBER_FORMATS]],
    ["to_char($1, $2)", ["double", NUMBER_FORMATS]],
    ["($1 ->> $2)", ["json", ["'a'", "'b'", "'c'", "'nothing'"]]],
    ["($1 ->> $2)", ["json", SMALL]],
    ["($1 #>> $2)", ["json", ["'{b,0}'", "'{b,1,x}'", "'{a}'", "'{a,b}'", "'{2,a}'"]]],
    ["json_extract_path_text($1, $2, $3)", ["json", ["'a'", "'b'"], ["'0'", "'b'"]]],
    ["json_typeof($1)", ["json"]],
    ["array_to_string($1, $2)", ["integer[]", "string"]],
    ["array_to_string($1, $2)", ["decimal[]", "string"]],
    ["array_to_string($1, $2, $3)", ["string[]", "string", "string"]],
  ],
  boolean: [
    ...[...SCALARS, "bytes" as const, "uuid" as const].flatMap(comparisons),
    ...ARRAYS.flatMap(comparisons),
    ...["and", "or", "and", "or"].map((word): Rule => [`($1 ${word} $2)`, ["boolean", "boolean"]]),
    ["($1 and $2 and $3)", ["boolean", "boolean", "boolean"]],
    ["($1 or $2 or $3)", ["boolean", "boolean", "boolean"]],
    ["(not $1)", ["boolean"]],
    ["($1 is true)", ["boolean"]],
    ["($1 is not true)", ["boolean"]],
    ["($1 is false)", ["boolean"]],
    ["($1 is not false)", ["boolean"]],
    ["($1 is unknown)", ["boolean"]],
    ["($1 is not unknown)", ["boolean"]],
    ["($1 is null)", ["json"]],
    ["($1 like $2)", ["string", PATTERNS.map(quote)]],
    ["($1 not like $2)", ["string", PATTERNS.map(quote)]],
    ["($1 like $2 escape '!')", ["string", ["'100!%'", "'%!_%'", "'a!!'"]]],
    ["($1 like $2 escape '!')", ["string", "string"]],
    ["($1 ilike $2)", ["string", PATTERNS.map(quote)]],
    ["($1 not ilike $2)", ["string", PATTERNS.map(quote)]],
    ["($1 like $2)", ["string", "string"]],
    ["($1 ~ $2)", ["string", REGEXES.map(quote)]],
    ["($1 !~ $2)", ["string", REGEXES.map(quote)]],
    ["($1 ~* $2)", ["string", REGEXES.map(quote)]],
    ["($1 !~* $2)", ["string", REGEXES.map(quote)]],
    ["regexp_like($1, $2)", ["string", REGEXES.map(quote)]],
    ["regexp_like($1, $2, $3)", ["string", REGEXES.map(quote), ["'i'", "'c'", "''"]]],
    ["starts_with($1, $2)", ["string", "string"]],
    ["($1 like any (array['a%', $2, null]))", ["string", "string"]],
    ["($1 not like all ('{%b%,_}'))", ["string"]],
    ["($1 ~ any (array['^a', '[0-9]']))", ["string"]],
    ["($1 ^@ $2)", ["string", "string"]],
    ["$1::boolean", ["string"]],
    ["$1::boolean", ["integer"], "($1 <> 0)"],
    ["isfinite($1)", ["date"]],
    ["isfinite($1)", ["timestamp"]],
    ["isfinite($1)", ["timestamptz"]],
    ["isfinite($1)", ["interval"]],
    ...ARRAYS.flatMap((type): ReadonlyArray<Rule> => [
      ["($1 = any($2))", [ELEMENTS[type], type]],
      ["($1 <> all($2))", [ELEMENTS[type], type]],
      ["($1 <= all($2))", [ELEMENTS[type], type]],
      ["($1 > any($2))", [ELEMENTS[type], type]],
      ["($1 @> $2)", [type, type]],
      ["($1 <@ $2)", [type, type]],
      ["($1 && $2)", [type, type]],
    ]),
    ["($1 = $2)", ["integer", "decimal"]],
    ["($1 < $2)", ["decimal", "double"]],
    ["($1 < $2)", ["date", "timestamp"]],
    ["($1 >= $2)", ["timestamptz", "date"]],
    ["(s = $1)", [WORDS.map(quote)]],
    ["(t <> $1)", [WORDS.map(quote)]],
    ["(s in ($1, $2, 'abc'))", [WORDS.map(quote), WORDS.map(quote)]],
    ["(d > $1)", [["0", "1.5", "-2.25", "100"]]],
    ["(i <= $1)", [["0", "1.5", "7"]]],
    ["(f < $1)", [["0", "1.5", "-2.25"]]],
    ["(day >= $1)", [["'2024-02-29'", "'1999-12-31'"]]],
    ["(at < $1)", [["'2024-02-29 12:00'", "'infinity'"]]],
  ],
  date: [
    ["($1 + $2)", ["date", SMALL]],
    ["($1 + $2)", [SMALL, "date"]],
    ["($1 - $2)", ["date", SMALL]],
    ["$1::date", ["timestamp"]],
    ["$1::date", ["timestamptz"]],
    ["($1)::date", [TEXTS]],
    ["to_date($1)", [READINGS]],
    ["make_date($1, $2, $3)", [["2024", "-1", "0", "1999"], SMALL, ["1", "29", "31"]], "make_date(k($1), $2, $3)"],
  ],
  timestamp: [
    ["($1 + $2)", ["timestamp", "interval"]],
    ["($1 + $2)", ["interval", "timestamp"]],
    ["($1 - $2)", ["timestamp", "interval"]],
    ["($1 + $2)", ["date", "interval"]],
    ["($1 + $2)", ["interval", "date"]],
    ["($1 - $2)", ["date", "interval"]],
    ["($1 + $2)", ["date", "time"]],
    ["($1 + $2)", ["time", "date"]],
    ["$1::timestamp", ["date"]],
    ["$1::timestamp", ["timestamptz"]],
    ["($1)::timestamp", [TEXTS]],
    ["date_trunc($1, $2)", [UNITS.map(quote), "timestamp"]],
    ["($1 at time zone $2)", ["timestamptz", ZONES.map(quote)]],
    ["($1 at time zone $2)", ["timestamptz", ["interval '+02:00'", "interval '-05:30'"]]],
    ["$1::timestamp(0)", ["timestamp"]],
    [
      "make_timestamp($1, $2, $3, $4, 5, 6.5)",
      [["2024", "-44"], PLACES, PLACES, ["0", "23", "24"]],
      "make_timestamp(k($1), $2, $3, $4, 5, 6.5)",
    ],
  ],
  timestamptz: [
    ["($1 + $2)", ["timestamptz", "interval"]],
    ["($1 + $2)", ["interval", "timestamptz"]],
    ["($1 - $2)", ["timestamptz", "interval"]],
    ["$1::timestamptz", ["timestamp"]],
    ["$1::timestamptz", ["date"]],
    ["($1)::timestamptz", [TEXTS]],
    ["$1::timestamptz(3)", ["timestamptz"]],
    ["date_trunc($1, $2)", [UNITS.map(quote), "date"]],
    ["date_trunc($1, $2, $3)", [UNITS.map(quote), "timestamptz", ZONES.map(quote)]],
    ["($1 at time zone $2)", ["timestamp", ZONES.map(quote)]],
    ["($1 at time zone $2)", ["timestamp", ["interval '+02:00'", "interval '-05:30'"]]],
    ["to_timestamp($1::double precision)", ["integer"], "to_timestamp($1::float8)"],
    ["to_timestamp($1)", ["double"]],
    ["to_timestamp($1)", [READINGS]],
  ],
  time: [
    ["($1 + $2)", ["time", "interval"]],
    ["($1 + $2)", ["interval", "time"]],
    ["($1 - $2)", ["time", "interval"]],
    ["$1::time", ["timestamp"]],
    ["$1::time", ["timestamptz"]],
    ["$1::time", ["interval"]],
    ["($1)::time", [TEXTS]],
    ["$1::time(2)", ["time"]],
    [
      "make_time($1, $2, $3)",
      [
        ["0", "23", "24", "-1"],
        ["0", "59", "60"],
        ["0", "59.999999", "60"],
      ],
      "make_time(k($1), $2, $3)",
    ],
  ],
  interval: [
    ["($1 + $2)", ["interval", "interval"]],
    ["($1 - $2)", ["interval", "interval"]],
    ["(- $1)", ["interval"]],
    ["($1 * $2)", ["interval", ["2", "0.5", "-1.25", "0"]], "($1 * $2::float8)"],
    ["($2 * $1)", ["interval", ["2", "0.5", "-1.25", "0"]], "($2::float8 * $1)"],
    ["($1 / $2)", ["interval", ["2", "0.5", "7", "0"]], "($1 / $2::float8)"],
    ["($1 - $2)", ["timestamp", "timestamp"]],
    ["($1 - $2)", ["timestamptz", "timestamptz"]],
    ["($1 - $2)", ["time", "time"]],
    ["age($1, $2)", ["timestamp", "timestamp"]],
    ["age($1, $2)", ["timestamptz", "timestamptz"]],
    ["date_trunc($1, $2)", [["'year'", "'quarter'", "'month'", "'day'", "'hour'", "'second'"], "interval"]],
    ["($1)::interval", [TEXTS]],
    ["$1::interval", ["time"]],
    ["$1::interval(2)", ["interval"]],
    ["$1::interval day to minute", ["interval"]],
    ["justify_hours($1)", ["interval"]],
    ["justify_days($1)", ["interval"]],
    ["justify_interval($1)", ["interval"]],
  ],
  bytes: [
    ["$1::bytea", ["string"]],
    ["($1 || $2)", ["bytes", "bytes"]],
    ["substring($1 from $2 for $3)", ["bytes", SMALL, SMALL]],
    ["substring($1 from $2)", ["bytes", SMALL]],
    ["substr($1, $2, $3)", ["bytes", SMALL, SMALL]],
    ["sha224($1)", ["bytes"]],
    ["sha256($1)", ["bytes"]],
    ["sha384($1)", ["bytes"]],
    ["sha512($1)", ["bytes"]],
    ["decode($1, $2)", ["string", ["'hex'", "'base64'", "'escape'"]]],
    ["decode($1, 'base64')", [["'YWJj'", "'YWI='", "'YW Jj'"]], "decode(k($1::text), 'base64')"],
  ],
  uuid: [["$1::uuid", ["string"]]],
  json: [
    ["($1)::json", [TEXTS]],
    ["($1 -> $2)", ["json", ["'a'", "'b'", "'c'", "'nothing'"]]],
    ["($1 -> $2)", ["json", SMALL]],
    ["($1 #> $2)", ["json", ["'{b,0}'", "'{b,1,x}'", "'{a}'", "'{}'"]]],
    ["json_extract_path($1, $2)", ["json", ["'a'", "'b'"]]],
    ["to_json($1)", ["string"]],
    ["to_json($1)", ["timestamp"]],
    ["json_build_object('k', $1, 'l', $2, $3, 'm')", ["decimal", "timestamptz", "string"]],
    ["json_build_object($1, $2)", ["integer", "date"]],
    ["json_build_object($1, $2, 'x', $3)", ["boolean", "double", "json"]],
    ["json_build_array($1, $2, $3)", ["string[]", "interval", "bytes"]],
    ["json_build_array($1, $2, $3)", ["decimal[]", "time", "uuid"]],
  ],
  "integer[]": [
    ...arrays("integer[]"),
    ["($1)::bigint[]", [TEXTS]],
    ["array_positions($1, $2)", ["string[]", "string"], "array_positions($1, $2)::bigint[]"],
    ["$1::bigint[]", ["decimal[]"]],
  ],
  "string[]": [
    ...arrays("string[]"),
    ["($1)::text[]", [TEXTS]],
    ["$1::text[]", ["decimal[]"]],
    ["string_to_array($1, $2)", ["string", SEPARATORS]],
    ["string_to_array($1, null)", ["string"]],
    ["string_to_array($1, $2, $3)", ["string", SEPARATORS, "string"]],
    ["regexp_match($1, $2)", ["string", REGEXES.map(quote)]],
    ["regexp_match($1, $2, 'i')", ["string", REGEXES.map(quote)]],
  ],
  "decimal[]": [...arrays("decimal[]"), ["$1::numeric[]", ["integer[]"]], ["($1)::numeric[]", [TEXTS]]],
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

/** Values of columns: what a file can hold. */
const VALUES: Readonly<Record<ProgramType, ReadonlyArray<Value>>> = {
  integer: [0, 1, 2, -1, 3, 7, 10, 100, 9223372036854775807n, -9223372036854775808n, 9007199254740993n],
  decimal: ["0", "1.5", "-2.25", "0.001", "100", "12345678901234567890.12", "3", "-0.5", "1.50", "7.00"].map(decimal),
  double: [0, 1.5, -2.25, 1e300, 0.1, -1e-7, Number.NaN, Infinity, 3],
  string: [...WORDS, ...SPELLINGS],
  boolean: [true, false],
  date: [...DATES, "infinity"].map((text) => parseDate(text)!),
  timestamp: [...STAMPS, "infinity"].map((text) => parseTimestamp(text, false)!),
  timestamptz: [...STAMPS, "-infinity"].map((text) => parseTimestamp(text, true)!),
  time: TIMES.map((text) => parseTime(text)!),
  interval: [
    new Interval(0, 1, 0),
    new Interval(1, 0, 0),
    new Interval(14, 3, 14_706_700_000),
    new Interval(-1, 0, 0),
    new Interval(0, 0, -1_500_000),
    new Interval(Infinity, Infinity, Infinity),
  ],
  // As rows of objects hold them: spelling, keys that stand twice and a null at the top are lost there.
  json: ['{"a":1.5,"b":[1,{"x":"y"}],"c":null}', '{"a":"téxt\\n","b":[]}', "[]", '"s"', '[1,null,{"a":true}]'],
  bytes: BYTES.map((text) => new Uint8Array(Buffer.from(text.slice(2), "hex"))),
  uuid: UUIDS,
  "integer[]": [[1, 2, 3], [], [7, null], [-1], [3, 1, 2, 1]],
  "string[]": [["a", "b"], [], ["x, y", null, ""], ["b", "a", "b"]],
  "decimal[]": [[decimal("1.50"), decimal("2")], [null, decimal("1.5")], []],
}

const LETTERS = Array.from("aAbBzZ09 _-.,'\"\\\\%/:äÖßéÅøñŽčДжщΩσςαİıﬁ中日😀🎉")
const millions = (digits: number): fc.Arbitrary<number> => fc.integer({ min: -(10 ** digits), max: 10 ** digits })

/** Any value that a file can hold. */
const RANDOM: Readonly<Partial<Record<ProgramType, fc.Arbitrary<Value>>>> = {
  integer: fc.oneof(millions(3), millions(9), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(whole)),
  decimal: fc.oneof(
    fc.tuple(millions(6), fc.integer({ min: 0, max: 6 })).map(([coefficient, scale]) => new Decimal(coefficient, scale)),
    fc
      .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 40 }))
      .map(([coefficient, scale]) => new Decimal(whole(coefficient), scale)),
  ),
  double: fc.oneof(
    fc.double(),
    fc.double({ min: -1000, max: 1000, noNaN: true }),
    millions(6).map((value) => value / 8),
  ),
  string: fc.oneof(
    fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 8 }),
    millions(4).map((value) => String(value / 100)),
  ),
  date: fc.integer({ min: -800_000, max: 800_000 }),
  timestamp: fc.oneof(
    fc.integer({ min: -62_000_000_000, max: 62_000_000_000 }).map((seconds) => whole(BigInt(seconds) * 1_000_000n)),
    fc.integer({ min: 0, max: 2 * 10 ** 15 }),
  ),
  timestamptz: fc.integer({ min: 0, max: 2 * 10 ** 15 }),
  time: fc.integer({ min: 0, max: 86_399_999_999 }),
  interval: fc.oneof(
    fc.tuple(millions(2), millions(3), millions(11)).map((parts) => new Interval(...parts)),
    fc.tuple(fc.constant(0), fc.constant(0), millions(12)).map((parts) => new Interval(...parts)),
  ),
  bytes: fc.uint8Array({ maxLength: 6 }).map((bytes) => new Uint8Array(bytes)),
  uuid: fc.uuid(),
  "integer[]": fc.array(fc.option(millions(2), { freq: 5 }), { maxLength: 5 }),
}

/** Rows for the columns, with nulls among the values; most are those that matter, some are any. */
export const programRow: fc.Arbitrary<ReadonlyArray<Value | null>> = fc.tuple(
  ...programColumns.map(({ type }) => {
    const chosen = fc.constantFrom<Value | null>(...VALUES[type as ProgramType])
    const random = RANDOM[type as ProgramType]
    return fc.oneof(
      { weight: 1, arbitrary: fc.constant(null) },
      { weight: 3, arbitrary: chosen },
      { weight: 2, arbitrary: random ?? chosen },
    )
  }),
)
