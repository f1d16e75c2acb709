import { expect, it } from "vitest"
import { sendFuzzed } from "./fuzz.ts"
import { startServer } from "./server.ts"

it("answers 500 fuzzed requests without one 5xx", async () => {
  const said: Array<string> = []
  await using server = await startServer({ webhooks: false, log: { error: (message) => void said.push(message), warn: () => undefined } })
  await sendFuzzed(server, 500)
  expect(said).toEqual([])
})
