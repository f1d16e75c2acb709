/**
 * The bound for J2: a byte loop for this one schema.
 *
 * A group is found by a hash of its two codes, and nothing checks that no other has the same.
 */
import { at, findFields } from "./csvOrders.ts"
import type { Block } from "./words.ts"

export { rowStart } from "./csvOrders.ts"

interface Group {
  readonly country: string
  readonly currency: string
  orders: number
  cents: number
  largest: number
}

const groups: Array<Group> = []
/** The number of a group plus one, by the hash of its codes. */
const slots = new Uint16Array(1 << 16)

export function convert({ bytes }: Block, start: number, end: number): number {
  let next = start
  while (next < end) {
    const cents = findFields(bytes, next)
    next = at[11]!
    if (cents <= 5000) continue
    const currency = at[7]!
    const hash =
      ((bytes[currency + 4]! << 11) ^
        (bytes[currency + 5]! << 6) ^
        (bytes[currency]! << 7) ^
        (bytes[currency + 1]! << 3) ^
        bytes[currency + 2]!) &
      0xffff
    if (slots[hash] === 0) slots[hash] = groups.push(groupAt(bytes, currency))
    const group = groups[slots[hash]! - 1]!
    group.orders++
    group.cents += cents
    if (cents > group.largest) group.largest = cents
  }
  return 0
}

const latin1 = new TextDecoder("latin1")

const groupAt = (bytes: Uint8Array, currency: number): Group => ({
  country: latin1.decode(bytes.subarray(currency + 4, currency + 6)),
  currency: latin1.decode(bytes.subarray(currency, currency + 3)),
  orders: 0,
  cents: 0,
  largest: 0,
})

export function* rest({ bytes }: Block): Generator<number> {
  const lines = groups.map(({ country, currency, orders, cents, largest }) => {
    const average = Math.floor((2 * cents + orders) / (2 * orders))
    const amounts = `"total":${money(cents)},"average":${money(average)},"largest":${money(largest)}`
    return `{"country":"${country}","currency":"${currency}","orders":${orders},${amounts}}\n`
  })
  yield new TextEncoder().encodeInto(lines.join(""), bytes).written
}

const money = (cents: number): string => (cents / 100).toFixed(2)
