import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { bills, greeting } from "./orders.ts"

await using engine = createEngine({ plugins: [...builtins, greeting] })
const { rowsExtracted, rowsLoaded } = await engine.run(bills)
console.log(`${rowsExtracted} orders, ${rowsLoaded} bills`)
