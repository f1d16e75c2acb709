import { pipeline, typedDestination, typedSource, typedStep, typedTransform } from "@deltaflow/core"

const orders = typedSource(
  { type: "csv", path: "data/orders.csv" },
  { id: "integer", customer: "string", net: "decimal", ordered_at: "timestamptz" },
)

/** A function: its rows have the columns that it takes, and what it gives are columns for the steps behind it. */
export const greeting = typedTransform({
  type: "greeting",
  takes: { customer: "string" },
  patch: (row) => ({ greeting: `Dear ${row.customer ?? "customer"}` }),
})

export const bills = pipeline({
  name: "bills",
  sources: [orders],
  transforms: [
    { type: "filter", condition: "net >= 1" },
    { type: "map", fields: { gross: "ROUND(net * 1.19, 2)", day: "ordered_at::date" } },
    typedStep(greeting),
    { type: "select", columns: ["id", "greeting", "gross", "day"] },
  ],
  destinations: [
    typedDestination(
      { type: "sqlite", path: "output/bills.db", table: "bills", write_mode: "upsert", key: "id" },
      { id: "integer", greeting: "string", gross: "decimal", day: "date" },
    ),
  ],
})

// Each of these is a mistake that the compiler finds. Were one of them right, it would say that the line above it is of no use.
pipeline({
  name: "wrong",
  sources: [orders],
  // @ts-expect-error: there is no column `costumer`
  transforms: [{ type: "select", columns: ["id", "costumer"] }],
  destinations: [{ type: "ndjson", path: "output/wrong.ndjson" }],
})
pipeline({
  name: "wrong",
  sources: [orders],
  // @ts-expect-error: a condition gives true or false
  transforms: [{ type: "filter", condition: "net + 1" }],
  destinations: [{ type: "ndjson", path: "output/wrong.ndjson" }],
})
pipeline({
  name: "wrong",
  sources: [orders],
  // @ts-expect-error: `net` is a decimal, and these rows are to have a date there
  destinations: [typedDestination({ type: "ndjson", path: "output/wrong.ndjson" }, { id: "integer", net: "date" })],
})
