/**
 * The bound for J1: a byte loop for this one schema.
 *
 * Not a CSV parser: only the last column may be quoted, currency, country and time have fixed widths, and nothing is checked.
 */
import { type Block, copy, literal, put } from "./words.ts"

const comma = 44
const quote = 34
const newline = 10
const backslash = 92
const point = 46
const zero = 48

const keys = {
  id: literal('{"id":'),
  customer: literal(',"customer_id":'),
  first: literal(',"first_name":"'),
  last: literal('","last_name":"'),
  email: literal('","email":"'),
  amount: literal('","status":"paid","amount":'),
  currency: literal(',"currency":"'),
  country: literal('","country":"'),
  created: literal('","created_at":"'),
  note: literal('","note":"'),
  full: literal('","full_name":"'),
  year: literal('","year":'),
  cents: literal(',"amount_cents":'),
  end: literal("}\n"),
}

/** Where the row's fields begin: 0 to 10, and the end of the row in 11. A field ends one byte before the next begins. */
const at = new Int32Array(12)

/** Turns the rows in `input[start..end)` into lines in `output`. Gives the number of bytes written; `end` must be the end of a row. */
export function convert(input: Block, start: number, end: number, output: Block): number {
  const { bytes, words } = input
  let written = 0
  let next = start
  while (next < end) {
    const cents = findFields(bytes, next)
    next = at[11]!
    if (cents > 5000) written = writeRow(bytes, words, output.bytes, output.words, written)
  }
  return written
}

/** Gives the amount in cents of a paid order, and 0 for any other. */
function findFields(bytes: Uint8Array, start: number): number {
  let i = start
  at[0] = i
  for (let field = 1; field <= 6; field++) {
    while (bytes[i] !== comma) i++
    at[field] = ++i
  }
  let cents = 0
  for (let byte = bytes[i]!; byte !== comma; byte = bytes[++i]!) if (byte !== point) cents = cents * 10 + byte - zero
  at[7] = i + 1
  at[8] = i + 5
  at[9] = i + 8
  at[10] = i + 29
  at[11] = endOfRow(bytes, i + 29)
  const status = at[5]!
  // Of the statuses only "paid" begins with p, a.
  return bytes[status] === 112 && bytes[status + 1] === 97 ? cents : 0
}

function endOfRow(bytes: Uint8Array, note: number): number {
  let i = note
  if (bytes[i] === quote) {
    for (;;) {
      while (bytes[++i] !== quote);
      if (bytes[++i] !== quote) break
    }
  }
  while (bytes[i] !== newline) i++
  return i + 1
}

function writeRow(bytes: Uint8Array, words: DataView, out: Uint8Array, to: DataView, start: number): number {
  const first = at[2]!
  const last = at[3]!
  const email = at[4]!
  const amount = at[6]!
  const created = at[9]!
  let o = copy(to, put(to, start, keys.id), words, at[0]!, at[1]! - 1)
  o = copy(to, put(to, o, keys.customer), words, at[1]!, first - 1)
  o = copy(to, put(to, o, keys.first), words, first, last - 1)
  o = copy(to, put(to, o, keys.last), words, last, email - 1)
  o = copy(to, put(to, o, keys.email), words, email, at[5]! - 1)
  o = copy(to, put(to, o, keys.amount), words, amount, at[7]! - 1)
  o = copy(to, put(to, o, keys.currency), words, at[7]!, at[8]! - 1)
  o = copy(to, put(to, o, keys.country), words, at[8]!, created - 1)
  o = copy(to, put(to, o, keys.created), words, created, at[10]! - 1)
  o = put(to, o, keys.note)
  o = bytes[at[10]!] === quote ? writeQuoted(bytes, out, o) : copy(to, o, words, at[10]!, at[11]! - 1)
  o = copy(to, put(to, o, keys.full), words, first, last - 1)
  out[o++] = 32
  o = copy(to, o, words, last, email - 1)
  o = copy(to, put(to, o, keys.year), words, created, created + 4)
  // The amount has two places, so its cents are its digits.
  o = copy(to, put(to, o, keys.cents), words, amount, at[7]! - 4)
  o = copy(to, o, words, at[7]! - 3, at[7]! - 1)
  return put(to, o, keys.end)
}

function writeQuoted(bytes: Uint8Array, out: Uint8Array, start: number): number {
  let o = start
  const end = at[11]! - 2
  for (let i = at[10]! + 1; i < end; i++) {
    const byte = bytes[i]!
    if (byte === quote) i++
    if (byte === quote || byte === newline) out[o++] = backslash
    out[o++] = byte === newline ? 110 : byte
  }
  return o
}

/** The first row that begins at `from` or behind: a note may hold a line break, but no line of a note begins like a row. */
export function rowStart(bytes: Uint8Array, from: number): number {
  for (let i = bytes.indexOf(newline, from - 1); ; i = bytes.indexOf(newline, i + 1)) {
    if (i < 0) throw new Error(`limits/j1: no row begins behind byte ${from} of the block. Is the input the bench's own orders.csv?`)
    const digit = bytes[i + 1]! - zero
    if (digit >= 0 && digit <= 9) return i + 1
  }
}
