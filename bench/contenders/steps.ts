/** The declared steps of the jobs, as a pipeline file has them. */
export const filter = { type: "filter", condition: "status = 'paid' AND amount > 50" } as const

export const map = {
  type: "map",
  fields: { full_name: "first_name || ' ' || last_name", year: "EXTRACT(YEAR FROM created_at)", amount_cents: "(amount * 100)::bigint" },
} as const
