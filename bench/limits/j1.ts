/**
 * The bound for J1: a byte loop for this one schema.
 *
 * Not a CSV parser: only the last column may be quoted, currency, country and time have fixed widths, and nothing is checked.
 */
import { at, findFields, writeQuoted } from "./csvOrders.ts"
import { type Block, copy, literal, put } from "./words.ts"

export { rowStart } from "./csvOrders.ts"

const quote = 34

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
