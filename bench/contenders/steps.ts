import { inputColumns } from "../columns.ts"

/** The declared steps of the jobs, as a pipeline file has them. */
export const filter = { type: "filter", condition: "status = 'paid' AND amount > 50" } as const

export const map = {
  type: "map",
  fields: { full_name: "first_name || ' ' || last_name", year: "EXTRACT(YEAR FROM created_at)", amount_cents: "(amount * 100)::bigint" },
} as const

/** What `filter` and `map` do, in ten steps. */
export const tenSteps = [
  { type: "filter", condition: "status = 'paid'" },
  { type: "filter", condition: "amount > 50" },
  { type: "map", fields: { full_name: "first_name || ' ' || last_name" } },
  { type: "rename", columns: { full_name: "name" } },
  { type: "map", fields: { year: "EXTRACT(YEAR FROM created_at)" } },
  { type: "filter", condition: "year > 0" },
  { type: "map", fields: { amount_cents: "(amount * 100)::bigint" } },
  { type: "rename", columns: { name: "full_name" } },
  { type: "filter", condition: "id IS NOT NULL" },
  { type: "select", columns: [...inputColumns, "full_name", "year", "amount_cents"] },
] as const

export const group = {
  type: "aggregate",
  group_by: ["country", "currency"],
  metrics: { orders: "COUNT(*)", total: "SUM(amount)", average: "ROUND(AVG(amount), 2)", largest: "MAX(amount)" },
} as const

export const latest = { type: "deduplicate", key: "customer_id", keep: "latest", by: "created_at" } as const
