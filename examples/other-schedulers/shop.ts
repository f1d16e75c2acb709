/** The pipeline and the engine that all of these start. */
import { csvSource, ndjsonDestination } from "@deltaflow/connectors"
import { createEngine, pipeline } from "@deltaflow/core"

export const plugins = [csvSource, ndjsonDestination]

export const paidOrders = pipeline({
  name: "paid-orders",
  sources: [{ type: "csv", path: "data/orders.csv" }],
  transforms: [{ type: "filter", condition: "status = 'paid'" }],
  destinations: [{ type: "ndjson", path: "output/paid.ndjson" }],
})

export const openEngine = () => createEngine({ plugins, projectRoot: import.meta.dirname })
