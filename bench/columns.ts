/** The columns of the input, and those that J1 adds. */
export const inputColumns = [
  "id",
  "customer_id",
  "first_name",
  "last_name",
  "email",
  "status",
  "amount",
  "currency",
  "country",
  "created_at",
  "note",
] as const

export const addedColumns = ["full_name", "year", "amount_cents"] as const
