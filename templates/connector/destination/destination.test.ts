import { parseJson, stringifyJson, type Row } from "@deltaflow/core"
import { destinationLaws, memoryFiles, runLaws } from "@deltaflow/testing"
import { test } from "vitest"
import { acmeOrdersDestination } from "./index.ts"

const throughJson = (row: Row): Row => parseJson(stringifyJson(row)) as Row

const makePlace = () => {
  const files = memoryFiles()
  const readBack = () =>
    (files.text("/project/out/rows.jsonl") ?? "")
      .split("\n")
      .filter(Boolean)
      .map((line) => parseJson(line) as Row)
  return { projectRoot: "/project", files, config: { path: "out/rows.jsonl" }, readBack }
}

runLaws(
  destinationLaws({
    destination: acmeOrdersDestination,
    make: makePlace,
    // JSON has no dates and no bytes: they come back as text.
    expected: (rows) => rows.map(throughJson),
  }),
  { test },
)
