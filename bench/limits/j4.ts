/**
 * The bound for J4: a byte loop for this one schema.
 *
 * Not a JSON parser: keys, their order and their types are taken as known, only the note may hold escapes (of a quote or a line break), and
 * nothing is checked.
 */
import { type Block, copy } from "./words.ts"

const comma = 44
const quote = 34
const newline = 10
const backslash = 92
const point = 46
const zero = 48

/** Bytes from the end of one value to the start of the next. */
const gap = {
  id: '{"id":'.length,
  customer: ',"customer_id":'.length,
  first: ',"first_name":"'.length,
  last: '","last_name":"'.length,
  email: '","email":"'.length,
  status: '","status":"'.length,
  amount: '","amount":'.length,
  currency: ',"currency":"'.length,
  country: '","country":"'.length,
  created: '","created_at":"'.length,
  note: '","note":"'.length,
}

/** Start and end of each value in turn, but for currency, country and time, whose widths are known. */
const at = new Int32Array(24)

export function convert(input: Block, start: number, end: number, output: Block): number {
  const { bytes, words } = input
  let written = 0
  let next = start
  while (next < end) {
    const cents = findValues(bytes, next)
    const special = findNote(bytes, at[20]!)
    next = at[21]! + 3
    if (cents > 5000) written = writeRow(bytes, words, output, written, special)
  }
  return written
}

function findValues(bytes: Uint8Array, row: number): number {
  let i = findEnd(bytes, row + gap.id, 0, comma)
  i = findEnd(bytes, i + gap.customer, 2, comma)
  i = findEnd(bytes, i + gap.first, 4, quote)
  i = findEnd(bytes, i + gap.last, 6, quote)
  i = findEnd(bytes, i + gap.email, 8, quote)
  i = findEnd(bytes, i + gap.status, 10, quote)
  i += gap.amount
  at[12] = i
  let cents = 0
  for (let byte = bytes[i]!; byte !== comma; byte = bytes[++i]!) if (byte !== point) cents = cents * 10 + byte - zero
  at[13] = i
  const currency = i + gap.currency
  const country = currency + 3 + gap.country
  const created = country + 2 + gap.created
  at[14] = currency
  at[16] = country
  at[18] = created
  at[20] = created + 20 + gap.note
  const status = at[10]!
  // Of the statuses only "paid" begins with p, a.
  return bytes[status] === 112 && bytes[status + 1] === 97 ? cents : 0
}

function findEnd(bytes: Uint8Array, start: number, slot: number, end: number): number {
  let i = start
  while (bytes[i] !== end) i++
  at[slot] = start
  at[slot + 1] = i
  return i
}

/** Finds the end of the note, and tells whether CSV must quote it. */
function findNote(bytes: Uint8Array, start: number): boolean {
  let special = false
  let i = start
  for (let byte = bytes[i]!; byte !== quote; byte = bytes[++i]!) {
    if (byte === comma) special = true
    if (byte === backslash) {
      special = true
      i++
    }
  }
  at[21] = i
  return special
}

function writeRow(bytes: Uint8Array, words: DataView, output: Block, start: number, special: boolean): number {
  const out = output.bytes
  const to = output.words
  let o = start
  for (let slot = 0; slot <= 12; slot += 2) {
    o = copy(to, o, words, at[slot]!, at[slot + 1]!)
    out[o++] = comma
  }
  o = copy(to, o, words, at[14]!, at[14]! + 3)
  out[o++] = comma
  o = copy(to, o, words, at[16]!, at[16]! + 2)
  out[o++] = comma
  o = copy(to, o, words, at[18]!, at[18]! + 20)
  out[o++] = comma
  o = special ? writeQuoted(bytes, out, o) : copy(to, o, words, at[20]!, at[21]!)
  out[o++] = newline
  return o
}

function writeQuoted(bytes: Uint8Array, out: Uint8Array, start: number): number {
  let o = start
  out[o++] = quote
  for (let i = at[20]!; i < at[21]!; i++) {
    const byte = bytes[i]!
    if (byte !== backslash) out[o++] = byte
    else if (bytes[++i] === quote) {
      out[o++] = quote
      out[o++] = quote
    } else out[o++] = newline
  }
  out[o++] = quote
  return o
}

/** The first row that begins at `from` or behind. */
export function rowStart(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(newline, from - 1)
  if (end < 0) throw new Error(`limits/j4: no row begins behind byte ${from} of the block. Is the input the bench's own orders.ndjson?`)
  return end + 1
}
