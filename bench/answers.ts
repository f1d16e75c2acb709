/** The answers that the rows themselves give: what every contender's output is compared with. */
import { addedColumns, inputColumns } from "./columns.ts"
import type { Order } from "./data.ts"

export const answers = ["enriched", "filtered", "grouped", "latest"] as const

/**
 * `enriched`: rows that pass the filter, with the added columns. `filtered`: the same with the input columns alone. `grouped`: one row for
 * each country and currency of those that pass. `latest`: of all rows the last one of each customer.
 */
export type Answer = (typeof answers)[number]

/** Takes all rows in order; what it gives, row by row and then at the end, is the answer in its order. */
interface Collector {
  readonly take: (order: Order) => ReadonlyArray<string> | undefined
  readonly rest: () => Iterable<ReadonlyArray<string>>
}

export const answerColumns: Readonly<Record<Answer, ReadonlyArray<string>>> = {
  enriched: [...inputColumns, ...addedColumns],
  filtered: inputColumns,
  grouped: ["country", "currency", "orders", "total", "average", "largest"],
  latest: inputColumns,
}

export const collectors: Readonly<Record<Answer, () => Collector>> = {
  enriched: () => ({ take: (order) => (isWanted(order) ? enrichedValues(order) : undefined), rest: () => [] }),
  filtered: () => ({ take: (order) => (isWanted(order) ? inputValues(order) : undefined), rest: () => [] }),
  grouped,
  latest,
}

/** The filter of the jobs: `status = 'paid' AND amount > 50`. */
export const isWanted = (order: Order): boolean => order.status === "paid" && order.amountCents > 5000

export const inputValues = (order: Order): Array<string> => [
  String(order.id),
  String(order.customerId),
  order.firstName,
  order.lastName,
  order.email,
  order.status,
  money(order.amountCents),
  order.currency,
  order.country,
  order.createdAt,
  order.note,
]

const enrichedValues = (order: Order): Array<string> => [
  ...inputValues(order),
  `${order.firstName} ${order.lastName}`,
  order.createdAt.slice(0, 4),
  String(order.amountCents),
]

interface Group {
  readonly country: string
  readonly currency: string
  orders: number
  cents: number
  largest: number
}

/** Groups in the order of their first row. The average is rounded to cents, halves up. */
function grouped(): Collector {
  const groups = new Map<string, Group>()
  const take = (order: Order): undefined => {
    if (!isWanted(order)) return
    const { country, currency, amountCents } = order
    const key = `${country},${currency}`
    const group = groups.get(key) ?? { country, currency, orders: 0, cents: 0, largest: 0 }
    groups.set(key, group)
    group.orders++
    group.cents += amountCents
    group.largest = Math.max(group.largest, amountCents)
  }
  const values = ({ country, currency, orders, cents, largest }: Group): Array<string> => [
    country,
    currency,
    String(orders),
    money(cents),
    money(Math.floor((2 * cents + orders) / (2 * orders))),
    money(largest),
  ]
  return { take, rest: () => groups.values().map(values) }
}

/** In the order of the input. Of two rows of one second the later one stays. */
function latest(): Collector {
  const rows = new Map<number, Order>()
  const take = (order: Order): undefined => {
    const known = rows.get(order.customerId)
    if (known === undefined || known.createdAt <= order.createdAt) rows.set(order.customerId, order)
  }
  const rest = (): Array<Array<string>> => [...rows.values()].toSorted((a, b) => a.id - b.id).map(inputValues)
  return { take, rest }
}

export function money(all: number): string {
  const cents = all % 100
  return `${(all - cents) / 100}.${cents < 10 ? "0" : ""}${cents}`
}
