/** The client against the real handler: in process, over a socket, and over one that drops, stalls and lies. */
import { gzipSync } from "node:zlib"
import { createServer, type Server } from "node:http"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { builtins } from "@deltaflow/connectors"
import { createEngine, type Engine } from "@deltaflow/core"
import { createHandler, type Handler, type shapes } from "@deltaflow/http"
import { listen, type Listening } from "@deltaflow/http/node"
import { rolldown } from "rolldown"
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest"
import * as client from "../src/index.ts"

const { Deltaflow } = client

let folder: string
let engine: Engine
let handler: Handler
let listening: Listening
let inProcess: client.Deltaflow
let overSocket: client.Deltaflow

const definition = (name: string) => ({
  name,
  version: "1.0",
  sources: [{ type: "csv", path: "users.csv" }],
  destinations: [{ type: "ndjson", path: `${name}.ndjson` }],
})

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "deltaflow-client-"))
  writeFileSync(path.join(folder, "users.csv"), "id,age\n1,20\n2,30\n")
  engine = createEngine({ plugins: builtins, projectRoot: folder })
  handler = createHandler(engine, { auth: "none", healthInterval: false, rateLimit: 0, prefix: "/etl" })
  listening = await listen(handler, { port: 0 })
  const fetch = async (input: string, init?: RequestInit) => await handler(new Request(input, init))
  inProcess = new Deltaflow({ baseUrl: "http://localhost/etl", fetch })
  overSocket = new Deltaflow({ baseUrl: `${listening.url}/etl`, apiKey: "df_key_any" })
})
afterAll(async () => {
  await handler.close(1000)
  await listening.close(100)
  await engine.close()
  rmSync(folder, { recursive: true, force: true })
})

describe("the calls of the page", () => {
  it.each([
    ["in process", () => inProcess],
    ["over a socket", () => overSocket],
  ])("work %s", async (where, get) => {
    const api = get()
    const name = `orders-${where.replaceAll(" ", "-")}`
    const made = await api.pipelines.create(definition(name))
    expect(made).toMatchObject({ name, revision: 1, lastRun: null, definition: definition(name) })
    const pipelines = await api.pipelines.list()
    expect(pipelines.map((one) => one.name)).toContain(name)
    expect([pipelines.page, pipelines.perPage]).toEqual([1, 20])
    expect((await api.pipelines.get(name)).version).toBe("1.0")
    const run = await api.pipelines.run(name, { fullRefresh: true })
    expect(run.id).toMatch(/^run_/)
    const result = await run.wait({ timeout: 20_000 })
    expect(result).toMatchObject({ status: "success", rowsLoaded: 2, fullRefresh: true, isOver: true })
    const runs = await api.pipelines.runs(name, { limit: 10 })
    expect(runs.map((one) => one.id)).toEqual([run.id])
    expect((await result.logs()).at(-1)!.type).toBe("pipeline.completed")
    expect(await api.runs.gantt()).toContain(`section ${name}`)
    const changed = await api.pipelines.update(name, { ...definition(name), version: "2.0" }, { revision: 1 })
    expect(changed.revision).toBe(2)
    await expect(api.pipelines.update(name, definition(name), { revision: 1 })).rejects.toBeInstanceOf(client.ConflictError)
    expect((await api.pipelines.pause(name)).status).toBe("paused")
    expect((await api.pipelines.resume(name)).status).toBe("active")
    expect((await api.scheduler.update(name, { schedule: "0 2 * * *" })).nextRunAt).toMatch(/T02:00:00Z$/)
    expect(await api.transforms.test("filter", [{ a: 1 }, { a: 2 }], { condition: "a > 1" })).toMatchObject({
      output: [{ a: 2 }],
      stats: { outputRows: 1 },
    })
    expect(await api.connectors.test({ type: "csv", path: "users.csv" })).toMatchObject({ status: "connected", columns: ["id", "age"] })
    await api.pipelines.delete(name)
    await expect(api.pipelines.get(name)).rejects.toBeInstanceOf(client.PipelineNotFoundError)
  })

  it("goes over all pages of a list", async () => {
    for (let i = 0; i < 7; i++)
      await inProcess.pipelines.create(
        `name: paged-${i}\nsources: [{type: csv, path: users.csv}]\ndestinations: [{type: ndjson, path: p.ndjson}]\n`,
      )
    const names: Array<string> = []
    for await (const { name } of inProcess.pipelines.list({ perPage: 3 })) names.push(name)
    expect(names).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `paged-${i}`))
  })

  it("hears events, from the one that it names on", async () => {
    await inProcess.pipelines.create(definition("heard"))
    const first = await inProcess.pipelines.run("heard")
    await first.wait()
    const before = await inProcess.events.list({ pipeline: "heard", type: "pipeline.completed" })
    const leaving = new AbortController()
    const stream = overSocket.events.stream({
      pipeline: "heard",
      type: "pipeline.completed",
      after: before.lastId!,
      signal: leaving.signal,
    })
    const next = stream.next()
    const second = await inProcess.pipelines.run("heard")
    expect((await next).value).toMatchObject({ runId: second.id, type: "pipeline.completed" })
    leaving.abort()
    expect((await stream.next()).done).toBe(true)
    const heard = new Promise<client.PipelineEvent>((resolve) => {
      const leave = overSocket.events.on("pipeline.completed", (event) => {
        leave()
        resolve(event)
      })
    })
    const poll = async () => await (await inProcess.pipelines.run("heard")).wait()
    const third = await poll()
    expect(await Promise.race([heard, poll().then(() => heard)])).toMatchObject({ pipeline: "heard" })
    expect(third.status).toBe("success")
  })
})

describe("errors", () => {
  it("are classes, with all that the server says", async () => {
    const wrong = await inProcess.pipelines.create({ name: "Wrong Name" }).catch((error: unknown) => error)
    expect(wrong).toBeInstanceOf(client.ValidationError)
    expect((wrong as client.ValidationError).issues.map(({ path: place }) => place)).toContain("sources")
    expect((wrong as client.ValidationError).requestId).toMatch(/^req_/)
    await inProcess.pipelines.create(definition("known"))
    await expect(inProcess.pipelines.getRun("known", "run_none")).rejects.toBeInstanceOf(client.RunNotFoundError)
    await expect(inProcess.pipelines.create(definition("known"))).rejects.toBeInstanceOf(client.ConflictError)
    const guarded = createHandler(engine, { healthInterval: false })
    const stranger = new Deltaflow({ baseUrl: "http://localhost", fetch: async (input, init) => await guarded(new Request(input, init)) })
    await expect(stranger.pipelines.list()).rejects.toBeInstanceOf(client.AuthenticationError)
    await guarded.close()
    expect(() => new Deltaflow({ baseUrl: "etl.example.com" })).toThrow("baseUrl")
    expect(() => Deltaflow.fromEnv()).toThrow("DELTAFLOW_URL")
  })
})

/** A server that does what the test says with the n-th request. */
const unruly = async (answers: ReadonlyArray<(respond: import("node:http").ServerResponse) => void>) => {
  let requests = 0
  const server: Server = createServer((request, response) => {
    request.resume()
    const answer = answers[Math.min(requests++, answers.length - 1)]!
    answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    count: () => requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const good =
  (data: unknown, status = 200) =>
  (response: import("node:http").ServerResponse) => {
    response.writeHead(status, { "content-type": "application/json" })
    response.end(JSON.stringify({ data, meta: { total: 0, page: 1, per_page: 20, request_id: "req_1" } }))
  }
const status =
  (code: number, headers: Readonly<Record<string, string>> = {}) =>
  (response: import("node:http").ServerResponse) => {
    response.writeHead(code, headers)
    response.end("<html>")
  }
const drop = (response: import("node:http").ServerResponse) => response.destroy()
const stall = () => undefined

describe("a server that drops, stalls and lies", () => {
  const fast = { retryDelay: 1, timeout: 200 }
  const run = { id: "run_1", pipeline: "a", status: "running", started_at: null, progress: null }

  it("is asked again where a repeat is safe", async () => {
    for (const bad of [drop, stall, status(500), status(503, { "retry-after": "0" }), status(429, { "retry-after": "0" })]) {
      await using server = await unruly([bad, bad, good([])])
      const api = new Deltaflow({ baseUrl: server.url, ...fast })
      expect((await api.pipelines.list()).length).toBe(0)
      expect(server.count()).toBe(3)
    }
  })

  it("starts one run, because each try has the same key", async () => {
    const keys: Array<unknown> = []
    const api = new Deltaflow({
      baseUrl: "http://localhost",
      ...fast,
      fetch: async (_, init) => {
        keys.push(new Headers(init?.headers).get("idempotency-key"))
        if (keys.length < 3) throw new TypeError("fetch failed")
        return Response.json({ data: run, meta: {} }, { status: 202 })
      },
    })
    expect((await api.pipelines.run("a")).id).toBe("run_1")
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[a-z0-9]{20,}$/)
  })

  it("is not asked again where a repeat could do something twice", async () => {
    await using server = await unruly([drop, good(run)])
    const api = new Deltaflow({ baseUrl: server.url, ...fast })
    await expect(api.pipelines.create({ name: "a" })).rejects.toMatchObject({ code: "NETWORK", status: 0 })
    expect(server.count()).toBe(1)
  })

  it("gives up in time, and says why", async () => {
    await using silent = await unruly([stall])
    const api = new Deltaflow({ baseUrl: silent.url, retryDelay: 1, timeout: 50, maxRetries: 1 })
    await expect(api.pipelines.list()).rejects.toBeInstanceOf(client.TimeoutError)
    expect(silent.count()).toBe(2)
    await using limited = await unruly([status(429, { "retry-after": "7" })])
    const impatient = new Deltaflow({ baseUrl: limited.url, maxRetries: 0 })
    await expect(impatient.pipelines.list()).rejects.toMatchObject({ name: "RateLimitError", retryAfter: 7 })
    await using lying = await unruly([(response) => response.end("hello")])
    await expect(new Deltaflow({ baseUrl: lying.url }).pipelines.get("a")).rejects.toThrow("no JSON")
    await using endless = await unruly([good(run)])
    const waiting = await new Deltaflow({ baseUrl: endless.url, ...fast }).pipelines.run("a")
    await expect(waiting.wait({ timeout: 100 })).rejects.toBeInstanceOf(client.TimeoutError)
  })

  it("loses no event where the stream breaks", async () => {
    const event = (n: number) =>
      `id: evt_${n}\nevent: pipeline.started\ndata: {"id":"evt_${n}","type":"pipeline.started","run_id":null}\n\n`
    const asked: Array<string | null> = []
    const api = new Deltaflow({
      baseUrl: "http://localhost",
      fetch: async (_, init) => {
        asked.push(new Headers(init?.headers).get("last-event-id"))
        const at = asked.length
        // The second event of each connection comes in two halves, and the last half never.
        const parts = [event(2 * at - 1), event(2 * at), event(2 * at + 1).slice(0, 20)]
        const sent = new ReadableStream({
          pull: (controller) => {
            const next = parts.shift()
            if (next === undefined) controller.error(new Error("the connection broke"))
            else controller.enqueue(new TextEncoder().encode(next))
          },
        })
        return new Response(sent)
      },
    })
    const heard: Array<string> = []
    for await (const { id } of api.events.stream()) {
      heard.push(id)
      if (heard.length === 6) break
    }
    expect(heard).toEqual(["evt_1", "evt_2", "evt_3", "evt_4", "evt_5", "evt_6"])
    expect(asked).toEqual([null, "evt_2", "evt_4"])
  })
})

it("has the types of the contract, and at most 8 kB", async () => {
  const build = await rolldown({ input: path.resolve(import.meta.dirname, "../src/index.ts"), platform: "neutral" })
  const { output } = await build.generate({ format: "esm", minify: true })
  await build.close()
  expect(output).toHaveLength(1)
  expect(gzipSync(output[0].code).length).toBeLessThanOrEqual(8 * 1024)
  expect(output[0].imports).toEqual([])
})

type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S

type Own = "definition" | "cursors" | "data" | "schema" | "output"

type Camelled<A> =
  A extends ReadonlyArray<infer I>
    ? ReadonlyArray<Camelled<I>>
    : A extends object
      ? { readonly [K in keyof A as Camel<K & string>]: K extends Own ? unknown : Camelled<A[K]> }
      : A

/** The user's own is of any kind. */
type Opened<A> = { readonly [K in keyof A]: K extends Own ? unknown : A[K] }

type Contract = typeof shapes
type Shape<K extends keyof Contract> = Contract[K] extends { readonly Type: infer A } ? Opened<Camelled<A>> : never

it("has the shapes of the contract", () => {
  expectTypeOf<Opened<client.PipelineItem>>().toEqualTypeOf<Shape<"PipelineItem">>()
  expectTypeOf<Opened<client.Pipeline>>().toEqualTypeOf<Shape<"Pipeline">>()
  expectTypeOf<Opened<client.RunData>>().toEqualTypeOf<Shape<"Run">>()
  expectTypeOf<Opened<client.StartedRunData>>().toEqualTypeOf<Shape<"StartedRun">>()
  expectTypeOf<Opened<client.Connector>>().toEqualTypeOf<Shape<"Connector">>()
  expectTypeOf<Opened<client.ConnectorHealth>>().toEqualTypeOf<Shape<"ConnectorHealth">>()
  expectTypeOf<Opened<client.ConnectorTestResult>>().toEqualTypeOf<Shape<"ConnectorTestResult">>()
  expectTypeOf<Opened<client.ConnectorType>>().toEqualTypeOf<Shape<"ConnectorType">>()
  expectTypeOf<Opened<client.Transform>>().toEqualTypeOf<Shape<"Transform">>()
  expectTypeOf<Opened<client.TransformTestResult>>().toEqualTypeOf<Shape<"TransformTestResult">>()
  expectTypeOf<Opened<client.Job>>().toEqualTypeOf<Shape<"Job">>()
  expectTypeOf<Opened<client.PipelineEvent>>().toEqualTypeOf<Shape<"Event">>()
})
