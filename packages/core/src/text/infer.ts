/**
 * The types that texts and JSON tokens have by themselves: the smallest type that holds all values of a sample, without loss.
 *
 * | text | type |
 * |---|---|
 * | `true`, `false`, in any case | boolean |
 * | `12`, `-5`, up to 64 bits | integer |
 * | `1.50`, `.5`, whole numbers beyond 64 bits | decimal, with all digits |
 * | `1e5`, `NaN`, `Infinity`, `-Infinity`, and other numbers beside them | double, where it is the very same number; else decimal |
 * | `2024-01-31` | date |
 * | `2024-01-31T04:05`, with a space for the T, up to microseconds | timestamp; with `Z` or an offset timestamptz |
 * | `0f8fad5b-d9cb-469f-a165-70867728950e` | uuid |
 *
 * All else is text, and so is the whole column with it: zeros in front (`01234`), a plus sign (`+1`), spaces (` 1`), signs between digits
 * (`1,000`), `yes`, `t`, the quoted empty text. What is not computed on is copied as it stands, so a column goes from CSV to CSV byte by
 * byte whatever its type.
 */
import type { ColumnType } from "../model/ColumnType.ts"
import { parseDate, parseTimestamp } from "../model/Temporal.ts"

const BOOLEAN = 1
const INTEGER = 2
const DECIMAL = 4
const DOUBLE = 8
const DATE = 16
const TIMESTAMP = 32
const TIMESTAMPTZ = 64
const UUID = 128

/** What the values of one column seen so far may be. */
export class TypeGuess {
  private candidates = -1
  /** An exponent, NaN or an infinity was there, which speaks for a double. */
  private hasExponent = false

  addText(text: string): void {
    // Once it is a plain string it stays one.
    if (this.candidates !== 0) this.candidates &= this.textTypes(text)
  }

  /** A number as JSON writes it. */
  addNumber(text: string): void {
    this.candidates &= this.numberTypes(text)
  }

  addBoolean(): void {
    this.candidates &= BOOLEAN
  }

  /** Undefined where there was no value, or where no type but text holds them all. */
  get type(): ColumnType | undefined {
    const { candidates } = this
    if (candidates === -1) return undefined
    if ((candidates & DOUBLE) !== 0 && this.hasExponent) return "double"
    return ORDER.find(([bit]) => (candidates & bit) !== 0)?.[1]
  }

  private textTypes(text: string): number {
    if (SPECIAL_NUMBERS.test(text)) {
      this.hasExponent = true
      return DECIMAL | DOUBLE
    }
    const first = text.charCodeAt(0)
    const isNumeric = first === 0x2d || first === 0x2e || (first >= 0x30 && first <= 0x39)
    if (isNumeric) return this.numberTypes(text) | temporalTypes(text) | uuidType(text)
    return BOOLEANS.test(text) ? BOOLEAN : uuidType(text)
  }

  private numberTypes(text: string): number {
    const match = NUMBER.exec(text)
    if (match === null) return 0
    const [, whole = "", fraction = "", exponent] = match
    if (whole + fraction === "") return 0
    const asDouble = isExactDouble(text) ? DOUBLE : 0
    if (exponent !== undefined) {
      this.hasExponent = true
      // A larger exponent would only make a long row of zeros.
      return asDouble | (Math.abs(Number(exponent)) <= 40 ? DECIMAL : 0)
    }
    return (text.includes(".") ? 0 : integerType(text)) | DECIMAL | asDouble
  }
}

const ORDER: ReadonlyArray<readonly [number, ColumnType]> = [
  [BOOLEAN, "boolean"],
  [INTEGER, "integer"],
  [DECIMAL, "decimal"],
  [DOUBLE, "double"],
  [DATE, "date"],
  [TIMESTAMP, "timestamp"],
  [TIMESTAMPTZ, "timestamptz"],
  [UUID, "uuid"],
]

// Zeros in front mark a code (a postcode, a telephone number), which a number would change.
const NUMBER = /^-?(0|[1-9]\d*)?(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
const BOOLEANS = /^(?:true|false)$/i
const SPECIAL_NUMBERS = /^(?:NaN|-?Infinity)$/
const DATE_FORM = /^\d{4}-\d\d-\d\d$/
/** At most microseconds: more digits would be lost. */
const TIMESTAMP_FORM = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(Z|[+-]\d\d(?::?\d\d)?)?$/
const UUID_FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const INT64_MAX = 2n ** 63n - 1n

const integerType = (text: string): number => {
  if (text.length < 19) return INTEGER
  const value = BigInt(text)
  return value <= INT64_MAX && value >= -INT64_MAX - 1n ? INTEGER : 0
}

/** Whether the double that reads from the text is written as the same number. */
const isExactDouble = (text: string): boolean => {
  // Fifteen digits are kept for certain, and most numbers are short.
  if (text.length <= 15 && !/[eE]/.test(text)) return true
  const value = Number(text)
  return Number.isFinite(value) && plainNumber(text) === plainNumber(String(value))
}

/** One spelling for each number: digits without zeros at their ends, and the power of ten that they are multiplied by. */
const plainNumber = (text: string): string => {
  const [, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? []
  const digits = (whole + fraction).replace(/^0+/, "")
  const short = digits.replace(/0+$/, "")
  return short === "" ? "0" : `${short}e${Number(exponent) - fraction.length + digits.length - short.length}`
}

const temporalTypes = (text: string): number => {
  if (DATE_FORM.test(text)) return parseDate(text) === undefined ? 0 : DATE | TIMESTAMP
  const match = TIMESTAMP_FORM.exec(text)
  if (match === null || parseTimestamp(text, match[1] !== undefined) === undefined) return 0
  return match[1] === undefined ? TIMESTAMP : TIMESTAMPTZ
}

const uuidType = (text: string): number => (UUID_FORM.test(text) ? UUID : 0)
