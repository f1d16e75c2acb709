/** Events by polling and by streams, webhooks that come in, and what there is of connectors, transforms and schedules. */
import { newEventId } from "@deltaflow/core/adapter"
import { type EngineEvent } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sign } from "../src/signatures.ts"
import { definition, ended, startServer, type TestServer } from "./server.ts"

let server: TestServer
beforeAll(async () => {
  server = await startServer()
  await server.send("POST", "/api/v1/pipelines", definition("orders"))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

const runOnce = async (pipeline = "orders"): Promise<string> => {
  const { body } = await server.send("POST", `/api/v1/pipelines/${pipeline}/runs`)
  await ended(server, pipeline, body.data.id)
  return body.data.id as string
}

interface Heard {
  readonly id: string
  readonly event: string
  readonly data: { readonly id: string; readonly run_id: string; readonly type: string }
}

/** Opens a stream, and gives its events one by one. */
const openStream = async (address: string, headers: Readonly<Record<string, string>> = {}) => {
  const leaving = new AbortController()
  const key = await server.keyFor("pipelines:read")
  const request = new Request(`http://localhost${address}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: leaving.signal,
  })
  const response = await server.handler(request)
  const reader = response.body!.pipeThrough(new TextDecoderStream() as never).getReader() as ReadableStreamDefaultReader<string>
  let rest = ""
  const next = async (): Promise<Heard | undefined> => {
    for (;;) {
      const end = rest.indexOf("\n\n")
      if (end >= 0) {
        const lines = rest.slice(0, end).split("\n")
        rest = rest.slice(end + 2)
        const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        if (field("data") !== undefined)
          return { id: field("id")!, event: field("event")!, data: JSON.parse(field("data")!) as Heard["data"] }
        continue
      }
      const { done, value } = await reader.read()
      if (done) return undefined
      rest += value
    }
  }
  return { response, next, leave: () => leaving.abort() }
}

describe("polling", () => {
  it("gives each event once, however often one asks", async () => {
    const first = await server.send("GET", "/api/v1/events?limit=1000")
    let after = first.body.meta.last_id as string | null
    const run = await runOnce()
    const seen: Array<string> = []
    for (;;) {
      const page = await server.send("GET", `/api/v1/events?pipeline=orders&limit=2${after === null ? "" : `&after=${after}`}`)
      if (page.body.data.length === 0) break
      for (const event of page.body.data) {
        expect(Object.keys(event)).toEqual(["id", "type", "timestamp", "pipeline", "run_id", "data"])
        expect([event.pipeline, event.run_id]).toEqual(["orders", run])
        seen.push(event.type)
      }
      after = page.body.meta.last_id
    }
    expect([seen[0], seen.at(-1)]).toEqual(["pipeline.started", "pipeline.completed"])
    expect(seen).toContain("pipeline.stage.extract")
    const started = await server.send("GET", "/api/v1/events?type=pipeline.started")
    expect(new Set(started.body.data.map((event: { type: string }) => event.type))).toEqual(new Set(["pipeline.started"]))
  })

  it("says what is wrong with a filter, and which event is the oldest where one is gone", async () => {
    for (const query of ["type=odd", "after=evt_1", "since=yesterday", "limit=0", "limit=1001"])
      expect([query, (await server.send("GET", `/api/v1/events?${query}`)).status]).toEqual([query, 400])
    const [oldest] = await server.engine.listEvents({ limit: 1 })
    const gone = newEventId(1_000_000)
    const answer = await server.send("GET", `/api/v1/events?after=evt_0${"0".repeat(25)}`)
    expect([answer.status, answer.body.error]).toMatchObject([410, { code: "EVENTS_GONE", details: { oldest_id: oldest!.id } }])
    expect(gone).toMatch(/^evt_/)
  })
})

describe("streams", () => {
  it("give events as they come, and go on behind the last one", async () => {
    const stream = await openStream("/api/v1/events/stream?pipeline=orders&type=pipeline.completed")
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8")
    expect(stream.response.headers.get("cache-control")).toBe("no-cache, no-transform")
    const one = await runOnce()
    const heard = (await stream.next())!
    expect([heard.event, heard.data.run_id, heard.id]).toEqual(["pipeline.completed", one, heard.data.id])
    stream.leave()
    expect(await stream.next()).toBeUndefined()
    const [two, three] = [await runOnce(), await runOnce()]
    const again = await openStream("/api/v1/events/stream?pipeline=orders&type=pipeline.completed", { "last-event-id": heard.id })
    expect([(await again.next())!.data.run_id, (await again.next())!.data.run_id]).toEqual([two, three])
    const four = await runOnce()
    expect((await server.send("GET", "/metrics")).text).toContain("\ndeltaflow_event_streams 1\n")
    expect((await again.next())!.data.run_id).toBe(four)
    again.leave()
  })

  it("carry events that another process stores", async () => {
    const stream = await openStream("/api/v1/events/stream?pipeline=elsewhere")
    const event: EngineEvent = {
      id: newEventId(Date.now()),
      type: "pipeline.completed",
      timestamp: Date.now(),
      pipeline: "elsewhere",
      runId: "run_1",
      data: {},
    }
    await Effect.runPromise(server.store.appendEvents([event]))
    expect((await stream.next())!.id).toBe(event.id)
    stream.leave()
  })

  it("lose and repeat nothing for many listeners that come and go while events come", async () => {
    const [start] = (await server.send("GET", "/api/v1/events?limit=1")).body.data
    let stopped = false
    const write = (async () => {
      for (let n = 0; !stopped; n++) {
        const now = Date.now()
        const events = [0, 1].map((i) => ({
          id: newEventId(now),
          type: "pipeline.started",
          timestamp: now,
          pipeline: "busy",
          runId: `${n}-${i}`,
          data: {},
        }))
        await Effect.runPromise(server.store.appendEvents(events))
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })()
    const listen = async (): Promise<ReadonlyArray<string>> => {
      const heard: Array<string> = []
      let last = start.id as string
      for (let visit = 0; visit < 4; visit++) {
        const stream = await openStream("/api/v1/events/stream?pipeline=busy", { "last-event-id": last })
        for (let i = 0; i < 25; i++) {
          const event = (await stream.next())!
          heard.push(event.data.run_id)
          last = event.id
        }
        stream.leave()
      }
      return heard
    }
    const all = await Promise.all(Array.from({ length: 5 }, listen))
    stopped = true
    await write
    const expected = Array.from({ length: 100 }, (_, i) => `${Math.floor(i / 2)}-${i % 2}`)
    for (const heard of all) expect(heard).toEqual(expected)
  })
})

describe("webhooks that come in", () => {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  beforeAll(async () => {
    const trigger = { type: "webhook", path: "on-demand", secret }
    await server.send("POST", "/api/v1/pipelines", definition("triggered", { trigger }))
  })
  const body = '{"file":"users.csv"}'
  const send = (headers: Readonly<Record<string, string>>, text = body) =>
    server.send("POST", "/api/trigger/on-demand", text, { authorization: "", "content-type": "application/json", ...headers })

  it("start a run for who knows the secret", async () => {
    const { status, body: answer } = await send({ "x-webhook-secret": secret })
    expect(status).toBe(202)
    expect(await ended(server, "triggered", answer.data.id)).toMatchObject({ status: "success", trigger: "webhook" })
    for (const wrong of [{}, { "x-webhook-secret": "wrong" }, { "x-webhook-secret": "" }]) expect((await send(wrong)).status).toBe(401)
    expect((await server.send("POST", "/api/trigger/nowhere", body)).status).toBe(404)
  })

  it("start a run for who signs, once for each id", async () => {
    const seconds = Math.floor(Date.now() / 1000)
    const signed = (id: string, time = seconds, text = body) => ({
      "webhook-id": id,
      "webhook-timestamp": String(time),
      "webhook-signature": sign(secret, id, time, new TextEncoder().encode(text)),
    })
    const first = await send(signed("msg_1"))
    expect(first.status).toBe(202)
    await ended(server, "triggered", first.body.data.id)
    const copies = await Promise.all(Array.from({ length: 20 }, () => send(signed("msg_1"))))
    expect(new Set(copies.map((copy) => copy.body.data.id))).toEqual(new Set([first.body.data.id]))
    expect((await send(signed("msg_2", seconds - 400))).status).toBe(401)
    expect((await send(signed("msg_3"), '{"file":"other.csv"}')).status).toBe(401)
  })

  it("do nothing for a pipeline that is paused", async () => {
    await server.send("POST", "/api/v1/pipelines/triggered/pause")
    expect((await send({ "x-webhook-secret": secret })).status).toBe(409)
    await server.send("POST", "/api/v1/pipelines/triggered/resume")
  })
})

describe("connectors", () => {
  it("are listed with the pipelines that name them, and with how they are", async () => {
    const { body } = await server.send("GET", "/api/v1/connectors?per_page=100")
    const source = body.data.find(({ role, type }: { role: string; type: string }) => role === "source" && type === "csv")
    expect(source).toEqual({
      name: "orders.source",
      type: "csv",
      role: "source",
      status: "unknown",
      last_check: null,
      pipelines: ["orders", "triggered"],
    })
    const { body: health } = await server.send("GET", "/api/v1/connectors/orders.source/health")
    expect(health.data).toMatchObject({ name: "orders.source", status: "healthy", error: null })
    await server.send("POST", "/api/v1/pipelines", definition("broken", { sources: [{ type: "csv", path: "none.csv", name: "gone" }] }))
    const { body: gone } = await server.send("GET", "/api/v1/connectors/gone/health")
    expect(gone.data).toMatchObject({ status: "unhealthy", error: expect.stringContaining("none.csv") })
  })

  it("are tried without being stored", async () => {
    const test = async (body: object) => (await server.send("POST", "/api/v1/connectors/test", body)).body
    expect((await test({ type: "csv", path: "users.csv" })).data).toMatchObject({
      status: "connected",
      role: "source",
      columns: ["id", "name", "age"],
    })
    expect((await test({ type: "csv", path: "none.csv" })).data).toMatchObject({
      status: "failed",
      error: expect.stringContaining("none.csv"),
    })
    expect((await test({ type: "csv" })).error).toMatchObject({ code: "INVALID_PIPELINE", details: { issues: [{ path: "path" }] } })
    expect((await test({ type: "odd" })).error).toMatchObject({ code: "INVALID_PIPELINE", details: { issues: [{ path: "type" }] } })
    const failed = await test({ type: "postgres", connection: "postgres://ada:canary-5512@127.0.0.1:1/shop" })
    expect(failed.data).toMatchObject({ status: "failed", type: "postgres" })
    expect(JSON.stringify(failed)).not.toContain("canary-5512")
  })

  it("tell when they are otherwise than before", async () => {
    await using watched = await startServer({ healthInterval: 20 })
    await watched.send("POST", "/api/v1/pipelines", definition("orders", { sources: [{ type: "csv", path: "late.csv", name: "late" }] }))
    const status = async () => (await watched.send("GET", "/api/v1/connectors/late/health")).body.data.status
    expect(await status()).toBe("unhealthy")
    const { writeFileSync } = await import("node:fs")
    writeFileSync(`${watched.folder}/late.csv`, "id,age\n1,20\n")
    const changed = async () => (await watched.send("GET", "/api/v1/events?type=connector.health.changed")).body.data
    await expect
      .poll(changed, { timeout: 10_000 })
      .toMatchObject([{ pipeline: "orders", data: { connector: "late", status: "healthy", previous: "unhealthy" } }])
  })

  it("have types with the JSON Schema of their configs", async () => {
    const { body } = await server.send("GET", "/api/v1/connector-types?per_page=100")
    const csv = body.data.find(({ type, role }: { type: string; role: string }) => type === "csv" && role === "source")
    expect(csv.schema.properties.path).toMatchObject({ type: "string" })
  })
})

describe("transforms", () => {
  it("are listed, and run over a few rows", async () => {
    const { body } = await server.send("GET", "/api/v1/transforms")
    expect(body.data).toContainEqual({ name: "filter", type: "builtin", description: "Keeps the rows for which the condition is true." })
    const input = [
      { id: 1, age: 36 },
      { id: 2, age: 12 },
    ]
    const tested = await server.send("POST", "/api/v1/transforms/filter/test", { input, config: { condition: "age >= 18" } })
    expect(tested.body.data).toMatchObject({ output: [{ id: 1, age: 36 }], stats: { input_rows: 2, output_rows: 1 } })
    const wrong = await server.send("POST", "/api/v1/transforms/filter/test", { input, config: { condition: "agee >= 18" } })
    expect([wrong.status, wrong.body.error.code]).toEqual([422, "INVALID_PIPELINE"])
    const mixed = await server.send("POST", "/api/v1/transforms/filter/test", {
      input: [{ a: 1 }, { a: "b" }],
      config: { condition: "true" },
    })
    expect([mixed.status, mixed.body.error.message]).toEqual([422, expect.stringContaining("row 2, column a")])
    expect((await server.send("POST", "/api/v1/transforms/custom/test", { input, config: { module: "/etc/passwd" } })).status).toBe(400)
  })
})

describe("scheduler jobs", () => {
  it("show the next runs, and can be changed and paused", async () => {
    await server.send("POST", "/api/v1/pipelines", definition("nightly", { schedule: "0 2 * * *", timezone: "Europe/Berlin" }))
    const { body } = await server.send("GET", "/api/v1/scheduler/jobs")
    expect(body.data).toMatchObject([
      { pipeline: "nightly", schedule: "0 2 * * *", timezone: "Europe/Berlin", status: "active", last_run_at: null },
    ])
    expect(body.data[0].next_run_at).toMatch(/T0[01]:00:00Z$/)
    const put = (change: object) => server.send("PUT", "/api/v1/scheduler/jobs/nightly", change)
    expect((await put({ schedule: "30 4 * * *", timezone: "UTC" })).body.data.next_run_at).toMatch(/T04:30:00Z$/)
    expect((await server.send("GET", "/api/v1/pipelines/nightly")).body.data.schedule).toBe("30 4 * * *")
    expect((await put({ schedule: "99 * * * *" })).body.error.details.issues[0].path).toBe("schedule")
    expect((await put({ timezone: "Mars/Olympus" })).body.error.details.issues[0].path).toBe("timezone")
    expect((await put({ enabled: false })).body.data).toMatchObject({ status: "paused", next_run_at: null })
    expect((await server.send("POST", "/api/v1/scheduler/jobs/nightly/resume")).body.data.status).toBe("active")
    expect((await server.send("POST", "/api/v1/scheduler/jobs/none/pause")).status).toBe(404)
  })
})

describe("the server itself", () => {
  it("has figures, a document and a page", async () => {
    const metrics = await server.send("GET", "/metrics")
    expect(metrics.headers.get("content-type")).toContain("text/plain; version=0.0.4")
    expect(metrics.text).toMatch(/^deltaflow_runs\{status="success"\} \d+$/m)
    expect(metrics.text).toMatch(/^deltaflow_http_requests_total\{endpoint="runs.trigger",status="202"\} \d+$/m)
    const openapi = await server.send("GET", "/api/v1/openapi.json", undefined, { authorization: "" })
    expect(openapi.body.openapi).toBe("3.1.0")
    const docs = await server.send("GET", "/docs", undefined, { authorization: "" })
    expect(docs.text).toContain("<code>GET /api/v1/pipelines</code>")
  })
})
