/** The suite of jobs on a real Redis: that at `REDIS_URL`, else the one of this machine. */
import { expect, it } from "vitest"
import { queueContract } from "./queueContract.ts"
import { missingRedis } from "./queueHosts.ts"

const address = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379"
const missing = await missingRedis(address)

it.runIf(missing !== undefined)(`jobs of BullMQ are tried on Redis (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

if (missing === undefined) queueContract("bullmq", () => address)
