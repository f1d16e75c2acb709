/** The suite of jobs on a real PostgreSQL. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../scripts/postgresServer.ts"
import { queueContract } from "./queueContract.ts"
import { whenLeft } from "./queueHosts.ts"

const missing = await missingServer()

it.runIf(missing !== undefined)(`jobs of graphile-worker are tried on PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

let server: PostgresServer
const address = () => `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(async () => {
  if (missing !== undefined) return
  await whenLeft(address())
  await server.stop()
})

if (missing === undefined) queueContract("graphile-worker", address)
