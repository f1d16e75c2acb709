import { expect, it } from "vitest"
import { crashAndRetry, everyId } from "./crash.ts"

it("loses no row and brings none twice when the process is killed between two commits", { timeout: 120_000 }, async () => {
  expect(await crashAndRetry({ format: "ndjson", into: "sqlite", hangsAt: [95] })).toEqual(everyId)
})
