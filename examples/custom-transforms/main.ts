import { createEngine, pipeline, type Row } from "@deltaflow/core"
import { memoryDestination, memorySource } from "@deltaflow/connectors"
import { domain, perItem, tax, totals } from "./transforms.ts"

const orders = [
  { customer: "ada", email: "ada@example.com", country: "DE", amount: 40, items: ["tea", "cup"] },
  { customer: "bo", email: "bo@example.org", country: "FR", amount: 7, items: ["tea"] },
  { customer: "ada", email: "ada@example.com", country: "DE", amount: 2.5, items: ["spoon"] },
  { customer: "eva", email: "eva@example.com", country: "US", amount: 1, items: ["cup"] },
]

const output = memoryDestination()
await using engine = createEngine({ plugins: [memorySource({ orders }), output, domain, perItem, tax, totals] })

const rowsOf = async (name: string, transforms: ReadonlyArray<{ type: string; column?: string }>) => {
  const sources = [{ type: "memory", dataset: "orders" }]
  await engine.run(pipeline({ name, sources, transforms, destinations: [{ type: "memory", dataset: name }] }))
  return output.rows(name)
}

const items = await rowsOf("items", [{ type: "domain" }, { type: "tax" }, { type: "per_item", column: "items" }])
const spent = await rowsOf("spent", [{ type: "totals" }])
const of = (row: Row | undefined, column: string): string => String(row?.[column])
const ada = spent.find((row) => row["customer"] === "ada")
console.log(
  `${items.length} items for ${spent.length} customers; ada has spent ${of(ada, "spent")}, at ${of(items[0], "country")} ${of(items[0], "tax")}%`,
)
