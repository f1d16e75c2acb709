/** Random tables, expressions and pipelines of transparent steps. */
import * as fc from "fast-check"
import type { BatchSchema, ColumnSchema, ColumnType } from "../../src/model/ColumnType.ts"
import { Decimal, whole } from "../../src/model/Decimal.ts"
import type { Value } from "../../src/model/Value.ts"
import type { TransparentStep } from "../../src/transform/Step.ts"
import type { Table } from "./batches.ts"

export const types = [
  "boolean",
  "integer",
  "double",
  "decimal",
  "string",
  "date",
  "timestamp",
  "timestamptz",
] as const satisfies ReadonlyArray<ColumnType>

type Type = (typeof types)[number]

/** Without characters that PostgreSQL's text cannot hold, and without halves of pairs, which no bytes can. */
const printable = (text: string): string => text.replaceAll("\u0000", "").toWellFormed()

const smallNumbers = fc.integer({ min: -5, max: 20 })

const VALUES: Readonly<Record<Type, fc.Arbitrary<Value>>> = {
  boolean: fc.boolean(),
  integer: fc.oneof({ weight: 4, arbitrary: smallNumbers }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(whole)),
  double: fc.oneof(
    { weight: 3, arbitrary: smallNumbers.map((value) => value / 4) },
    fc.double(),
    fc.constantFrom(-0, NaN, Infinity, -Infinity),
  ),
  decimal: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(fc.integer({ min: -9999, max: 9999 }), fc.nat({ max: 4 })).map(([value, scale]) => new Decimal(value, scale)),
    },
    fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map((value) => new Decimal(whole(value), 9)),
  ),
  string: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom("paid", "open", "Paid", "", "a,b", 'say "x"', "line\nbreak", "\\", "Zoë", "paid ", "12", "NULL", "👋"),
    },
    fc.string({ maxLength: 12 }).map(printable),
  ),
  date: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 19_000, max: 20_500 }) }, fc.integer({ min: -700_000, max: 2_900_000 })),
  timestamp: fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }).map(whole),
  timestamptz: fc.oneof(
    fc.integer({ min: 1_700_000_000, max: 1_700_000_009 }).map((seconds) => seconds * 1_000_000),
    fc.integer({ min: 0, max: 2 ** 50 }),
  ),
}

const NAMES = ["a", "b", "c", "d", "e", "f", "A b", "select", "__proto__", "constructor"] as const

export const schemas: fc.Arbitrary<BatchSchema> = fc
  .uniqueArray(
    fc.record({ name: fc.constantFrom(...NAMES), type: fc.constantFrom(...types), nullable: fc.constant(true) }, { noNullPrototype: true }),
    { selector: (column) => column.name, minLength: 1, maxLength: 7 },
  )
  .map((columns) => ({ columns }))

export const tables = ({ columns }: BatchSchema, maxRows = 12): fc.Arbitrary<Table> =>
  fc.array(fc.tuple(...columns.map(({ type }) => fc.option(VALUES[type as Type], { freq: 5 }))), { maxLength: maxRows })

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

const textLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`

const LITERALS: Readonly<Record<Type, fc.Arbitrary<string>>> = {
  boolean: fc.constantFrom("true", "false"),
  integer: smallNumbers.map((value) => (value < 0 ? `(${value})` : String(value))),
  double: smallNumbers.map((value) => `(${value / 4})::double precision`),
  decimal: smallNumbers.map((value) => `(${value}.50)`),
  string: fc.constantFrom("paid", "open", "", "Zoë", "a,b", "12", "it's").map(textLiteral),
  date: fc.constantFrom("date '2023-05-01'", "date '1999-12-31'"),
  timestamp: fc.constantFrom("timestamp '2023-05-01 12:00:00'", "timestamp '0001-01-01 00:00:00.000001'"),
  timestamptz: fc.constantFrom("timestamptz '2023-11-14 22:13:25Z'", "timestamptz '1970-01-01 00:00:00Z'"),
}

const NUMBERS: ReadonlyArray<Type> = ["integer", "double", "decimal"]

const either = (...choices: ReadonlyArray<fc.Arbitrary<string>>): fc.Arbitrary<string> => fc.oneof(...choices)

/** An expression of the type over the columns. */
export const expressions = (columns: ReadonlyArray<ColumnSchema>, type: Type, depth: number): fc.Arbitrary<string> => {
  const made = new Map<string, fc.Arbitrary<string>>()
  // Every kind of part is made once per depth, or they would multiply from level to level.
  const at =
    (level: number) =>
    (part: Type): fc.Arbitrary<string> => {
      const key = `${part} ${level}`
      const known = made.get(key) ?? makeExpression(columns, part, level === 0 ? undefined : at(level - 1))
      made.set(key, known)
      return known
    }
  return at(depth)(type)
}

const makeExpression = (columns: ReadonlyArray<ColumnSchema>, type: Type, of: Of | undefined): fc.Arbitrary<string> => {
  const own = columns.filter((column) => column.type === type).map((column) => fc.constant(quoted(column.name)))
  const leaf = own.length === 0 ? LITERALS[type] : fc.oneof({ weight: 3, arbitrary: fc.oneof(...own) }, LITERALS[type])
  return of === undefined ? leaf : fc.oneof({ weight: 2, arbitrary: leaf }, general(of, type), OPERATIONS[type]?.(of) ?? leaf)
}

type Of = (type: Type) => fc.Arbitrary<string>

const general = (of: Of, type: Type): fc.Arbitrary<string> =>
  either(
    fc.tuple(of("boolean"), of(type), of(type)).map(([when, then, otherwise]) => `CASE WHEN ${when} THEN ${then} ELSE ${otherwise} END`),
    fc.tuple(of(type), of(type)).map(([a, b]) => `COALESCE(${a}, ${b})`),
    fc.tuple(of(type), of(type)).map(([a, b]) => `NULLIF(${a}, ${b})`),
  )

const comparable: ReadonlyArray<Type> = types

const OPERATIONS: Partial<Record<Type, (of: Of) => fc.Arbitrary<string>>> = {
  boolean: (of) =>
    either(
      fc
        .constantFrom(...comparable)
        .chain((type) =>
          fc
            .tuple(of(type), fc.constantFrom("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"), of(type))
            .map(([a, sign, b]) => `(${a} ${sign} ${b})`),
        ),
      fc
        .constantFrom(...comparable)
        .chain((type) => fc.tuple(of(type), fc.constantFrom("IS NULL", "IS NOT NULL")).map(([a, test]) => `(${a} ${test})`)),
      fc.tuple(of("boolean"), fc.constantFrom("AND", "OR"), of("boolean")).map(([a, sign, b]) => `(${a} ${sign} ${b})`),
      of("boolean").map((a) => `(NOT ${a})`),
      fc.tuple(of("string"), LITERALS.string, LITERALS.string).map(([a, b, c]) => `(${a} IN (${b}, ${c}))`),
      fc
        .constantFrom(...NUMBERS)
        .chain((type) => fc.tuple(of(type), of(type), of(type)).map(([a, b, c]) => `(${a} BETWEEN ${b} AND ${c})`)),
    ),
  integer: (of) => arithmetic(of, "integer", ["+", "-", "*", "/", "%"]),
  double: (of) => arithmetic(of, "double", ["+", "-", "*", "/"]),
  decimal: (of) =>
    either(
      arithmetic(of, "decimal", ["+", "-", "*", "/"]),
      fc.tuple(of("integer"), of("decimal")).map(([a, b]) => `(${a} + ${b})`),
    ),
  string: (of) =>
    either(
      fc.tuple(of("string"), of("string")).map(([a, b]) => `(${a} || ${b})`),
      fc.tuple(of("string"), of("integer")).map(([a, b]) => `(${a} || ${b})`),
    ),
}

const arithmetic = (of: Of, type: Type, signs: ReadonlyArray<string>): fc.Arbitrary<string> =>
  fc.tuple(of(type), fc.constantFrom(...signs), of(type)).map(([a, sign, b]) => `(${a} ${sign} ${b})`)

const isKnown = (type: ColumnType): type is Type => (types as ReadonlyArray<ColumnType>).includes(type)

/** A filter over the columns: comparisons of a column with a constant, joined by AND, as sources take them; or anything at all. */
const filters = (columns: ReadonlyArray<ColumnSchema>): fc.Arbitrary<TransparentStep> => {
  const plain = fc.constantFrom(...columns.filter((column) => isKnown(column.type))).chain(({ name, type }) =>
    fc.oneof(
      fc
        .tuple(fc.constantFrom("=", "<>", "<", "<=", ">", ">="), LITERALS[type as Type])
        .map(([sign, literal]) => `${quoted(name)} ${sign} ${literal}`),
      fc.constantFrom("IS NULL", "IS NOT NULL").map((test) => `${quoted(name)} ${test}`),
    ),
  )
  const conjunction = fc
    .array(fc.oneof({ weight: 3, arbitrary: plain }, expressions(columns, "boolean", 1)), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(" AND "))
  return fc.oneof(conjunction, expressions(columns, "boolean", 2)).map((condition) => ({ type: "filter", condition }))
}

const maps = (columns: ReadonlyArray<ColumnSchema>): fc.Arbitrary<TransparentStep> => {
  const field = fc.constantFrom(...types).chain((type) => fc.tuple(fc.constantFrom(...NAMES), expressions(columns, type, 2)))
  return fc
    .uniqueArray(field, { selector: ([name]) => name, minLength: 1, maxLength: 3 })
    .map((fields) => ({ type: "map", fields: Object.fromEntries(fields) }))
}

const renames = (columns: ReadonlyArray<ColumnSchema>): fc.Arbitrary<TransparentStep> =>
  fc
    .uniqueArray(fc.tuple(fc.constantFrom(...columns.map((column) => column.name)), fc.constantFrom(...NAMES)), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 2,
    })
    .map((names) => ({ type: "rename", columns: Object.fromEntries(names) }))

const selects = (columns: ReadonlyArray<ColumnSchema>): fc.Arbitrary<TransparentStep> =>
  fc
    .shuffledSubarray(
      columns.map((column) => column.name),
      { minLength: 1 },
    )
    .map((names) => ({ type: "select", columns: names }))

/** One step over the columns. */
export const steps = (columns: ReadonlyArray<ColumnSchema>): fc.Arbitrary<TransparentStep> =>
  fc.oneof({ weight: 3, arbitrary: filters(columns) }, { weight: 3, arbitrary: maps(columns) }, renames(columns), selects(columns))
