import { expect, it } from "vitest"
import { crashAndRetry, everyId } from "./crash.ts"

const cases = (["csv", "ndjson"] as const).flatMap((format) =>
  (["sqlite", "ndjson"] as const).flatMap((into) => [[1], [40], [41], [123, 187], [200]].map((hangsAt) => ({ format, into, hangsAt }))),
)

it.each(cases)("goes on after kill -9: $format into $into at $hangsAt", { timeout: 120_000 }, async (crash) => {
  expect(await crashAndRetry(crash)).toEqual(everyId)
})

it("waits for the lease of a process that is gone", { timeout: 180_000 }, async () => {
  expect(await crashAndRetry({ format: "csv", into: "sqlite", hangsAt: [95], waits: true })).toEqual(everyId)
})
