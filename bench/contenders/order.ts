/** The jobs as a user of a CSV or JSON library writes them over one row at a time. */
import { closeSync, openSync, writeSync } from "node:fs"

/** J1 over the fields of a row, in the order of the file; nothing for a row that does not pass. */
export function enrich(fields: ReadonlyArray<string>): object | undefined {
  const [id, customer_id, first_name, last_name, email, status, amountText, currency, country, created_at, note] = fields
  const amount = Number(amountText)
  if (status !== "paid" || !(amount > 50)) return undefined
  return {
    id: Number(id),
    customer_id: Number(customer_id),
    first_name,
    last_name,
    email,
    status,
    amount,
    currency,
    country,
    created_at,
    note,
    full_name: `${first_name} ${last_name}`,
    year: new Date(created_at!).getUTCFullYear(),
    amount_cents: Math.round(amount * 100),
  }
}

/** Takes all rows, and then gives the result. */
export interface Rows {
  readonly take: (fields: ReadonlyArray<string>) => void
  readonly rest: () => Iterable<object>
}

interface Group {
  readonly country: string
  readonly currency: string
  orders: number
  cents: number
  largest: number
}

/** J2. Sums are of cents, as doubles would not be exact. */
export function filteredGroups(): Rows {
  const groups = new Map<string, Group>()
  const take = (fields: ReadonlyArray<string>): void => {
    const amount = Number(fields[6])
    if (fields[5] !== "paid" || !(amount > 50)) return
    const country = fields[8]!
    const currency = fields[7]!
    const key = `${country},${currency}`
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = { country, currency, orders: 0, cents: 0, largest: 0 }))
    group.orders++
    group.cents += Math.round(amount * 100)
    if (amount > group.largest) group.largest = amount
  }
  const row = ({ country, currency, orders, cents, largest }: Group): object => ({
    country,
    currency,
    orders,
    total: cents / 100,
    average: Math.round(cents / orders) / 100,
    largest,
  })
  return { take, rest: () => groups.values().map(row) }
}

/** J3. Times in ISO form compare as text. */
export function latestRows(): Rows {
  const rows = new Map<string, ReadonlyArray<string>>()
  const take = (fields: ReadonlyArray<string>): void => {
    const known = rows.get(fields[1]!)
    if (known === undefined || known[9]! <= fields[9]!) rows.set(fields[1]!, fields)
  }
  const row = ([
    id,
    customer_id,
    first_name,
    last_name,
    email,
    status,
    amount,
    currency,
    country,
    created_at,
    note,
  ]: ReadonlyArray<string>) => ({
    id: Number(id),
    customer_id: Number(customer_id),
    first_name,
    last_name,
    email,
    status,
    amount: Number(amount),
    currency,
    country,
    created_at,
    note,
  })
  return { take, rest: () => rows.values().map(row) }
}

/** Collects text and writes it in blocks. */
export class TextWriter {
  readonly #file: number
  #pending = ""

  constructor(path: string) {
    this.#file = openSync(path, "w")
  }

  write(text: string): void {
    this.#pending += text
    if (this.#pending.length >= 1 << 18) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#file)
  }

  #flush(): void {
    writeSync(this.#file, this.#pending)
    this.#pending = ""
  }
}
