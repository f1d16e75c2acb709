/** Lets each of them start the pipeline. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { missingServer, startPostgres } from "../../scripts/postgresServer.ts"

const firstRun = async (file: string, more: Readonly<Record<string, string>> = {}): Promise<string> => {
  const env = { ...process.env, CRON: "* * * * * *", ...more }
  const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(child, "exit")
  let said = ""
  for await (const part of child.stdout) {
    said += String(part)
    if (/^\S+: success$/m.test(said)) break
  }
  child.kill("SIGKILL")
  await ended
  return said
}

assert.match(await firstRun("nodeCron.ts"), /^node-cron: success$/m)
assert.match(await firstRun("effect.ts"), /^effect: success$/m)
console.log("✓ node-cron and Effect")

const { activities } = await import("./temporal.ts")
assert.equal(typeof activities.pipeline, "function")

const missing = await missingServer()
if (missing === undefined) {
  const server = await startPostgres()
  const address = `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
  assert.match(await firstRun("graphileWorker.ts", { DATABASE_URL: address }), /^graphile-worker: success$/m)
  await server.stop()
  console.log("✓ Graphile Worker")
} else {
  console.log(`Graphile Worker is not run: ${missing}`)
  if (process.env["DELTAFLOW_SERVICES"] === "required") process.exitCode = 1
}
