import type { PipelineDefinition } from "@deltaflow/core"

/** What was sold in each country: increments are added up, so every cut of the sales into runs must give the same table. */
export const salesByCountry: PipelineDefinition = {
  name: "sales-by-country",
  sources: [{ type: "sqlite", name: "sales", path: "shop.db", table: "sales", incremental: { column: "id" } }],
  transforms: [
    { type: "filter", condition: "amount > 0 AND country IS NOT NULL" },
    { type: "aggregate", group_by: ["country"], metrics: { sales: "COUNT(*)", total: "SUM(amount)", first: "MIN(id)" } },
  ],
  destinations: [{ type: "sqlite", path: "report.db", table: "by_country", write_mode: "upsert", key: "country" }],
}
