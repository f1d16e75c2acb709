/**
 * Writes rows of CSV or JSON text as rows of CSV or JSON, where fields can be copied: as they stand, or with the escapes of the other
 * format.
 *
 * The caller lays down text, places of fields and one operation per output column. A field that cannot be judged here (a number that is not
 * in its plain form, an escape by code) stops the work with its column; the caller then gives that column as prepared text. What is written
 * stays below `limit`: a row that does not fit is taken back, and the caller empties the output and goes on with that row. Words of sixteen
 * bytes are read and written whole, so there is padding behind every text, and behind the limit.
 */

// Operations, as in src/text/kernelEncode.ts.
const PREPARED: u32 = 0
const STRING: u32 = 1
const INTEGER: u32 = 2
const DECIMAL: u32 = 3
const BOOLEAN: u32 = 4
const DATE: u32 = 5
const TIME: u32 = 6
const TIMESTAMP: u32 = 7
const TIMESTAMPTZ: u32 = 8
const UUID: u32 = 9
const JSON: u32 = 10

const DONE: u32 = 0
const FULL: u32 = 1
const NOT_PLAIN: u32 = 2

// Kinds of JSON tokens, as in src/text/textLayout.ts.
const KIND_NULL: u32 = 1
const KIND_TRUE: u32 = 3
const KIND_INTEGER: u32 = 4
const KIND_NUMBER: u32 = 5
const KIND_STRING: u32 = 6
const KIND_ESCAPED: u32 = 7
const KIND_OBJECT: u32 = 8

const QUOTE: u32 = 0x22
const BACKSLASH: u32 = 0x5c
const MINUS: u32 = 0x2d
const DOT: u32 = 0x2e
const ZERO: u32 = 0x30

/** Room that every field needs beside its text: quotes, and the word that is written past its end. */
const SLACK: usize = 48

let fromJson: bool = false
let toCsv: bool = false
let fields: u32 = 0
let places: usize = 0
let kinds: usize = 0
let delta: usize = 0
let lastGap: u32 = 1
let quotes: bool = false
let sourceQuote: u32 = 0
let emptyIsNull: bool = false
let nullCount: u32 = 0
let nullTexts: usize = 0
let delimiter: u32 = 0
let targetQuote: u32 = 0
let quoteEmpty: bool = false
let nullAt: usize = 0
let nullLength: usize = 0
let endAt: usize = 0
let endLength: usize = 0
let requotes: bool = false
let columnCount: u32 = 0
let operations: usize = 0
let selection: usize = 0

let output: usize = 0
let limit: usize = 0
let row: u32 = 0
let problemColumn: u32 = 0
/** Why a field was not written. */
let failure: u32 = DONE

/** Takes what `settings` says, one word each, in this order. */
export function encodeStart(settings: usize): void {
  fromJson = load<u32>(settings) != 0
  toCsv = load<u32>(settings, 4) != 0
  fields = load<u32>(settings, 8)
  places = load<u32>(settings, 12)
  kinds = load<u32>(settings, 16)
  delta = load<u32>(settings, 20)
  lastGap = load<u32>(settings, 24)
  quotes = load<u32>(settings, 28) != 0
  sourceQuote = load<u32>(settings, 32)
  emptyIsNull = load<u32>(settings, 36) != 0
  nullCount = load<u32>(settings, 40)
  nullTexts = load<u32>(settings, 44)
  delimiter = load<u32>(settings, 48)
  targetQuote = load<u32>(settings, 52)
  quoteEmpty = load<u32>(settings, 56) != 0
  nullAt = load<u32>(settings, 60)
  nullLength = load<u32>(settings, 64)
  endAt = load<u32>(settings, 68)
  endLength = load<u32>(settings, 72)
  columnCount = load<u32>(settings, 76)
  operations = load<u32>(settings, 80)
  selection = load<u32>(settings, 84)
  requotes = load<u32>(settings, 88) != 0
}

/** The row that was not written, counted as the selection counts. */
export function encodeRow(): u32 {
  return row
}

/** Where what was written ends. */
export function encodeEnd(): usize {
  return output
}

export function encodeColumn(): u32 {
  return problemColumn
}

/** Writes the rows from the `first`-th to before the `last`-th. */
export function encodeRows(first: u32, last: u32, at: usize, end: usize): u32 {
  limit = end
  for (row = first; row < last; row++) {
    output = at
    const physical = selection == 0 ? row : load<u32>(selection + (<usize>row << 2))
    for (let column: u32 = 0; column < columnCount; column++) {
      at = putField(at, operations + <usize>(column * 24), physical)
      if (at == 0) {
        problemColumn = column
        return failure
      }
    }
    if (at + endLength + SLACK > limit) return FULL
    copy(at, endAt, endLength)
    at += endLength
  }
  output = at
  return DONE
}

/** Copies whole words, up to fifteen bytes too many. */
@inline
function copy(to: usize, from: usize, length: usize): void {
  if (length > 256) {
    memory.copy(to, from, length)
    return
  }
  for (let done: usize = 0; done < length; done += 16) v128.store(to + done, v128.load(from + done))
}

@inline
function fail(why: u32): usize {
  failure = why
  return 0
}

function putField(at: usize, operation: usize, physical: u32): usize {
  const kind = load<u32>(operation)
  if (kind == PREPARED) return putPrepared(at, operation)

  const keyLength = <usize>load<u32>(operation, 8)
  const field = load<u32>(operation, 12)
  const cell = <usize>(physical * fields + field)
  if (at + keyLength + SLACK > limit) return fail(FULL)
  copy(at, load<u32>(operation, 4), keyLength)
  at += keyLength
  if (fromJson) {
    const token = load<u8>(kinds + cell)
    if (token <= KIND_NULL) return putNull(at)
    const start = <usize>load<u32>(places + (cell << 3)) + delta
    const end = <usize>load<u32>(places + (cell << 3), 4) + delta
    if (at + (end - start) + SLACK > limit) return fail(FULL)
    return toCsv ? jsonToCsv(at, kind, token, start, end) : jsonToJson(at, kind, token, start, end)
  }
  const start = <usize>load<u32>(places + (cell << 2)) + delta
  const end = <usize>load<u32>(places + (cell << 2), 4) + delta - (field == fields - 1 ? lastGap : 1)
  if (isNull(start, end)) return putNull(at)
  if (at + (end - start) + SLACK > limit) return fail(FULL)
  return toCsv ? csvToCsv(at, kind, start, end) : csvToJson(at, kind, start, end)
}

/** The text of the `row`-th of the selected rows, with what stands before it. */
function putPrepared(at: usize, operation: usize): usize {
  const ends = <usize>load<u32>(operation, 16) + (<usize>row << 2)
  const texts = <usize>load<u32>(operation, 20)
  const start = row == 0 ? 0 : load<u32>(ends - 4)
  const length = <usize>(load<u32>(ends) - start)
  if (at + length + SLACK > limit) return fail(FULL)
  copy(at, texts + <usize>start, length)
  return at + length
}

@inline
function putNull(at: usize): usize {
  copy(at, nullAt, nullLength)
  return at + nullLength
}

@inline
function isNull(start: usize, end: usize): bool {
  if (start == end) return emptyIsNull
  return nullCount != 0 && isNullText(start, end - start)
}

function isNullText(start: usize, length: usize): bool {
  for (let i: u32 = 0; i < nullCount; i++) {
    const text = nullTexts + <usize>(i << 3)
    if (load<u32>(text, 4) == <u32>length && memory.compare(load<u32>(text), start, length) == 0) return true
  }
  return false
}

function csvToJson(at: usize, kind: u32, start: usize, end: usize): usize {
  if (kind == STRING) {
    store<u8>(at++, QUOTE)
    if (quotes && end > start && load<u8>(start) == sourceQuote) return putEscaped(at, start + 1, end - 1, sourceQuote)
    const to = putJsonText(at, start, end)
    return to != 0 ? to : putEscaped(at, start, end, 0x100)
  }
  if (!isPlain(kind, start, end)) {
    if (kind != TIMESTAMPTZ) return fail(NOT_PLAIN)
    store<u8>(at++, QUOTE)
    at = putUtc(at, start, end)
    if (at == 0) return 0
    store<u8>(at, QUOTE)
    return at + 1
  }
  if (kind >= DATE) {
    store<u8>(at++, QUOTE)
    copy(at, start, end - start)
    at += end - start
    store<u8>(at, QUOTE)
    return at + 1
  }
  copy(at, start, end - start)
  return at + (end - start)
}

/** Fields of another dialect are not quoted where they come from. */
function csvToCsv(at: usize, kind: u32, start: usize, end: usize): usize {
  if (kind != STRING && !isPlain(kind, start, end)) {
    if (!requotes || kind != TIMESTAMPTZ || isOfTimes(delimiter) || isOfTimes(targetQuote)) return fail(NOT_PLAIN)
    return putUtc(at, start, end)
  }
  if (requotes) return putCsvText(at, start, end)
  copy(at, start, end - start)
  return at + (end - start)
}

function jsonToJson(at: usize, kind: u32, token: u32, start: usize, end: usize): usize {
  if (!isPlainToken(kind, token, start, end)) return fail(NOT_PLAIN)
  copy(at, start, end - start)
  return at + (end - start)
}

function jsonToCsv(at: usize, kind: u32, token: u32, start: usize, end: usize): usize {
  if (kind == STRING) {
    if (token == KIND_STRING) return putCsvText(at, start + 1, end - 1)
    return token == KIND_ESCAPED ? putUnescaped(at, start + 1, end - 1) : fail(NOT_PLAIN)
  }
  if (!isPlainToken(kind, token, start, end)) return fail(NOT_PLAIN)
  if (kind >= DATE) {
    start++
    end--
  }
  copy(at, start, end - start)
  return at + (end - start)
}

/** Whether a JSON token is of the column's type and in its plain form. */
function isPlainToken(kind: u32, token: u32, start: usize, end: usize): bool {
  if (kind == STRING) return token == KIND_STRING || token == KIND_ESCAPED
  if (kind == BOOLEAN) return token == KIND_TRUE || token == KIND_TRUE - 1
  if (kind == JSON) return token < KIND_OBJECT || isOnOneLine(start, end)
  if (kind >= DATE) return token == KIND_STRING && isPlain(kind, start + 1, end - 1)
  return (token == KIND_INTEGER || token == KIND_NUMBER) && isPlain(kind, start, end)
}

function isOnOneLine(start: usize, end: usize): bool {
  for (; start < end; start++) {
    const byte = load<u8>(start)
    if (byte == 10 || byte == 13) return false
  }
  return true
}

/** The bytes of a word that must be escaped in JSON. */
@inline
function jsonSpecial(text: v128): v128 {
  return v128.or(
    i8x16.lt_u(text, i8x16.splat(0x20)),
    v128.or(i8x16.eq(text, i8x16.splat(<i8>QUOTE)), i8x16.eq(text, i8x16.splat(<i8>BACKSLASH)))
  )
}

/** Copies text that needs no escapes, and the quote behind it; 0 where it needs some. */
@inline
function putJsonText(at: usize, start: usize, end: usize): usize {
  let special = i8x16.splat(0)
  while (start + 16 <= end) {
    const text = v128.load(start)
    special = v128.or(special, jsonSpecial(text))
    v128.store(at, text)
    start += 16
    at += 16
  }
  const rest = <u32>(end - start)
  const text = v128.load(start)
  v128.store(at, text)
  const found = i8x16.bitmask(jsonSpecial(text)) & ((1 << rest) - 1)
  if (found != 0 || v128.any_true(special)) return 0
  store<u8>(at + rest, QUOTE)
  return at + rest + 1
}

@inline
function hex(digit: u32): u32 {
  return digit < 10 ? digit + ZERO : digit + 0x57
}

/** Copies text with escapes, and the quote behind it. Two of `doubled` in a row are one character. */
function putEscaped(at: usize, start: usize, end: usize, doubled: u32): usize {
  if (at + 6 * (end - start) + SLACK > limit) return fail(FULL)
  for (; start < end; start++) {
    const byte = <u32>load<u8>(start)
    if (byte == doubled) start++
    if (byte >= 0x20 && byte != QUOTE && byte != BACKSLASH) {
      store<u8>(at++, byte)
      continue
    }
    store<u8>(at++, BACKSLASH)
    if (byte >= 0x20) store<u8>(at++, byte)
    else if (byte == 10) store<u8>(at++, 0x6e)
    else if (byte == 9) store<u8>(at++, 0x74)
    else if (byte == 13) store<u8>(at++, 0x72)
    else if (byte == 8) store<u8>(at++, 0x62)
    else if (byte == 12) store<u8>(at++, 0x66)
    else {
      store<u32>(at, 0x30303075)
      store<u8>(at, hex(byte >> 4), 3)
      store<u8>(at, hex(byte & 15), 4)
      at += 5
    }
  }
  store<u8>(at, QUOTE)
  return at + 1
}

/** The bytes of a word that ask for quotes in CSV. */
@inline
function csvSpecial(text: v128): v128 {
  return v128.or(
    v128.or(i8x16.eq(text, i8x16.splat(10)), i8x16.eq(text, i8x16.splat(13))),
    v128.or(i8x16.eq(text, i8x16.splat(<i8>delimiter)), i8x16.eq(text, i8x16.splat(<i8>targetQuote)))
  )
}

/** A text without escapes as a field. */
function putCsvText(at: usize, start: usize, end: usize): usize {
  if (start == end) return putEmpty(at)
  const length = end - start
  let special = i8x16.splat(0)
  let from = start
  let to = at
  for (; from + 16 <= end; from += 16, to += 16) {
    const text = v128.load(from)
    special = v128.or(special, csvSpecial(text))
    v128.store(to, text)
  }
  const text = v128.load(from)
  v128.store(to, text)
  const found = i8x16.bitmask(csvSpecial(text)) & ((1 << <u32>(end - from)) - 1)
  if (found == 0 && !v128.any_true(special)) return at + length
  if (at + 2 * length + SLACK > limit) return fail(FULL)
  return putQuoted(at, length)
}

@inline
function putEmpty(at: usize): usize {
  if (!quoteEmpty) return at
  if (targetQuote == 0xff) return fail(NOT_PLAIN)
  store<u8>(at, targetQuote)
  store<u8>(at, targetQuote, 1)
  return at + 2
}

/** Puts quotes around the text of this length at `at`, and doubles those in it. */
function putQuoted(at: usize, length: usize): usize {
  if (targetQuote == 0xff) return fail(NOT_PLAIN)
  let inner: usize = 0
  for (let i: usize = 0; i < length; i++) if (load<u8>(at + i) == targetQuote) inner++
  const end = at + length + inner + 2
  let to = end - 1
  store<u8>(to, targetQuote)
  for (let from = at + length; from > at; ) {
    const byte = load<u8>(--from)
    store<u8>(--to, byte)
    if (byte == targetQuote) store<u8>(--to, byte)
  }
  store<u8>(at, targetQuote)
  return end
}

/** The text of a JSON string with escapes as a field. */
function putUnescaped(at: usize, start: usize, end: usize): usize {
  if (at + 2 * (end - start) + SLACK > limit) return fail(FULL)
  let to = at
  let special = false
  for (; start < end; start++) {
    let byte = <u32>load<u8>(start)
    if (byte == BACKSLASH) {
      byte = unescaped(load<u8>(++start))
      if (byte == 0) return fail(NOT_PLAIN)
    }
    if (byte == 10 || byte == 13 || byte == delimiter || byte == targetQuote) special = true
    store<u8>(to++, byte)
  }
  return special ? putQuoted(at, to - at) : to
}

/** What stands for the letter behind a backslash; 0 for an escape by code. */
@inline
function unescaped(letter: u32): u32 {
  if (letter == 0x6e) return 10
  if (letter == 0x74) return 9
  if (letter == 0x72) return 13
  if (letter == 0x62) return 8
  if (letter == 0x66) return 12
  return letter == 0x75 ? 0 : letter
}

/** Whether the text is a plain form of the type: one that is written as it stands. */
function isPlain(kind: u32, start: usize, end: usize): bool {
  switch (kind) {
    case INTEGER:
      return isInteger(start, end)
    case DECIMAL:
      return isDecimal(start, end)
    case BOOLEAN:
      return isBoolean(start, end)
    case DATE:
      return end - start == 10 && isDate(start)
    case TIME:
      return timeEnd(start, end) == end
    case TIMESTAMP:
      return timestampEnd(start, end) == end
    case TIMESTAMPTZ:
      return isTimestamptz(start, end)
    case UUID:
      return isUuid(start, end)
    default:
      return false
  }
}

@inline
function isDigit(byte: u32): bool {
  return byte - ZERO <= 9
}

/** Bit i is set where byte i of the first `length` (16 at most) is no digit. */
@inline
function nonDigits(start: usize, length: u32): u32 {
  const digits = i8x16.sub(v128.load(start), i8x16.splat(<i8>ZERO))
  return i8x16.bitmask(i8x16.gt_u(digits, i8x16.splat(9))) & ((1 << length) - 1)
}

/** Digits without zeros in front, at most 18 of them, and no minus zero. */
@inline
function isInteger(start: usize, end: usize): bool {
  const negative = load<u8>(start) == MINUS
  if (negative) start++
  const digits = <u32>(end - start)
  if (digits < 1 || digits > 18) return false
  if (load<u8>(start) == ZERO && (digits > 1 || negative)) return false
  if (nonDigits(start, min(digits, 16)) != 0) return false
  return digits <= 16 || nonDigits(start + 16, digits - 16) == 0
}

/** A number of JSON without an exponent, and no minus zero. More than 300 digits may be past what a double holds. */
@inline
function isDecimal(start: usize, end: usize): bool {
  if (start >= end) return false
  const negative = load<u8>(start) == MINUS
  if (negative) start++
  const length = <u32>(end - start)
  if (start >= end || length > 300 || !isDigit(load<u8>(start))) return false
  if (load<u8>(start) == ZERO && length > 1 && load<u8>(start, 1) != DOT) return false
  if (negative || length > 16) return isLongDecimal(start, end, negative)
  const others = nonDigits(start, length)
  if (others == 0) return true
  const dot = <u32>ctz(others)
  return (others & (others - 1)) == 0 && dot != length - 1 && load<u8>(start + dot) == DOT
}

function isLongDecimal(start: usize, end: usize, negative: bool): bool {
  let dot: usize = 0
  let seen: u32 = 0
  for (let at = start; at < end; at++) {
    const byte = <u32>load<u8>(at)
    if (isDigit(byte)) seen |= byte - ZERO
    else if (byte == DOT && dot == 0) dot = at
    else return false
  }
  return dot != end - 1 && !(negative && seen == 0)
}

function isBoolean(start: usize, end: usize): bool {
  const length = end - start
  const word = load<u32>(start)
  if (length == 4) return word == 0x65757274
  return length == 5 && word == 0x736c6166 && load<u8>(start, 4) == 0x65
}

/** The number of two digits, or 99. */
@inline
function twoDigits(at: usize): u32 {
  const high = <u32>load<u8>(at) - ZERO
  const low = <u32>load<u8>(at, 1) - ZERO
  return high <= 9 && low <= 9 ? 10 * high + low : 99
}

/** `2025-01-28`. */
@inline
function isDate(at: usize): bool {
  const century = twoDigits(at)
  const year = twoDigits(at + 2)
  if (century == 99 || year == 99 || century + year == 0 || load<u8>(at, 4) != MINUS || load<u8>(at, 7) != MINUS) return false
  const month = twoDigits(at + 5)
  const day = twoDigits(at + 8)
  if (month < 1 || month > 12 || day < 1) return false
  if (day <= 28 || (day <= 30 && month != 2)) return true
  if (month == 2) return day == 29 && isLeapYear(century, year)
  // The months of 31 days, as bits.
  return day == 31 && ((0x15aa >> month) & 1) != 0
}

@inline
function isLeapYear(century: u32, year: u32): bool {
  return ((year == 0 ? century : year) & 3) == 0
}

/** Where `04:05:06` and up to six digits behind a point end, or 0. */
@inline
function timeEnd(at: usize, end: usize): usize {
  if (at + 8 > end || load<u8>(at, 2) != 0x3a || load<u8>(at, 5) != 0x3a) return 0
  if (twoDigits(at) > 23 || twoDigits(at + 3) > 59 || twoDigits(at + 6) > 59) return 0
  at += 8
  if (at == end || load<u8>(at) != DOT) return at
  const first = at + 1
  while (++at < end && isDigit(load<u8>(at))) {}
  return at - first >= 1 && at - first <= 6 ? at : 0
}

/** Where date, `T` or a space, and time end, or 0. */
@inline
function timestampEnd(start: usize, end: usize): usize {
  if (end - start < 19 || !isDate(start)) return 0
  const separator = load<u8>(start, 10)
  return separator == 0x54 || separator == 0x20 ? timeEnd(start + 11, end) : 0
}

/** With `Z` or an offset such as `+02:00`. */
function isTimestamptz(start: usize, end: usize): bool {
  const zone = timestampEnd(start, end)
  if (zone == 0) return false
  const sign = load<u8>(zone)
  if (sign == 0x5a) return zone + 1 == end
  return (
    (sign == 0x2b || sign == MINUS) &&
    zone + 6 == end &&
    load<u8>(zone, 3) == 0x3a &&
    twoDigits(zone + 1) <= 14 &&
    twoDigits(zone + 4) <= 59
  )
}

/** `2025-01-28 04:05:06.5+00`, as PostgreSQL writes a time in UTC, in the form of ISO 8601. */
function putUtc(at: usize, start: usize, end: usize): usize {
  const zone = end - 3
  if (end - start < 22 || load<u8>(start, 10) != 0x20 || timestampEnd(start, zone) != zone) return fail(NOT_PLAIN)
  // What rows show ends with no zero behind the point.
  const isShort = zone - start == 19 || load<u8>(zone - 1) != ZERO
  if (!isShort || load<u8>(zone) != 0x2b || load<u16>(zone, 1) != 0x3030) return fail(NOT_PLAIN)
  copy(at, start, zone - start)
  store<u8>(at, 0x54, 10)
  at += zone - start
  store<u8>(at, 0x5a)
  return at + 1
}

/** Whether a time may hold the character. */
@inline
function isOfTimes(byte: u32): bool {
  return byte - ZERO <= 10 || byte == MINUS || byte == DOT || byte == 0x54 || byte == 0x5a
}

function isUuid(start: usize, end: usize): bool {
  if (end - start != 36) return false
  for (let i: u32 = 0; i < 36; i++) {
    const byte = <u32>load<u8>(start + i)
    const isDash = i == 8 || i == 13 || i == 18 || i == 23
    if (isDash ? byte != MINUS : !isDigit(byte) && byte - 0x61 > 5) return false
  }
  return true
}
