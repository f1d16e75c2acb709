/**
 * The bound for J3: a byte loop for this one schema.
 *
 * A customer's row is kept in a slot of fixed size, which any row of this schema fits into; times are compared as doubles, to the second.
 */
import { at, findFields, writeQuoted } from "./csvOrders.ts"
import { type Block, block, copy, literal, put } from "./words.ts"

export { rowStart } from "./csvOrders.ts"

const quote = 34
const zero = 48
const slotSize = 256
const slotsInBlock = 4096

const blocks: Array<Block> = []
let customers = new Int32Array(1 << 10)
let times = new Float64Array(1 << 10)
let numbers = new Float64Array(1 << 10)
/** The number of a slot plus one, by the hash of its customer. */
let table = new Int32Array(1 << 11)
let count = 0
let seen = 0

export function convert({ bytes, words }: Block, start: number, end: number): number {
  let next = start
  while (next < end) {
    const row = next
    findFields(bytes, row)
    next = at[11]!
    seen++
    const slot = slotOf(digits(bytes, at[1]!, at[2]! - 1))
    const time = timeAt(bytes, at[9]!)
    if (time < times[slot]!) continue
    times[slot] = time
    numbers[slot] = seen
    copy(blocks[Math.floor(slot / slotsInBlock)]!.words, (slot % slotsInBlock) * slotSize, words, row, next)
  }
  return 0
}

function digits(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let i = start; i < end; i++) value = value * 10 + bytes[i]! - zero
  return value
}

/** The digits of `2026-01-31T12:00:00Z` as one number. */
const timeAt = (bytes: Uint8Array, i: number): number =>
  (digits(bytes, i, i + 4) * 10_000 + digits(bytes, i + 5, i + 7) * 100 + digits(bytes, i + 8, i + 10)) * 1_000_000 +
  digits(bytes, i + 11, i + 13) * 10_000 +
  digits(bytes, i + 14, i + 16) * 100 +
  digits(bytes, i + 17, i + 19)

function slotOf(customer: number): number {
  let place = placeOf(customer)
  for (; table[place] !== 0; place = (place + 1) & (table.length - 1))
    if (customers[table[place]! - 1] === customer) return table[place]! - 1
  if (count === customers.length) {
    grow()
    return slotOf(customer)
  }
  if (count % slotsInBlock === 0) blocks.push(block(slotsInBlock * slotSize))
  customers[count] = customer
  table[place] = ++count
  return count - 1
}

const placeOf = (customer: number): number => (Math.imul(customer, 0x9e3779b1) >>> 8) & (table.length - 1)

function grow(): void {
  customers = larger(customers, new Int32Array(2 * count))
  times = larger(times, new Float64Array(2 * count))
  numbers = larger(numbers, new Float64Array(2 * count))
  table = new Int32Array(4 * count)
  for (let slot = 0; slot < count; slot++) {
    let place = placeOf(customers[slot]!)
    while (table[place] !== 0) place = (place + 1) & (table.length - 1)
    table[place] = slot + 1
  }
}

function larger<Numbers extends Int32Array | Float64Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from)
  return to
}

const keys = {
  id: literal('{"id":'),
  customer: literal(',"customer_id":'),
  first: literal(',"first_name":"'),
  last: literal('","last_name":"'),
  email: literal('","email":"'),
  status: literal('","status":"'),
  amount: literal('","amount":'),
  currency: literal(',"currency":"'),
  country: literal('","country":"'),
  created: literal('","created_at":"'),
  note: literal('","note":"'),
  end: literal('"}\n'),
}

/** The rows that stay, in the order in which they came. */
export function* rest(output: Block): Generator<number> {
  const order = Uint32Array.from({ length: count }, (_, slot) => slot).sort((a, b) => numbers[a]! - numbers[b]!)
  let written = 0
  for (const slot of order) {
    if (written > output.bytes.length - 4 * slotSize) {
      yield written
      written = 0
    }
    written = writeRow(blocks[Math.floor(slot / slotsInBlock)]!, (slot % slotsInBlock) * slotSize, output, written)
  }
  yield written
}

function writeRow({ bytes, words }: Block, row: number, { bytes: out, words: to }: Block, start: number): number {
  findFields(bytes, row)
  let o = copy(to, put(to, start, keys.id), words, at[0]!, at[1]! - 1)
  o = copy(to, put(to, o, keys.customer), words, at[1]!, at[2]! - 1)
  o = copy(to, put(to, o, keys.first), words, at[2]!, at[3]! - 1)
  o = copy(to, put(to, o, keys.last), words, at[3]!, at[4]! - 1)
  o = copy(to, put(to, o, keys.email), words, at[4]!, at[5]! - 1)
  o = copy(to, put(to, o, keys.status), words, at[5]!, at[6]! - 1)
  o = copy(to, put(to, o, keys.amount), words, at[6]!, at[7]! - 1)
  o = copy(to, put(to, o, keys.currency), words, at[7]!, at[8]! - 1)
  o = copy(to, put(to, o, keys.country), words, at[8]!, at[9]! - 1)
  o = copy(to, put(to, o, keys.created), words, at[9]!, at[10]! - 1)
  o = put(to, o, keys.note)
  o = bytes[at[10]!] === quote ? writeQuoted(bytes, out, o) : copy(to, o, words, at[10]!, at[11]! - 1)
  return put(to, o, keys.end)
}
