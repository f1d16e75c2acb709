/** The filter of J6 as one function, of which the engine knows nothing. */
export const isPaid = (row: { readonly status: string; readonly amount: object }): object | null =>
  row.status === "paid" && Number(row.amount) > 50 ? row : null
