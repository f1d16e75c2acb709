import { runLaws, sourceLaws } from "@deltaflow/testing"
import { test } from "vitest"
import { acmeOrdersSource } from "./index.ts"

const rows = Array.from({ length: 23 }, (_, i) => ({ id: i + 1, name: `row ${i + 1}` }))

runLaws(sourceLaws({ source: acmeOrdersSource, config: { rows: 23 }, rows }), { test })
