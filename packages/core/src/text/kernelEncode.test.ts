/** What the kernel copies and what the writers write field by field: the same bytes, or the same error. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Batch, ValuesColumn } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import { makeCsvDecoder } from "./csvDecoder.ts"
import { copyText } from "./csvDialect.ts"
import { makeCsvEncoder } from "./encodeCsv.ts"
import { EncodeError } from "./EncodeError.ts"
import { makeJsonEncoder, type TextEncode } from "./encodeJson.ts"
import { makeNdjsonDecoder } from "./jsonDecoder.ts"
import { escapeText } from "./EscapedColumn.ts"
import { javascriptKernel } from "./kernel.ts"
import { makeWasmKernel } from "./kernelWasm.ts"
import type { TextKernel } from "./kernelTypes.ts"

const wasm = makeWasmKernel()

const types = [
  "string",
  "integer",
  "decimal",
  "double",
  "boolean",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "uuid",
  "json",
  "bytes",
  "interval",
] as const satisfies ReadonlyArray<ColumnType>

const pad = (value: number): string => String(value).padStart(2, "0")
const part = (max: number) => fc.integer({ min: 0, max }).map(pad)
const date = fc
  .tuple(fc.constantFrom("2024", "2023", "2000", "1900", "0001", "0000", "9999"), part(13), part(32))
  .map(([year, month, day]) => `${year}-${month}-${day}`)
const time = fc
  .tuple(part(24), part(60), part(60), fc.constantFrom("", ".5", ".123456", ".1234567", "."))
  .map(([hour, minute, second, fraction]) => `${hour}:${minute}:${second}${fraction}`)
const timestamp = fc.tuple(date, fc.constantFrom("T", " ", "t"), time).map((parts) => parts.join(""))
const zone = fc.constantFrom("Z", "+00", "+00", "+02", "+02:00", "-14:59", "+15:00", "+0200", "")
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("a", "é", "😀", '"', "\\", "\n", "\r", "\t", ",", "\u0001", "'", "/"), maxLength: 40 }),
  fc.constantFrom("", "NULL", "null", " ", "plain text of some length that is longer than a word"),
)

const numbers = [
  "0 -0 00 01 -01 1. -1. .5 - 1.50 -0.00 -0.10 00.5 1e5 1E5 +1 123456789012345. 12345678901234.5 0.12345678901234567890".split(" "),
  "NaN Infinity 1.2.3 1..2 1x x1 1/2 1:2 1234567890123456x -1234567890123.45".split(" "),
  [16, 17, 18, 19].flatMap((length) => ["9".repeat(length), `-${"9".repeat(length)}`]),
  ["", " 1", "1 ", "1".repeat(300), "1".repeat(301), `0.${"1".repeat(299)}`],
].flat()

const number = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.constantFrom(...numbers),
  fc.tuple(fc.integer(), fc.nat()).map(([whole, rest]) => `${whole}.${rest}`),
)

const days = ["2024", "1900", "0000"].flatMap((year) =>
  Array.from({ length: 14 }, (_, month) => ["00", "01", "28", "29", "30", "31", "32"].map((day) => `${year}-${pad(month)}-${day}`)).flat(),
)
const times = ["00:00:00", "23:59:59", "24:00:00", "23:60:00", "23:59:60", "23:59:59.", "23:59:59.1", "1:00:00", "01:00", "01-00-00"]
const fractions = ["01:02:03.123456", "01:02:03.1234567", "01:02:03.12345x", "01:02:03,5", "0x:02:03", "01:02:03 "]

/** Words of each type at the border of what is plain. */
const borders: Partial<Record<ColumnType, ReadonlyArray<string>>> = {
  integer: numbers,
  decimal: numbers,
  double: numbers,
  boolean: ["true", "false", "TRUE", "tru", "truex", "falsy", "fals", "falsex", "t", "1", ""],
  date: [...days, "2024/01/01", "2024-1-01", "2024-01-01 ", "x024-01-01", "20x4-01-01", ""],
  time: [...times, ...fractions],
  timestamp: [...days.slice(0, 20), ...times].map((word) => (word.includes(":") ? `2024-01-31T${word}` : `${word} 12:00:00`)),
  timestamptz: [
    "Z",
    "z",
    "+00:00",
    "-14:59",
    "+14:60",
    "+15:00",
    "+0200",
    "+02",
    "+00",
    "0+00",
    "+0",
    "-00",
    "+00x",
    "",
    "Z ",
    "+02:00x",
  ].map((zone) => `2024-01-31T12:00:00.5${zone}`),
  uuid: [
    "6f1c8c2e-4d7b-4c0a-9a51-0123456789AB",
    "6f1c8c2e-4d7b-4c0a-9a51-0123456789ag",
    "6f1c8c2e-4d7b-4c0a-9a510-123456789ab",
    "6f1c8c2e4d7b4c0a9a510123456789ab",
    "`f1c8c2e-4d7b-4c0a-9a51-0123456789ab",
  ],
}

const word: Record<(typeof types)[number], fc.Arbitrary<string>> = {
  string: text,
  integer: number,
  decimal: number,
  double: number,
  boolean: fc.constantFrom("true", "false", "t", "TRUE", "fals", "truex", "1"),
  date,
  time,
  timestamp,
  timestamptz: fc.tuple(timestamp, zone).map((parts) => parts.join("")),
  uuid: fc.oneof(
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
    fc.constant("6f1c0000"),
  ),
  json: fc.json({ maxDepth: 2 }),
  bytes: fc.constantFrom("\\x00ff", "\\x", "zz"),
  interval: fc.constantFrom("1 day", "02:00:00", "x"),
}

/** Columns of these types with these words; most rows are in the plain form, so that more than the first row is looked at. */
interface Table {
  readonly columns: ReadonlyArray<ColumnType>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly kept: ReadonlyArray<boolean>
  readonly computed: boolean
}

const plain: Partial<Record<ColumnType, string>> = {
  integer: "12",
  decimal: "-12.50",
  double: "0.5",
  boolean: "false",
  date: "2024-02-29",
  time: "23:59:59.999999",
  timestamp: "2024-12-31 00:00:00",
  timestamptz: "2024-01-31T12:00:00+02:00",
  uuid: "6f1c8c2e-4d7b-4c0a-9a51-0123456789ab",
}

const table: fc.Arbitrary<Table> = fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 5 }).chain((columns) => {
  const cell = (type: (typeof types)[number]) =>
    fc.oneof(
      { weight: 20, arbitrary: plain[type] === undefined ? word[type] : fc.constant(plain[type]) },
      { weight: 1, arbitrary: word[type] },
    )
  return fc.record({
    columns: fc.constant(columns),
    rows: fc.array(fc.tuple(...columns.map(cell)), { minLength: 1, maxLength: 12 }),
    kept: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    computed: fc.boolean(),
  })
})

const all = { kept: [true], computed: false }

const schemaOf = (types: ReadonlyArray<ColumnType>) => types.map((type, i) => ({ name: `c${i}`, type, nullable: true }))

const csvField = (value: string, always: boolean): string => (always || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)

const csvBatch = ({ columns, rows }: Table, end: string, quoteAll: boolean, nulls: ReadonlyArray<string>): Batch => {
  const lines = rows.map((row) => row.map((value, i) => csvField(value, quoteAll && columns[i] === "string")).join(",") + end)
  const decode = makeCsvDecoder({ delimiter: 44, quote: 34, nulls, columns: schemaOf(columns), batchSize: 5000, lenient: false })
  return decode(Buffer.from(lines.join(""))).batches[0]!
}

/** As COPY of PostgreSQL writes the rows. */
const copyBatch = ({ columns, rows }: Table): Batch => {
  const lines = rows.map((row) => `${row.map((value) => (value === "NULL" ? "\\N" : escapeText(value))).join("\t")}\n`)
  return makeCsvDecoder({ ...copyText, columns: schemaOf(columns), batchSize: 5000, lenient: false })(Buffer.from(lines.join("")))
    .batches[0]!
}

const isNumber = (value: string): boolean => /^-?(0|[1-9]\d*)(\.\d+)?(e\d+)?$/.test(value)

const jsonToken = (value: string, type: ColumnType): string => {
  if (type === "json") return value
  if (type === "boolean" && /^(true|false)$/.test(value)) return value
  return (type === "integer" || type === "decimal" || type === "double") && isNumber(value) ? value : JSON.stringify(value)
}

const ndjsonBatch = ({ columns, rows }: Table, skips: boolean): Batch => {
  const lines = rows.map((row, i) => {
    const keys = row.map((value, column) => `"c${column}": ${value === "NULL" ? "null" : jsonToken(value, columns[column]!)}`)
    return `{${(skips && i % 3 === 1 ? keys.slice(1) : keys).join(" , ")}}\n`
  })
  const decode = makeNdjsonDecoder({ columns: schemaOf(columns), batchSize: 5000 })
  return decode(Buffer.from(lines.join(""))).batches[0]!
}

/** The batch with some rows filtered out, and one column that a step made. */
const changed = (batch: Batch, { kept, computed }: Table): Batch => {
  const selection = Int32Array.from(kept.flatMap((isKept, row) => (isKept && row < batch.rowCount ? [row] : [])))
  const selected = kept.every(Boolean) ? batch : batch.withSelection(selection)
  if (!computed) return selected
  const values = Array.from({ length: batch.rowCount }, (_, row) => (row % 4 === 3 ? null : `row ${row}, "made"`))
  return selected.withColumns({ columns: [...batch.schema.columns, { name: "made", type: "string", nullable: true }] }, [
    ...batch.columns,
    new ValuesColumn("string", values),
  ])
}

const outcome = (encode: TextEncode, batch: Batch): string => {
  try {
    return Buffer.from(encode(batch)).toString("latin1")
  } catch (cause) {
    if (cause instanceof EncodeError) return `${cause.code} ${cause.row} ${cause.column} ${cause.message}`
    throw cause
  }
}

const encoders = (batch: Batch): ReadonlyArray<(kernel: TextKernel) => TextEncode> => {
  const columns = batch.schema.columns.map(({ name }) => name)
  return [
    (kernel) => makeJsonEncoder({ layout: "lines" }, kernel),
    (kernel) => makeJsonEncoder({ layout: "pretty" }, kernel),
    (kernel) => makeCsvEncoder({ delimiter: 44, quote: 34, nulls: [""], columns }, kernel),
    (kernel) => makeCsvEncoder({ delimiter: 59, quote: 39, nulls: [""], columns }, kernel),
    (kernel) => makeCsvEncoder({ delimiter: 44, quote: 34, nulls: ["", "NULL"], columns: [...columns, "none"].reverse() }, kernel),
    (kernel) => makeCsvEncoder({ delimiter: 58, quote: 34, nulls: [""], columns }, kernel),
    (kernel) => makeCsvEncoder({ ...copyText, columns: [...columns, "none"].reverse() }, kernel),
    (kernel) => makeCsvEncoder({ delimiter: 44, quote: 0xff, nulls: [""], columns: [...columns, "none"].reverse() }, kernel),
  ]
}

const expectSame = (batch: Batch): void => {
  for (const make of encoders(batch)) {
    const quick = make(wasm)
    const careful = make(javascriptKernel)
    expect(outcome(quick, batch)).toBe(outcome(careful, batch))
    // Again, as the encoder now knows which columns to prepare.
    expect(outcome(quick, batch)).toBe(outcome(careful, batch))
  }
}

describe("the kernel's encoder and the writers", () => {
  it("agree on rows of CSV", () => {
    const nulls = fc.constantFrom<ReadonlyArray<string>>([""], [], ["", "NULL"], ["null"])
    fc.assert(
      fc.property(table, fc.constantFrom("\n", "\r\n"), fc.boolean(), nulls, (rows, end, quoteAll, nulls) => {
        expectSame(changed(csvBatch(rows, end, quoteAll, nulls), rows))
      }),
      { numRuns: 600 },
    )
  })

  it("agree on rows of COPY", () => {
    fc.assert(
      fc.property(table, (rows) => {
        expectSame(changed(copyBatch(rows), rows))
      }),
      { numRuns: 600 },
    )
  })

  it("agree on rows of JSON", () => {
    fc.assert(
      fc.property(table, fc.boolean(), (rows, skips) => {
        expectSame(changed(ndjsonBatch(rows, skips), rows))
      }),
      { numRuns: 600 },
    )
  })

  it("agree on every word at the border of a plain form", () => {
    for (const [type, words] of Object.entries(borders) as Array<[ColumnType, ReadonlyArray<string>]>) {
      for (const word of words) {
        const rows: Table = {
          columns: ["string", type],
          rows: [
            ["a", plain[type]!],
            ["b", word],
            ["c", plain[type]!],
          ],
          ...all,
        }
        expectSame(csvBatch(rows, "\n", false, [""]))
        expectSame(copyBatch(rows))
        expectSame(ndjsonBatch(rows, false))
      }
    }
  })

  it("agree on a batch that fills the output many times, and on fields larger than it", () => {
    const long = 'a long "text", with\nmuch in it; '.repeat(20_000)
    const rows = Array.from({ length: 3000 }, (_, i) => [String(i), i % 900 === 7 ? long : `note "${i}"`, "2024-02-29"])
    const rest: Table = { columns: ["integer", "string", "date"], rows, kept: [true], computed: false }
    expectSame(csvBatch(rest, "\n", false, [""]))
    expectSame(ndjsonBatch(rest, false))
  })

  it("is used: a batch of text goes through it", () => {
    const rows: Table = { columns: ["integer", "string"], rows: [["1", "a"]], kept: [true], computed: false }
    let calls = 0
    const counting: TextKernel = { ...wasm, encode: (...all) => (calls++, wasm.encode!(...all)) }
    makeJsonEncoder({ layout: "lines" }, counting)(csvBatch(rows, "\n", false, [""]))
    makeCsvEncoder({ delimiter: 44, quote: 34, nulls: [""], columns: ["c0", "c1"] }, counting)(ndjsonBatch(rows, false))
    expect(calls).toBe(2)
  })
})
