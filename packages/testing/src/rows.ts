/**
 * Random schemas, values and rows with fast-check: every column type with its edges, names that break things, bytes cut anywhere.
 *
 * Values are what JavaScript finds in rows (`RowValue`): `Batch.fromRows(rows, schema)` takes them, and gives them back unchanged.
 */
import {
  type BatchSchema,
  type ColumnSchema,
  type ColumnType,
  Decimal,
  elementType,
  formatValue,
  Interval,
  isArrayType,
  type Row,
  scalarTypes,
  setOwn,
  toRowValue,
} from "@deltaflow/core"
import fc from "fast-check"

export interface SchemaOptions {
  /** Which types occur. Default: all scalars, and arrays of a few. */
  readonly types?: ReadonlyArray<ColumnType>
  /** Default 1. */
  readonly minColumns?: number
  /** Default 8. */
  readonly maxColumns?: number
  /** Column names. Default: plain ones and those that break things. */
  readonly names?: fc.Arbitrary<string>
}

export const columnTypes: ReadonlyArray<ColumnType> = [...scalarTypes, "integer[]", "string[]", "decimal[]", "timestamptz[]"]

/** Names that are keys of objects, words of SQL, or need quotes. */
export const nastyNames: ReadonlyArray<string> = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "select",
  "a b",
  'quo"te',
  "it's",
  "a,b",
  "a;b",
  "é",
  "😀",
  "line\nbreak",
  "0",
  "-",
  " x ",
]

export const columnName: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/) },
  { weight: 1, arbitrary: fc.constantFrom(...nastyNames) },
)

/** A schema with unique names. */
export const schemas = (options: SchemaOptions = {}): fc.Arbitrary<BatchSchema> => {
  const { types = columnTypes, minColumns = 1, maxColumns = 8, names = columnName } = options
  const column: fc.Arbitrary<ColumnSchema> = fc.record(
    { name: names, type: fc.constantFrom(...types), nullable: fc.boolean() },
    { noNullPrototype: true },
  )
  return fc
    .uniqueArray(column, { minLength: minColumns, maxLength: maxColumns, selector: ({ name }) => name })
    .map((columns) => ({ columns }))
}

/** Text with what breaks formats: empty, quotes, separators, line ends, NUL, emoji, look-alikes of null and numbers. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom(
    "",
    " ",
    "\0",
    '"',
    '""',
    "'",
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "a\nb",
    'say "hi"',
    "null",
    "NULL",
    "\\N",
    "true",
    "007",
    "1e5",
    "NaN",
    "😀",
    "e\u0301",
    "\ufeff",
    "\u2028",
    "=1+1",
    "\\",
    "%",
    "_",
    "{}",
    "[]",
    "__proto__",
  ),
)

const INT64_MAX = 2n ** 63n - 1n

const int64 = (value: bigint): number | bigint => (value >= -(2n ** 53n - 1n) && value <= 2n ** 53n - 1n ? Number(value) : value)

const integers: fc.Arbitrary<number | bigint> = fc.oneof(
  fc.integer(),
  fc.constantFrom(0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, INT64_MAX, -INT64_MAX - 1n).map(int64),
  fc.bigInt({ min: -INT64_MAX - 1n, max: INT64_MAX }).map(int64),
)

const doubles: fc.Arbitrary<number> = fc.oneof(
  fc.double(),
  fc.constantFrom(0, 0.1, -1.5, 1e308, 5e-324, Number.MAX_SAFE_INTEGER, 1e21, NaN, Infinity, -Infinity),
)

const digits = fc.string({ unit: fc.constantFrom("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"), minLength: 1, maxLength: 38 })

/** Up to 38 digits, with trailing zeros that count. */
const decimals: fc.Arbitrary<Decimal> = fc.oneof(
  fc.tuple(fc.boolean(), digits, fc.nat({ max: 20 })).map(([isNegative, text, scale]) => {
    const padded = text.padStart(scale + 1, "0")
    const point = padded.length - scale
    return Decimal.parse(`${isNegative ? "-" : ""}${padded.slice(0, point)}${scale === 0 ? "" : `.${padded.slice(point)}`}`)!
  }),
  fc
    .constantFrom(
      "0",
      "0.00",
      "1.50",
      "-0.1",
      "99999999999999999999999999999999999999",
      "0.00000000000000000001",
      "NaN",
      "Infinity",
      "-Infinity",
    )
    .map((text) => Decimal.parse(text)!),
)

const MICROS_PER_DAY = 86_400_000_000

// Days and microseconds from year 1 to year 9999.
const FIRST_DAY = -719_162
const LAST_DAY = 2_932_896

const days = fc.oneof(fc.integer({ min: FIRST_DAY, max: LAST_DAY }), fc.constantFrom(FIRST_DAY, LAST_DAY, 0, -1, 11_016, 19_782))

const micros = fc.oneof(fc.integer({ min: 0, max: MICROS_PER_DAY - 1 }), fc.constantFrom(0, 1, 999_999, 1_000_000, MICROS_PER_DAY - 1))

const timestamps = (type: "timestamp" | "timestamptz"): fc.Arbitrary<string> =>
  fc.tuple(days, micros).map(([day, time]) => formatValue(int64(BigInt(day) * BigInt(MICROS_PER_DAY) + BigInt(time)), type))

const intervals: fc.Arbitrary<Interval> = fc
  .tuple(
    fc.integer({ min: -12_000, max: 12_000 }),
    fc.integer({ min: -10_000, max: 10_000 }),
    fc.integer({ min: -MICROS_PER_DAY * 3, max: MICROS_PER_DAY * 3 }),
  )
  .map(([months, wholeDays, rest]) => new Interval(months, wholeDays, rest))

const SCALARS: { readonly [T in (typeof scalarTypes)[number]]: fc.Arbitrary<unknown> } = {
  boolean: fc.boolean(),
  integer: integers,
  double: doubles.map((value) => value + 0),
  decimal: decimals,
  string: texts,
  bytes: fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)),
  date: days.map((day) => formatValue(day, "date")),
  time: micros.map((time) => formatValue(time, "time")),
  timestamp: timestamps("timestamp"),
  timestamptz: timestamps("timestamptz"),
  interval: intervals,
  uuid: fc.uuid(),
  // As it comes back from its text: without -0, and with plain objects.
  json: fc
    .jsonValue({ maxDepth: 2 })
    .filter((value) => value !== null)
    .map((value) => toRowValue(JSON.stringify(value), "json")),
}

/** Values of one type; never null. */
export const values = (type: ColumnType): fc.Arbitrary<unknown> =>
  isArrayType(type) ? fc.array(fc.option(SCALARS[elementType(type)], { freq: 4 }), { maxLength: 4 }) : SCALARS[type]

/** Rows of a schema, each with all of its columns; null only where the column may be. */
export const rowsOf = (
  schema: BatchSchema,
  options: { readonly minLength?: number; readonly maxLength?: number } = {},
): fc.Arbitrary<Array<Row>> => {
  const cells = schema.columns.map(({ type, nullable }) => (nullable ? fc.option(values(type), { freq: 4 }) : values(type)))
  const row = fc.tuple(...cells).map((given) => {
    const made: Row = {}
    schema.columns.forEach(({ name }, i) => setOwn(made, name, given[i]))
    return made
  })
  return fc.array(row, { minLength: options.minLength ?? 0, maxLength: options.maxLength ?? 20 })
}

/** A schema with rows of it. */
export const tables = (
  options: SchemaOptions & { readonly minRows?: number; readonly maxRows?: number } = {},
): fc.Arbitrary<{ readonly schema: BatchSchema; readonly rows: ReadonlyArray<Row> }> =>
  schemas(options).chain((schema) =>
    rowsOf(schema, { minLength: options.minRows ?? 0, maxLength: options.maxRows ?? 20 }).map((rows) => ({ schema, rows })),
  )

/** The same items in pieces, cut at any places; empty pieces too. Shrinks to fewer cuts. */
export const cutRows = <A>(items: ReadonlyArray<A>): fc.Arbitrary<ReadonlyArray<ReadonlyArray<A>>> =>
  cuts(items.length).map((places) => pieces(places, items.length, (from, to) => items.slice(from, to)))

/** The same bytes in pieces, cut at any places, also in the middle of a character. */
export const cutAnywhere = (bytes: Uint8Array): fc.Arbitrary<ReadonlyArray<Uint8Array>> =>
  cuts(bytes.length).map((places) => pieces(places, bytes.length, (from, to) => bytes.subarray(from, to)))

const cuts = (length: number): fc.Arbitrary<Array<number>> =>
  fc.array(fc.nat({ max: length }), { maxLength: 8 }).map((places) => places.toSorted((a, b) => a - b))

const pieces = <P>(places: ReadonlyArray<number>, length: number, take: (from: number, to: number) => P): ReadonlyArray<P> =>
  [...places, length].map((place, i) => take(i === 0 ? 0 : places[i - 1]!, place))
