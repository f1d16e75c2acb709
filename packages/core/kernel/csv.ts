/**
 * Finds the fields of CSV text, 64 bytes at a time.
 *
 * A block becomes bit masks (quotes, delimiters, row ends), the masks say which bytes are inside quotes and where a rule of RFC 4180 is
 * broken, and the structural bits become offsets. State lives in globals, so that one text can be fed in slices; every slice but the last
 * is a multiple of 64 bytes. The caller gives room for `length + 80` more offsets before each slice.
 */

const LF: i32 = 10
const CR: i32 = 13
const BLOCK: u32 = 64
const NOT_SEEN: u32 = 0xffffffff

/** Row ends seen so far: none, LF, CRLF. */
const ENDS_NONE: u32 = 0
const ENDS_LF: u32 = 1
const ENDS_CRLF: u32 = 2

const OK: u32 = 0
const RAGGED: u32 = 1
const QUOTE: u32 = 2
const MIXED: u32 = 3
/** The first row is complete and nothing more was asked for (`columns` was 0). */
const ONE_ROW: u32 = 4

let delimiterByte: i32 = 0
let quoteByte: i32 = 0
let columns: u32 = 0
let out: usize = 0
let count: u32 = 0
let rows: u32 = 0
let rowEnds: u32 = ENDS_NONE
let firstQuote: u32 = NOT_SEEN
let problemAt: u32 = 0

// What the byte before the block was, as a bit that is shifted in at the bottom. `inside` is all ones or zero.
let inside: u64 = 0
let mayOpen: u64 = 1
let closed: u64 = 0
let afterCr: u64 = 0

export function csvStart(fieldCount: u32, delimiter: i32, quote: i32, offsets: usize): void {
  columns = fieldCount
  delimiterByte = delimiter
  quoteByte = quote
  out = offsets
  count = 0
  rows = 0
  rowEnds = ENDS_NONE
  firstQuote = NOT_SEEN
  problemAt = 0
  inside = 0
  mayOpen = 1
  closed = 0
  afterCr = 0
}

export function csvCount(): u32 {
  return count
}

export function csvRows(): u32 {
  return rows
}

export function csvColumns(): u32 {
  return columns
}

export function csvCrlf(): bool {
  return rowEnds == ENDS_CRLF
}

export function csvInside(): bool {
  return inside != 0
}

export function csvFirstQuote(): u32 {
  return firstQuote
}

export function csvProblemAt(): u32 {
  return problemAt
}

@inline
function bits(a: v128, b: v128, c: v128, d: v128): u64 {
  return (
    <u64>(<u32>i8x16.bitmask(a)) |
    (<u64>(<u32>i8x16.bitmask(b)) << 16) |
    (<u64>(<u32>i8x16.bitmask(c)) << 32) |
    (<u64>(<u32>i8x16.bitmask(d)) << 48)
  )
}

@inline
function matches(a: v128, b: v128, c: v128, d: v128, byte: v128): u64 {
  return bits(i8x16.eq(a, byte), i8x16.eq(b, byte), i8x16.eq(c, byte), i8x16.eq(d, byte))
}

@inline
function either(text: v128, one: v128, other: v128): v128 {
  return v128.or(i8x16.eq(text, one), i8x16.eq(text, other))
}

/** Bit i of the result is the parity of bits 0 to i. */
@inline
function parity(mask: u64): u64 {
  mask ^= mask << 1
  mask ^= mask << 2
  mask ^= mask << 4
  mask ^= mask << 8
  mask ^= mask << 16
  return mask ^ (mask << 32)
}

@inline
function below(bit: u32): u64 {
  return ((<u64>1) << bit) - 1
}

@inline
function put(at: usize, base: u32, mask: u64): u64 {
  store<u32>(at, base + <u32>ctz(mask))
  return mask & (mask - 1)
}

/** Appends the place after each bit. Writes ten at once without looking: what is too much is written over by the next block. */
@inline
function append(mask: u64, base: u32): void {
  let at = out + ((<usize>count) << 2)
  count += <u32>popcnt(mask)
  const end = out + ((<usize>count) << 2)
  do {
    mask = put(at, base, mask)
    mask = put(at + 4, base, mask)
    mask = put(at + 8, base, mask)
    mask = put(at + 12, base, mask)
    mask = put(at + 16, base, mask)
    mask = put(at + 20, base, mask)
    mask = put(at + 24, base, mask)
    mask = put(at + 28, base, mask)
    mask = put(at + 32, base, mask)
    mask = put(at + 36, base, mask)
    at += 40
  } while (at < end)
}

/** Counts the fields of each row that ends in the block. */
@inline
function closeRows(structural: u64, lineEnds: u64, base: u32): u32 {
  let expected = (rows + 1) * columns
  while (lineEnds != 0) {
    const bit = <u32>ctz(lineEnds)
    const fields = count + <u32>popcnt(structural & below(bit)) + 1
    if (columns == 0) {
      columns = fields
      rows = 1
      return ONE_ROW
    }
    if (fields != expected) {
      problemAt = base + bit
      return RAGGED
    }
    rows++
    expected += columns
    lineEnds &= lineEnds - 1
  }
  return OK
}

/** Decides where a block with quotes or CRs breaks a rule, and takes what comes before. */
function takeBlock(quotes: u64, separators: u64, lineFeeds: u64, returns: u64, valid: u64, base: u32): u32 {
  if (quotes != 0 && firstQuote == NOT_SEEN) firstQuote = base + <u32>ctz(quotes)

  const quoted = parity(quotes) ^ inside
  let structural = separators & ~quoted
  let lineEnds = lineFeeds & ~quoted
  const crs = returns & ~quoted
  const closing = quotes & ~quoted
  const crBefore = (crs << 1) | afterCr

  // A quote opens a field only at its start, or right after a quote, where it is the second half of an escaped one.
  const badOpen = quotes & quoted & ~(((structural | quotes) << 1) | mayOpen)
  const badClose = ((closing << 1) | closed) & ~(separators | returns | quotes)
  const bad = (badOpen | badClose) & valid
  const lone = crBefore & ~lineFeeds & valid

  if (rowEnds == ENDS_NONE && lineEnds != 0) {
    rowEnds = (lineEnds & (0 - lineEnds) & crBefore) != 0 ? ENDS_CRLF : ENDS_LF
  }
  const otherEnd = rowEnds == ENDS_CRLF ? lineEnds & ~crBefore : lineEnds & crBefore

  inside = <u64>(<i64>quoted >> 63)
  mayOpen = (structural | quotes) >> 63
  closed = closing >> 63
  afterCr = crs >> 63

  if ((bad | lone | otherEnd) != 0) return takeUntilBad(structural, lineEnds, bad, lone, otherEnd, base)

  const status = closeRows(structural, lineEnds, base)
  append(structural, base + 1)
  return status
}

function takeUntilBad(structural: u64, lineEnds: u64, bad: u64, lone: u64, otherEnd: u64, base: u32): u32 {
  // Places are counted from the byte before the block, because a lone CR is seen one byte late.
  const badPlace = <u32>ctz(bad) + 1
  const lonePlace = <u32>ctz(lone)
  const endPlace = <u32>ctz(otherEnd) + 1
  const place = min(badPlace, min(lonePlace, endPlace))
  const before = place == 0 ? 0 : below(place - 1)

  const status = closeRows(structural & before, lineEnds & before, base)
  append(structural & before, base + 1)
  if (status != OK) return status
  problemAt = base + place - 1
  return place == badPlace ? QUOTE : MIXED
}

/** Scans one slice that lies at `input` and starts at `base` in the caller's text. The bytes after it, up to a whole block, are ignored. */
export function csvScan(input: usize, length: u32, base: u32): u32 {
  const delimiter = i8x16.splat(<i8>delimiterByte)
  const quote = i8x16.splat(<i8>quoteByte)
  const lf = i8x16.splat(<i8>LF)
  const cr = i8x16.splat(<i8>CR)

  let valid: u64 = ~(<u64>0)
  for (let done: u32 = 0; done < length; done += BLOCK) {
    const left = length - done
    if (left < BLOCK) valid = below(left)
    const at = input + <usize>done
    const a = v128.load(at)
    const b = v128.load(at, 16)
    const c = v128.load(at, 32)
    const d = v128.load(at, 48)

    const aLf = i8x16.eq(a, lf)
    const bLf = i8x16.eq(b, lf)
    const cLf = i8x16.eq(c, lf)
    const dLf = i8x16.eq(d, lf)
    const lineFeeds = bits(aLf, bLf, cLf, dLf) & valid
    const separators =
      bits(
        v128.or(i8x16.eq(a, delimiter), aLf),
        v128.or(i8x16.eq(b, delimiter), bLf),
        v128.or(i8x16.eq(c, delimiter), cLf),
        v128.or(i8x16.eq(d, delimiter), dLf)
      ) & valid
    const special = v128.or(
      v128.or(v128.or(either(a, quote, cr), either(b, quote, cr)), either(c, quote, cr)),
      either(d, quote, cr)
    )

    let status: u32
    if (!v128.any_true(special) && (inside | closed | afterCr) == 0 && rowEnds != ENDS_CRLF) {
      if (lineFeeds != 0) rowEnds = ENDS_LF
      mayOpen = separators >> 63
      status = closeRows(separators, lineFeeds, base + done)
      append(separators, base + done + 1)
    } else {
      const quotes = matches(a, b, c, d, quote) & valid
      const returns = matches(a, b, c, d, cr) & valid
      status = takeBlock(quotes, separators, lineFeeds, returns, valid, base + done)
    }
    if (status != OK) return status
  }
  return OK
}

/** Number of `byte` in the `length` bytes at `input`; `length` is a multiple of 64. */
export function countByte(input: usize, length: u32, byte: i32): u32 {
  const wanted = i8x16.splat(<i8>byte)
  const end = input + <usize>length
  let total: u32 = 0
  while (input < end) {
    // A lane counts to 255 at most, so the lanes are summed after 60 rounds of four.
    const stop = min(end, input + 60 * 64)
    let sums = i8x16.splat(0)
    while (input < stop) {
      const one = i8x16.add(i8x16.eq(v128.load(input), wanted), i8x16.eq(v128.load(input, 16), wanted))
      const two = i8x16.add(i8x16.eq(v128.load(input, 32), wanted), i8x16.eq(v128.load(input, 48), wanted))
      sums = i8x16.sub(sums, i8x16.add(one, two))
      input += 64
    }
    const wide = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(sums))
    total += i32x4.extract_lane(wide, 0) + i32x4.extract_lane(wide, 1)
    total += i32x4.extract_lane(wide, 2) + i32x4.extract_lane(wide, 3)
  }
  return total
}
