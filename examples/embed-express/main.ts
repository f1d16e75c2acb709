/** A shop with pipelines inside. Its staff starts an import and watches it; all else is the Pipeline API, behind the shop's own login. */
import { mkdirSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import { createHandler } from "@deltaflow/http"
import { toNodeListener } from "@deltaflow/http/node"
import { Scheduler } from "@deltaflow/scheduler"
import express, { type RequestHandler } from "express"
import { prices } from "./pipelines.ts"

mkdirSync("output", { recursive: true })
const store = sqliteStore({ path: "output/state.db" })
const engine = createEngine({ plugins: builtins, store })
const scheduler = new Scheduler(engine, { pipelines: [prices] })
await scheduler.start()
const api = createHandler(engine, { prefix: "/etl", auth: "none", pipelines: [{ pipeline: prices }], startsWaiting: false })
await api.ready

/** In the place of the shop's sessions. */
const staffOnly: RequestHandler = (request, response, next) => {
  if (request.headers["x-shop-user"] === "staff") next()
  else response.status(401).json({ error: "log in first" })
}

const app = express()
// Before express.json(): the API reads its bodies itself.
app.use("/etl", staffOnly, toNodeListener(api))
app.use(express.json())

app.post("/imports", staffOnly, async (_request, response) => {
  const { id } = await engine.enqueueRun({ pipeline: "prices", priority: 10 })
  response.status(202).json({ id, events: `/imports/${id}/events` })
})

app.get("/imports/:id/events", staffOnly, async (request, response) => {
  const id = String(request.params["id"])
  const gone = new AbortController()
  response.once("close", () => gone.abort())
  // Listening begins before the run is looked at, so that nothing is missed in between.
  const events = engine.events({ runId: id, signal: gone.signal })
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" })
  const run = await engine.getRun(id)
  const tell = (type: string, data: unknown): boolean => response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
  tell("status", { status: run?.status ?? null })
  if (run === undefined || run.completedAt !== null) return void response.end()
  for await (const { type, data } of events) {
    tell(type, data)
    if (["pipeline.completed", "pipeline.failed", "pipeline.cancelled"].includes(type)) break
  }
  response.end()
})

const server = createServer(app)
server.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

/** No more runs and no more requests; runs that go on have 20 seconds, then they are cancelled with the engine and go on next time. */
const close = async (): Promise<void> => {
  server.close()
  await Promise.all([scheduler.stop(20_000), api.close(20_000)])
  server.closeAllConnections()
  await engine.close()
  await store[Symbol.asyncDispose]()
}

process.once("SIGTERM", () => void close())
