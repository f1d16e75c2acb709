/**
 * Finds the values of JSON objects, one object per row: lines of NDJSON, or the elements of an array.
 *
 * A strict parser of RFC 8259 that keeps places instead of values. It is quick because it learns: what stood between two values of the last
 * row (comma, key, colon, white space) is compared as a whole, 16 bytes at a time, with what stands there now. The input is followed by a
 * NUL, which no token may hold, and by 64 bytes that may be read, so that no loop has to ask where the input ends.
 */

const STRIDE: usize = 96
const PATTERN: u32 = 64
/** A mask no comparison of 16 bytes gives. */
const NEVER: u32 = 0x10000

const NULL: u8 = 1
const FALSE: u8 = 2
const TRUE: u8 = 3
const INTEGER: u8 = 4
const NUMBER: u8 = 5
const STRING: u8 = 6
const ESCAPED: u8 = 7
const OBJECT: u8 = 8
const ARRAY: u8 = 9

// Statuses; those above FULL are problems, and src/text/kernelProblem.ts has the words for them.
const DONE: u32 = 0
const FULL: u32 = 1
const EXPECTED_VALUE: u32 = 2
const EXPECTED_KEY: u32 = 3
const EXPECTED_COLON: u32 = 4
const EXPECTED_COMMA_OR_BRACE: u32 = 5
const EXPECTED_COMMA_OR_BRACKET: u32 = 6
const CONTROL_CHARACTER: u32 = 7
const BAD_ESCAPE: u32 = 8
const BAD_NUMBER: u32 = 9
const TRAILING_TEXT: u32 = 10
const EXPECTED_OBJECT: u32 = 11
const UNKNOWN_KEY: u32 = 12
const DUPLICATE_KEY: u32 = 13
const ESCAPED_KEY: u32 = 14
const NOT_OBJECT: u32 = 15
const TOO_DEEP: u32 = 16

const MAX_DEPTH: i32 = 64

// Layout of the caller: `slots` has columns + 1 patterns (the last one is for the first key of a row), `hashes` a table of `hashMask + 1`
// column numbers plus one, `keyPlaces` start and length of each key.
let columns: u32 = 0
let slots: usize = 0
let hashes: usize = 0
let hashMask: u32 = 0
let keyPlaces: usize = 0

let base: usize = 0
let cursor: usize = 0
let end: usize = 0
let array: bool = false
let first: bool = false
let final: bool = false
let rows: u32 = 0
let consumed: usize = 0
let closed: bool = false
let spans: usize = 0
let kinds: usize = 0

let problemAt: usize = 0
let problem: u32 = 0
let kind: u8 = 0
let column: u32 = 0

/** Takes a new set of keys. `patterns` has room for `jsonPatternBytes` bytes. */
export function jsonKeys(count: u32, places: usize, table: usize, tableMask: u32, patterns: usize): void {
  columns = count
  keyPlaces = places
  hashes = table
  hashMask = tableMask
  slots = patterns
}

/** Bytes that `jsonKeys` needs for the patterns of `count` keys. */
export function jsonPatternBytes(count: u32): u32 {
  return (count + 1) * <u32>STRIDE
}

/** Begins a text. `start` is where the byte of the caller's offset 0 would lie. */
export function jsonStart(start: usize, from: usize, to: usize, isArray: bool, isFirst: bool, isFinal: bool): void {
  base = start
  cursor = from
  consumed = from
  end = to
  array = isArray
  first = isFirst
  final = isFinal
  rows = 0
  closed = false
  // What was learnt holds for one text: between the elements of an array stands more than between the values of a line.
  for (let i: u32 = 0; i <= columns; i++) store<u32>(slotOf(i), NEVER, 72)
}

export function jsonRows(): u32 {
  return rows
}

export function jsonConsumed(): u32 {
  return <u32>(consumed - base)
}

export function jsonClosed(): bool {
  return closed
}

export function jsonProblemAt(): u32 {
  return <u32>(problemAt - base)
}

@inline
function slotOf(index: u32): usize {
  return slots + <usize>index * STRIDE
}

@inline
function fail(code: u32, at: usize): usize {
  problem = code
  problemAt = at
  return 0
}

/** Spaces, tabs and CRs; LF too where it does not end a row. */
@inline
function isSpace(byte: u32): bool {
  return byte == 0x20 || byte == 0x09 || byte == 0x0d || (array && byte == 0x0a)
}

function skipSpace(at: usize): usize {
  while (isSpace(load<u8>(at))) at++
  return at
}

@inline
function isDigit(byte: u32): bool {
  return byte - 0x30 < 10
}

/** The first byte at or after `at` that is a quote, a backslash or a control character. */
@inline
function plainEnd(at: usize): usize {
  while (true) {
    const text = v128.load(at)
    const stops = v128.or(
      v128.or(i8x16.eq(text, i8x16.splat(0x22)), i8x16.eq(text, i8x16.splat(0x5c))),
      i8x16.lt_u(text, i8x16.splat(0x20))
    )
    const mask = i8x16.bitmask(stops)
    if (mask != 0) return at + <usize>ctz(mask)
    at += 16
  }
}

@inline
function isHex(byte: u32): bool {
  return isDigit(byte) || (byte | 0x20) - 0x61 < 6
}

/** From a backslash to what follows the escape, or 0. */
function skipEscape(at: usize): usize {
  const byte = <u32>load<u8>(at, 1)
  if (byte == 0x75) {
    for (let i: usize = 2; i < 6; i++) if (!isHex(load<u8>(at + i))) return fail(BAD_ESCAPE, at + i)
    return at + 6
  }
  const known =
    byte == 0x22 || byte == 0x5c || byte == 0x2f || byte == 0x62 || byte == 0x66 || byte == 0x6e || byte == 0x72 || byte == 0x74
  return known ? at + 2 : fail(BAD_ESCAPE, at + 1)
}

/** The rest of a string that is no plain one: `at` is where its plain part ends. Sets `kind`. */
function finishString(at: usize): usize {
  while (load<u8>(at) == 0x5c) {
    kind = ESCAPED
    at = skipEscape(at)
    if (at == 0) return 0
    at = plainEnd(at)
  }
  return load<u8>(at) == 0x22 ? at + 1 : fail(CONTROL_CHARACTER, at)
}

/** From after the opening quote to after the closing one, or 0. Sets `kind`. */
@inline
function skipString(at: usize): usize {
  kind = STRING
  at = plainEnd(at)
  return load<u8>(at) == 0x22 ? at + 1 : finishString(at)
}

/** The first byte at or after `at` that is no digit. */
@inline
function digitsEnd(at: usize): usize {
  while (true) {
    const values = i8x16.sub(v128.load(at), i8x16.splat(0x30))
    const mask = i8x16.bitmask(i8x16.gt_u(values, i8x16.splat(9)))
    if (mask != 0) return at + <usize>ctz(mask)
    at += 16
  }
}

function skipFraction(at: usize): usize {
  kind = NUMBER
  if (load<u8>(at) == 0x2e) {
    const digits = at + 1
    at = digitsEnd(digits)
    if (at == digits) return fail(BAD_NUMBER, at)
  }
  if ((load<u8>(at) | 0x20) != 0x65) return at
  const sign = load<u8>(at, 1)
  const digits = sign == 0x2b || sign == 0x2d ? at + 2 : at + 1
  at = digitsEnd(digits)
  return at == digits ? fail(BAD_NUMBER, at) : at
}

/** From the first byte of a number to what follows it, or 0. Sets `kind`. */
@inline
function skipNumber(at: usize): usize {
  kind = INTEGER
  const digits = load<u8>(at) == 0x2d ? at + 1 : at
  const stop = digitsEnd(digits)
  if (stop == digits) return fail(BAD_NUMBER, stop)
  if (load<u8>(digits) == 0x30 && stop > digits + 1) return fail(BAD_NUMBER, digits + 1)
  const next = load<u8>(stop)
  return next == 0x2e || (next | 0x20) == 0x65 ? skipFraction(stop) : stop
}

function skipWord(at: usize, word: u32, length: usize, wordKind: u8): usize {
  kind = wordKind
  // The first letter is known; the other four of "false" and three of the others lie in `word`.
  for (let i: usize = 1; i < length; i++) {
    if (<u32>load<u8>(at + i) != (word & 0xff)) return fail(EXPECTED_VALUE, at + i)
    word >>= 8
  }
  return at + length
}

function skipLiteral(at: usize): usize {
  const byte = load<u8>(at)
  if (byte == 0x74) return skipWord(at, 0x657572, 4, TRUE)
  if (byte == 0x66) return skipWord(at, 0x65736c61, 5, FALSE)
  if (byte == 0x6e) return skipWord(at, 0x6c6c75, 4, NULL)
  return fail(EXPECTED_VALUE, at)
}

/** A value that is no object and no array. */
function skipScalar(at: usize): usize {
  const byte = <u32>load<u8>(at)
  if (byte == 0x22) return skipString(at + 1)
  return isDigit(byte) || byte == 0x2d ? skipNumber(at) : skipLiteral(at)
}

/** From the quote of a key to its value, or 0. */
function skipKey(at: usize): usize {
  if (load<u8>(at) != 0x22) return fail(EXPECTED_KEY, at)
  at = skipString(at + 1)
  if (at == 0) return 0
  at = skipSpace(at)
  return load<u8>(at) == 0x3a ? skipSpace(at + 1) : fail(EXPECTED_COLON, at)
}

/** From the bracket of an object or array to what follows it, or 0. A stack of bits tells the objects (1) from the arrays. */
function skipNested(at: usize): usize {
  let stack: u64 = 0
  let depth = 0
  while (true) {
    const byte = <u32>load<u8>(at)
    const isObject = byte == 0x7b
    if (isObject || byte == 0x5b) {
      if (++depth > MAX_DEPTH) return fail(TOO_DEEP, at)
      stack = (stack << 1) | <u64>isObject
      at = skipSpace(at + 1)
      // Brackets end two bytes after they start: [ ] and { }.
      if (<u32>load<u8>(at) != byte + 2) {
        if (isObject) {
          at = skipKey(at)
          if (at == 0) return 0
        }
        continue
      }
    } else {
      at = skipScalar(at)
      if (at == 0) return 0
      at = skipSpace(at)
    }

    // A value or an empty bracket pair is behind: close what ends here, up to the comma before the next value.
    while (true) {
      const inObject = (stack & 1) != 0
      const next = load<u8>(at)
      if (next == (inObject ? 0x7d : 0x5d)) {
        at++
        stack >>= 1
        if (--depth == 0) return at
        at = skipSpace(at)
        continue
      }
      if (next != 0x2c) return fail(inObject ? EXPECTED_COMMA_OR_BRACE : EXPECTED_COMMA_OR_BRACKET, at)
      at = skipSpace(at + 1)
      if (inObject) {
        at = skipKey(at)
        if (at == 0) return 0
      }
      break
    }
  }
}

function skipBracketed(at: usize): usize {
  const wanted = load<u8>(at) == 0x7b ? OBJECT : ARRAY
  at = skipNested(at)
  kind = wanted
  return at
}

/** Whether what was learnt for the slot stands at `at`. */
@inline
function matches(slot: usize, at: usize): bool {
  const mask = load<u32>(slot, 72)
  if ((<u32>i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(slot))) & mask) != mask) return false
  const length = load<u32>(slot, PATTERN)
  return length <= 16 ? true : matchesRest(slot, at, length)
}

function matchesRest(slot: usize, at: usize, length: u32): bool {
  for (let i: u32 = 16; i < length; i += 16) {
    const left = length - i
    const mask: u32 = left < 16 ? ((<u32>1) << left) - 1 : 0xffff
    if ((<u32>i8x16.bitmask(i8x16.eq(v128.load(at + i), v128.load(slot + i))) & mask) != mask) return false
  }
  return true
}

function learn(slot: usize, from: usize, to: usize): void {
  const length = <u32>(to - from)
  if (length > PATTERN) {
    store<u32>(slot, NEVER, 72)
    return
  }
  memory.copy(slot, from, length)
  store<u32>(slot, length, PATTERN)
  store<u32>(slot, column, 68)
  store<u32>(slot, length < 16 ? ((<u32>1) << length) - 1 : 0xffff, 72)
}

function sameBytes(a: usize, b: usize, length: u32): bool {
  for (let i: usize = 0; i < <usize>length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false
  return true
}

/** Sets `column` to the one whose key is the bytes from `at` to `stop`. */
function findColumn(at: usize, stop: usize): bool {
  const length = <u32>(stop - at)
  let hash: u32 = 0x811c9dc5
  for (let i = at; i < stop; i++) hash = (hash ^ <u32>load<u8>(i)) * 0x01000193
  let i = hash & hashMask
  while (true) {
    const found = load<u32>(hashes + (<usize>i << 2))
    if (found == 0) return false
    const place = keyPlaces + (<usize>(found - 1) << 3)
    if (load<u32>(place, 4) == length && sameBytes(load<u32>(place), at, length)) {
      column = found - 1
      return true
    }
    i = (i + 1) & hashMask
  }
}

/**
 * From the end of a value (or the row's brace) past comma, key and colon to the next value.
 * 0 is a problem or, with `problem` 0, the end.
 */
function readKey(from: usize, isFirst: bool, slot: usize): usize {
  let at = skipSpace(from)
  if (load<u8>(at) == 0x7d) {
    problem = 0
    problemAt = at + 1
    return 0
  }
  if (!isFirst) {
    if (load<u8>(at) != 0x2c) return fail(EXPECTED_COMMA_OR_BRACE, at)
    at = skipSpace(at + 1)
  }
  if (load<u8>(at) != 0x22) return fail(EXPECTED_KEY, at)
  const key = at
  at = skipString(key + 1)
  if (at == 0) return 0
  if (!findColumn(key + 1, at - 1)) return fail(kind == ESCAPED ? ESCAPED_KEY : UNKNOWN_KEY, key)
  at = skipSpace(at)
  if (load<u8>(at) != 0x3a) return fail(EXPECTED_COLON, at)
  at = skipSpace(at + 1)
  learn(slot, from, at)
  return at
}

/** The key between the last value and this one, of which it is known that it is there. */
function keyBefore(from: usize): usize {
  while (load<u8>(from) != 0x22) from++
  return from
}

/** From after the brace of a row to after its closing one, or 0. Its spans and kinds go to `rowSpans` and `rowKinds`. */
@inline
function readRow(at: usize, rowSpans: usize, rowKinds: usize): usize {
  let seen: u32 = 0
  let slot = slotOf(columns)
  for (let i: usize = 0; i < <usize>columns; i += 16) v128.store(rowKinds + i, i8x16.splat(0))

  while (true) {
    if (load<u8>(at) == 0x7d) {
      at++
      break
    }
    const from = at
    let current: u32
    if (matches(slot, at)) {
      at += <usize>load<u32>(slot, PATTERN)
      current = load<u32>(slot, 68)
    } else {
      at = readKey(at, seen == 0, slot)
      if (at == 0) {
        if (problem != 0) return 0
        at = problemAt
        break
      }
      current = column
    }
    if (load<u8>(rowKinds + <usize>current) != 0) return fail(DUPLICATE_KEY, keyBefore(from))

    let byte = <u32>load<u8>(at)
    if (byte <= 0x20) {
      at = skipSpace(at)
      byte = <u32>load<u8>(at)
    }
    const start = at
    if (byte == 0x22) at = skipString(at + 1)
    else if (isDigit(byte) || byte == 0x2d) at = skipNumber(at)
    else if (byte == 0x7b || byte == 0x5b) at = skipBracketed(at)
    else at = skipLiteral(at)
    if (at == 0) return 0

    store<u64>(rowSpans + (<usize>current << 3), <u64>(<u32>(start - base)) | (<u64>(<u32>(at - base)) << 32))
    store<u8>(rowKinds + <usize>current, kind)
    seen++
    slot = slotOf(current)
  }
  if (seen < columns) clearMissing(rowSpans, rowKinds)
  return at
}

function clearMissing(rowSpans: usize, rowKinds: usize): void {
  for (let i: usize = 0; i < <usize>columns; i++) if (load<u8>(rowKinds + i) == 0) store<u64>(rowSpans + (i << 3), 0)
}

/** Whether the line that holds `at` is complete. Rows that are still growing are nobody's problem yet. */
function lineIsComplete(at: usize): bool {
  if (final) return true
  while (at < end) if (load<u8>(at++) == 0x0a) return true
  return false
}

/** The status for a problem: a row cut off by the end of a text that goes on is none. */
function judge(): u32 {
  const isReal = array ? final || problemAt < end : lineIsComplete(problemAt)
  return isReal ? problem : DONE
}

@inline
function refuse(code: u32, at: usize): u32 {
  fail(code, at)
  return judge()
}

/** Skips blank lines, up to the first byte of a row or the end. */
function startOfLine(at: usize): usize {
  while (true) {
    at = skipSpace(at)
    if (load<u8>(at) != 0x0a) return at
    consumed = ++at
  }
}

function scanLines(capacity: u32): u32 {
  let rowSpans = spans + (<usize>(rows * columns) << 3)
  let rowKinds = kinds + <usize>(rows * columns)
  while (true) {
    let at = consumed
    if (load<u8>(at) != 0x7b) {
      at = startOfLine(at)
      if (at >= end) {
        if (final) consumed = end
        return DONE
      }
      if (load<u8>(at) != 0x7b) return refuse(NOT_OBJECT, at)
    }
    if (rows == capacity) return FULL
    at = readRow(at + 1, rowSpans, rowKinds)
    if (at == 0) return judge()
    if (load<u8>(at) != 0x0a) {
      at = skipSpace(at)
      if (at >= end) {
        if (!final) return DONE
      } else if (load<u8>(at) != 0x0a) return refuse(TRAILING_TEXT, at)
    }
    consumed = at < end ? at + 1 : end
    rows++
    rowSpans += <usize>columns << 3
    rowKinds += <usize>columns
  }
}

/** From the end of an element to the brace of the next, to after the closing bracket (`closed`), or 0. */
function nextElement(at: usize): usize {
  at = skipSpace(at)
  if (load<u8>(at) == 0x5d) {
    closed = true
    return at + 1
  }
  if (!first) {
    if (load<u8>(at) != 0x2c) return fail(EXPECTED_COMMA_OR_BRACKET, at)
    at = skipSpace(at + 1)
  }
  const byte = load<u8>(at)
  if (byte == 0x7b) return at
  return fail(byte == 0x5d || byte == 0x2c || at >= end ? EXPECTED_OBJECT : NOT_OBJECT, at)
}

function scanElements(capacity: u32): u32 {
  let rowSpans = spans + (<usize>(rows * columns) << 3)
  let rowKinds = kinds + <usize>(rows * columns)
  while (true) {
    let at = nextElement(consumed)
    if (at == 0) return judge()
    if (closed) {
      consumed = at
      return DONE
    }
    if (rows == capacity) return FULL
    at = readRow(at + 1, rowSpans, rowKinds)
    if (at == 0) return judge()
    consumed = at
    first = false
    rows++
    rowSpans += <usize>columns << 3
    rowKinds += <usize>columns
  }
}

/** Goes on until the input ends, a problem stops it, or `capacity` rows are there (FULL: give more room and call again). */
export function jsonScan(spansAt: usize, kindsAt: usize, capacity: u32): u32 {
  spans = spansAt
  kinds = kindsAt
  return array ? scanElements(capacity) : scanLines(capacity)
}
