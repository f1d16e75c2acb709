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
