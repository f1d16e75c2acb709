/** J1 as one function from row to row, of which the engine knows nothing. */
interface OrderRow {
  readonly first_name: string
  readonly last_name: string
  readonly status: string
  /** An exact decimal, which JavaScript turns into a number where it is used as one. */
  readonly amount: object
  readonly created_at: string
}

export function enrichRow(row: OrderRow): object | null {
  if (row.status !== "paid") return null
  const amount = Number(row.amount)
  if (!(amount > 50)) return null
  return {
    ...row,
    full_name: `${row.first_name} ${row.last_name}`,
    year: new Date(row.created_at).getUTCFullYear(),
    amount_cents: Math.round(amount * 100),
  }
}
