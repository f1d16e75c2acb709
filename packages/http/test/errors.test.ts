/** Each line of the table of errors, and bad input of all kinds: an error that names the place, and nothing lost. */
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { gzipSync } from "node:zlib"
import { defineSource, StoreError } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createHandler } from "../src/index.ts"
import { createEngine } from "@deltaflow/core"
import { answered, definition, ended, startServer, type TestServer } from "./server.ts"

/** Gives one row, and then nothing until it is let go. */
const gate = { isOpen: false }
const waiting = defineSource({
  type: "waiting",
  async *read({ signal }) {
    yield { rows: [{ id: 1, age: 20 }] }
    while (!gate.isOpen && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5))
  },
})

const lettingGo = async <A>(wait: () => Promise<A>): Promise<A> => {
  gate.isOpen = true
  const value = await wait()
  gate.isOpen = false
  return value
}

let server: TestServer
beforeAll(async () => {
  server = await startServer({ plugins: [waiting] })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

const slow = (name: string, more: object = {}) => definition(name, { sources: [{ type: "waiting" }], ...more })

const yaml = { "content-type": "application/yaml" }

const codeOf = ({ status, body }: { readonly status: number; readonly body: any }) => [status, body.error.code]

describe("every answer", () => {
  it("has the id of the request and the time; a good id is kept", async () => {
    for (const address of ["/api/v1/pipelines", "/nowhere", "/health/live"]) {
      const { headers, body } = await server.send("GET", address)
      expect(headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{24}$/)
      expect(body.meta.request_id).toBe(headers.get("x-request-id"))
      expect(Date.parse(body.meta.timestamp)).toBeGreaterThan(Date.now() - 60_000)
    }
    const kept = await server.send("GET", "/health/live", undefined, { "x-request-id": "req_mine-1" })
    expect(kept.body.meta.request_id).toBe("req_mine-1")
    const not = await server.send("GET", "/health/live", undefined, { "x-request-id": "<script>" })
    expect(not.body.meta.request_id).toMatch(/^req_[0-9a-f]{24}$/)
  })

  it("to HEAD is that to GET without its body", async () => {
    const { status, text } = await server.send("HEAD", "/api/v1/pipelines")
    expect([status, text]).toEqual([200, ""])
    expect((await server.send("HEAD", "/api/v1/events/stream")).headers.get("content-type")).toContain("text/event-stream")
    expect((await server.send("GET", "/metrics")).text).toContain("\ndeltaflow_event_streams 0\n")
  })
})

describe("the table of errors", () => {
  it("400: a body that cannot be read, with its place", async () => {
    const broken = await server.send("POST", "/api/v1/pipelines", '{"name": "x",\n  "sources": [}', { "content-type": "application/json" })
    expect(codeOf(broken)).toEqual([400, "INVALID_REQUEST"])
    expect(broken.body.error.details.issues[0]).toMatchObject({ line: 2, column: 15 })
    const wrongYaml = await server.send("POST", "/api/v1/pipelines", "name: [a\nsources: {", yaml)
    expect(codeOf(wrongYaml)).toEqual([400, "INVALID_REQUEST"])
    expect(wrongYaml.body.error.details.issues[0].line).toBeGreaterThan(0)
    expect(codeOf(await server.send("POST", "/api/v1/pipelines", "", yaml))).toEqual([400, "INVALID_REQUEST"])
  })

  it("404: what was looked for stands in the details", async () => {
    const expected: ReadonlyArray<readonly [string, string, string, string, object]> = [
      ["GET", "/api/v1/pipelines/none", "PIPELINE_NOT_FOUND", "", { pipeline: "none" }],
      ["GET", "/api/v1/connectors/none/health", "CONNECTOR_NOT_FOUND", "", { connector: "none" }],
      ["POST", "/api/v1/transforms/none/test", "TRANSFORM_NOT_FOUND", '{"input":[]}', { transform: "none" }],
      ["GET", "/api/v2/pipelines", "NOT_FOUND", "", { path: "/api/v2/pipelines" }],
      ["GET", "/api/v1/pipelines/", "NOT_FOUND", "", { path: "/api/v1/pipelines/" }],
    ]
    for (const [method, address, code, body, details] of expected) {
      const answer = await server.send(method, address, body === "" ? undefined : body, { "content-type": "application/json" })
      expect([address, ...codeOf(answer)]).toEqual([address, 404, code])
      expect(answer.body.error.details).toEqual(details)
    }
  })

  it("404: a run of another pipeline is none of this one", async () => {
    await server.send("POST", "/api/v1/pipelines", definition("one"))
    await server.send("POST", "/api/v1/pipelines", definition("two"))
    const { body } = await server.send("POST", "/api/v1/pipelines/one/runs")
    await ended(server, "one", body.data.id)
    expect(codeOf(await server.send("GET", `/api/v1/pipelines/two/runs/${body.data.id}`))).toEqual([404, "RUN_NOT_FOUND"])
  })

  it("404: names that try paths reach nothing", async () => {
    for (const name of [
      "..%2f..%2fetc%2fpasswd",
      "%2e%2e",
      "a%00b",
      "a'%20OR%201=1",
      "__proto__",
      "constructor",
      "%E0%A4%A",
      "A",
      "x".repeat(70),
    ]) {
      const answer = await server.send("GET", `/api/v1/pipelines/${name}`)
      expect([name, answer.status]).toEqual([name, 404])
    }
  })

  it("405: with what is allowed", async () => {
    const answer = await server.send("PATCH", "/api/v1/pipelines/none")
    expect(codeOf(answer)).toEqual([405, "METHOD_NOT_ALLOWED"])
    expect(answer.headers.get("allow")).toBe("GET, HEAD, PUT, DELETE, OPTIONS")
    const options = await server.send("OPTIONS", "/api/v1/pipelines")
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, POST, OPTIONS"])
  })

  it("409: a name that is taken, and of many at once one is first", async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => server.send("POST", "/api/v1/pipelines", definition("taken"))))
    expect(made.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, ...Array.from({ length: 19 }, () => 409)])
    expect(codeOf(await server.send("POST", "/api/v1/pipelines", definition("taken")))).toEqual([409, "PIPELINE_EXISTS"])
  })

  it("409: a revision that is not the newest, and of two at once one is first", async () => {
    await server.send("POST", "/api/v1/pipelines", definition("revised"))
    const put = (version: string) =>
      server.send("PUT", "/api/v1/pipelines/revised", definition("revised", { version }), { "if-match": '"1"' })
    const both = await Promise.all([put("2.0"), put("3.0")])
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    const stale = both.find(({ status }) => status === 409)!
    expect(stale.body.error).toMatchObject({ code: "REVISION_CONFLICT", details: { pipeline: "revised", expected: 1, revision: 2 } })
    expect((await server.send("PUT", "/api/v1/pipelines/revised", definition("revised"), { "if-match": "*" })).status).toBe(200)
    expect((await server.send("PUT", "/api/v1/pipelines/revised", definition("revised"), { "if-match": '"none"' })).status).toBe(409)
  })

  it("409: a pipeline that runs: no second run, no deletion but by force, an update for the next run", async () => {
    await server.send("POST", "/api/v1/pipelines", slow("slow"))
    const first = await server.send("POST", "/api/v1/pipelines/slow/runs")
    expect(first.body.data).toMatchObject({ status: "running", progress: { stage: "extract" } })
    const second = await server.send("POST", "/api/v1/pipelines/slow/runs")
    expect(codeOf(second)).toEqual([409, "RUN_CONFLICT"])
    expect(second.body.error.details).toEqual({ pipeline: "slow", run_id: first.body.data.id })
    expect((await server.send("GET", "/api/v1/pipelines/slow/runs")).body.meta.total).toBe(1)
    expect(codeOf(await server.send("DELETE", "/api/v1/pipelines/slow"))).toEqual([409, "RUN_CONFLICT"])
    expect(codeOf(await server.send("DELETE", "/api/v1/pipelines/slow/state"))).toEqual([409, "RUN_CONFLICT"])
    expect((await server.send("PUT", "/api/v1/pipelines/slow", slow("slow", { version: "2.0" }))).status).toBe(200)
    expect((await server.send("GET", `/api/v1/pipelines/slow/runs/${first.body.data.id}`)).body.data).toMatchObject({
      status: "running",
      revision: 1,
    })
    expect((await server.send("DELETE", "/api/v1/pipelines/slow?force=true")).status).toBe(204)
    expect(await server.engine.getRun(first.body.data.id)).toBeUndefined()
  })

  it("cancels a run, and retries it, but not one that goes on", async () => {
    await server.send("POST", "/api/v1/pipelines", slow("cancelled"))
    const { body } = await server.send("POST", "/api/v1/pipelines/cancelled/runs")
    const address = `/api/v1/pipelines/cancelled/runs/${body.data.id}`
    expect(codeOf(await server.send("POST", `${address}/retry`))).toEqual([409, "RUN_CONFLICT"])
    const cancelled = await server.send("POST", `${address}/cancel`)
    expect([cancelled.status, cancelled.body.data.status, cancelled.body.data.error.code]).toEqual([202, "cancelled", "RUN_CANCELLED"])
    expect(codeOf(await server.send("POST", `${address}/cancel`))).toEqual([409, "RUN_CONFLICT"])
    const again = await server.send("POST", `${address}/retry`)
    expect(again.status).toBe(202)
    expect(await lettingGo(() => ended(server, "cancelled", again.body.data.id))).toMatchObject({
      status: "success",
      trigger: "retry",
      retry_of: body.data.id,
    })
  })

  it("replaces the run that goes on, where the pipeline says so", async () => {
    await server.send("POST", "/api/v1/pipelines", slow("replacing", { scheduler: { queue_overflow: "replace" } }))
    const first = await server.send("POST", "/api/v1/pipelines/replacing/runs")
    const second = await server.send("POST", "/api/v1/pipelines/replacing/runs")
    expect(second.status).toBe(202)
    expect(await ended(server, "replacing", first.body.data.id)).toMatchObject({ status: "cancelled" })
    expect(await lettingGo(() => ended(server, "replacing", second.body.data.id))).toMatchObject({ status: "success" })
  })

  it("lets a run wait for the one that goes on, where the pipeline says so, and starts or cancels it", async () => {
    await server.send("POST", "/api/v1/pipelines", slow("queueing", { scheduler: { queue_overflow: "queue" } }))
    const trigger = (variables: object) => server.send("POST", "/api/v1/pipelines/queueing/runs", { variables })
    const [first, second, third] = [await trigger({}), await trigger({ A: "1" }), await trigger({ A: "2" })]
    expect([first, second, third].map(({ status, body }) => [status, body.data.status])).toEqual([
      [202, "running"],
      [202, "pending"],
      [202, "pending"],
    ])
    const cancelled = await server.send("POST", `/api/v1/pipelines/queueing/runs/${third.body.data.id}/cancel`)
    expect([cancelled.status, cancelled.body.data.status]).toEqual([202, "cancelled"])
    await lettingGo(async () => {
      for (const { body } of [first, second])
        expect(await ended(server, "queueing", body.data.id)).toMatchObject({ status: "success", trigger: "api" })
    })
    expect((await server.engine.getRun(second.body.data.id))?.variables).toEqual(["A"])
  })

  it("413: a body over the limit, said or not", async () => {
    const large = JSON.stringify({ name: "x".repeat(1024 * 1024) })
    const json = { "content-type": "application/json" }
    const said = await server.send("POST", "/api/v1/pipelines", large, json)
    expect(codeOf(said)).toEqual([413, "PAYLOAD_TOO_LARGE"])
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++
        controller.enqueue(new Uint8Array(65_536).fill(32))
      },
    })
    const key = await server.keyFor("admin")
    const request = new Request("http://localhost/api/v1/pipelines", {
      method: "POST",
      headers: { ...json, authorization: `Bearer ${key}` },
      body: endless,
      duplex: "half",
    })
    expect(codeOf(await answered(await server.handler(request)))).toEqual([413, "PAYLOAD_TOO_LARGE"])
    expect(pulled).toBeLessThan(40)
  })

  it("415: what is neither JSON nor YAML, and what is packed", async () => {
    for (const type of ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"])
      expect(codeOf(await server.send("POST", "/api/v1/pipelines", "a", { "content-type": type }))).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"])
    expect(codeOf(await server.send("POST", "/api/v1/pipelines/one/runs", "a: 1", yaml))).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"])
    const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024)).toString("latin1")
    const packed = await server.send("POST", "/api/v1/pipelines", bomb, { "content-type": "application/json", "content-encoding": "gzip" })
    expect(codeOf(packed)).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"])
  })

  it("422: all mistakes of a definition at once, each with its place", async () => {
    const text = "name: Wrong Name\nsources: [{ type: cvs, path: a.csv }]\ntransforms:\n  - { type: filter }\ndestinations: []\n"
    const answer = await server.send("POST", "/api/v1/pipelines", text, yaml)
    expect(codeOf(answer)).toEqual([422, "INVALID_PIPELINE"])
    const issues = answer.body.error.details.issues as ReadonlyArray<{ path: string; line: number }>
    expect(issues.map((issue) => [issue.path, issue.line])).toEqual([
      ["name", 1],
      ["sources[0].type", 2],
      ["transforms[0].condition", 4],
      ["destinations", 5],
    ])
    expect(codeOf(await server.send("PUT", "/api/v1/pipelines/one", definition("two")))).toEqual([422, "INVALID_PIPELINE"])
  })

  it("422: code from outside, and files outside of the project", async () => {
    const module = definition("module", { transforms: [{ type: "custom", module: "./evil.ts" }] })
    const refused = await server.send("POST", "/api/v1/pipelines", module)
    expect(codeOf(refused)).toEqual([422, "INVALID_PIPELINE"])
    expect(refused.body.error.details.issues[0].path).toBe("transforms[0].module")
    const plugins = definition("plugins", { plugins: { transforms: [{ path: "./evil.ts" }] } })
    expect((await server.send("POST", "/api/v1/pipelines", plugins)).body.error.details.issues.at(-1).path).toBe("plugins")
    await server.send("POST", "/api/v1/pipelines", definition("outside", { sources: [{ type: "csv", path: "/etc/passwd" }] }))
    const run = await server.send("POST", "/api/v1/pipelines/outside/runs")
    expect((await ended(server, "outside", run.body.data.id)).error.code).toBe("PATH_OUTSIDE_PROJECT")
  })

  it("reaches the data of the project and nothing that it is made of", async () => {
    writeFileSync(path.join(server.folder, ".env"), "a,b\nsecret-canary,2\n")
    const outcome = async (name: string, more: object) => {
      await server.send("POST", "/api/v1/pipelines", definition(name, more))
      const { body } = await server.send("POST", `/api/v1/pipelines/${name}/runs`)
      return (await ended(server, name, body.data.id)).error?.code
    }
    const steps = { transforms: [] }
    expect(await outcome("read-env", { ...steps, sources: [{ type: "csv", path: ".env" }] })).toBe("PATH_OUTSIDE_PROJECT")
    expect(await outcome("read-state", { ...steps, sources: [{ type: "sqlite", path: ".deltaflow/state.db", table: "entries" }] })).toBe(
      "PATH_OUTSIDE_PROJECT",
    )
    for (const file of [".deltaflow/state.db", "deltaflow.yml", "transforms/index.ts", "package.json"])
      expect(await outcome(`write-${file.replaceAll(/[^a-z]/g, "")}`, { destinations: [{ type: "ndjson", path: file }] })).toBe(
        "PATH_OUTSIDE_PROJECT",
      )
    expect(await outcome("read-stdin", { sources: [{ type: "csv", path: "-" }] })).toBe("FILE_NOT_FOUND")
    const tried = await server.send("POST", "/api/v1/connectors/test", { type: "csv", path: ".env" })
    expect(tried.body.data.status).toBe("failed")
    expect(tried.text).not.toContain("secret-canary")
  })

  it("503: a store that is away, with nothing of what is wrong inside", async () => {
    const said: Array<string> = []
    const inner = memoryStore()
    const failing = {
      ...inner,
      listDefinitions: () => Effect.fail(new StoreError({ code: "STORE_FAILED", message: "secret-host is away" })),
    }
    await using engine = createEngine({ plugins: [], store: failing })
    const handler = createHandler(engine, {
      auth: "none",
      healthInterval: false,
      log: { error: (message, fields) => void said.push(`${message} ${JSON.stringify(fields)}`), warn: () => undefined },
    })
    const { status, headers, body, text } = await answered(await handler(new Request("http://localhost/api/v1/pipelines")))
    expect([status, body.error.code, headers.get("retry-after")]).toEqual([503, "UNAVAILABLE", "5"])
    expect(text).not.toContain("secret-host")
    expect(said.join()).toContain(body.meta.request_id)
    await handler.close()
  })

  it("503: a server that stops takes no runs, and is not ready", async () => {
    await using stopping = await startServer()
    await stopping.send("POST", "/api/v1/pipelines", definition("orders"))
    expect((await stopping.send("GET", "/health/ready")).body.data).toEqual({ status: "ok" })
    await stopping.handler.close(100)
    expect(codeOf(await stopping.send("POST", "/api/v1/pipelines/orders/runs"))).toEqual([503, "UNAVAILABLE"])
    expect((await stopping.send("GET", "/health/ready")).status).toBe(503)
    expect((await stopping.send("GET", "/health/live")).status).toBe(200)
  })
})

describe("bad input", () => {
  it("names what is wrong in the body of a run", async () => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [{ full_refresh: "yes" }, "full_refresh"],
      [{ variables: { A: { b: 1 } } }, "variables.A"],
      [{ variables: [1] }, "variables"],
      [{ full: true }, "full"],
      [[1], ""],
    ]
    for (const [body, place] of cases) {
      const answer = await server.send("POST", "/api/v1/pipelines/one/runs", body)
      expect([JSON.stringify(body), ...codeOf(answer)]).toEqual([JSON.stringify(body), 400, "INVALID_REQUEST"])
      expect(answer.body.error.details.issues[0].path).toBe(place)
    }
  })

  it("refuses what is nested without end, and bombs of YAML", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
    expect(codeOf(await server.send("POST", "/api/v1/pipelines/one/runs", deep, { "content-type": "application/json" }))).toEqual([
      400,
      "INVALID_REQUEST",
    ])
    const levels = Array.from(
      { length: 9 },
      (_, i) => `l${i}: &l${i} [${Array.from({ length: 9 }, () => (i === 0 ? "x" : `*l${i - 1}`)).join(",")}]`,
    )
    const bomb = await server.send("POST", "/api/v1/pipelines", levels.join("\n"), yaml)
    expect(bomb.status).toBeGreaterThanOrEqual(400)
    expect(bomb.status).toBeLessThan(500)
    expect(codeOf(await server.send("POST", "/api/v1/pipelines", `a: ${"[".repeat(200)}`, yaml))).toEqual([400, "INVALID_REQUEST"])
  })

  it("refuses half a body and one of another length", async () => {
    const key = await server.keyFor("admin")
    const headers = { "content-type": "application/json", authorization: `Bearer ${key}` }
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('{"name":'))
        controller.error(new Error("the client hung up"))
      },
    })
    const send = async (body: ReadableStream<Uint8Array> | string, more: object = {}) =>
      await answered(
        await server.handler(
          new Request("http://localhost/api/v1/pipelines", {
            method: "POST",
            headers: { ...headers, ...more },
            body,
            duplex: "half",
          }),
        ),
      )
    expect(codeOf(await send(broken))).toEqual([400, "INVALID_REQUEST"])
    expect(codeOf(await send("{}", { "content-length": "9" }))).toEqual([400, "INVALID_REQUEST"])
  })

  it("starts one run for a thousand requests with one key, and one for those without", { timeout: 60_000 }, async () => {
    await server.send("POST", "/api/v1/pipelines", slow("often"))
    const trigger = (headers: Readonly<Record<string, string>>) => server.send("POST", "/api/v1/pipelines/often/runs", {}, headers)
    const same = await Promise.all(Array.from({ length: 1000 }, () => trigger({ "idempotency-key": "once" })))
    expect(new Set(same.map(({ status, body }) => `${status} ${body.data.id}`)).size).toBe(1)
    const others = await Promise.all(Array.from({ length: 1000 }, () => trigger({})))
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([409]))
    await lettingGo(() => ended(server, "often", same[0]!.body.data.id))
    expect((await trigger({ "idempotency-key": "once" })).body.data).toMatchObject({ id: same[0]!.body.data.id, status: "success" })
    expect((await server.send("GET", "/api/v1/pipelines/often/runs")).body.meta.total).toBe(1)
  })
})

describe("what is shown", () => {
  const url = "postgres://ada:hunter2-canary@db.example.com/shop"
  const secret = (name: string, connection = url) => definition(name, { sources: [{ type: "postgres", connection, table: "orders" }] })

  it("no secret of a definition comes back, and `***` keeps the one that is stored", async () => {
    const made = await server.send("POST", "/api/v1/pipelines", secret("secrets"))
    expect(made.text).not.toContain("hunter2-canary")
    expect(made.body.data.definition.sources[0].connection).toBe("***")
    const shown = { ...made.body.data.definition, version: "2.0" }
    expect((await server.send("PUT", "/api/v1/pipelines/secrets", shown)).status).toBe(200)
    const stored = await Effect.runPromise(server.store.getDefinition("secrets"))
    expect(JSON.parse(stored!.definition)).toMatchObject({ version: "2.0", sources: [{ connection: url }] })
    const unknown = await server.send("POST", "/api/v1/pipelines", secret("others", "***"))
    expect(codeOf(unknown)).toEqual([422, "INVALID_PIPELINE"])
    expect(unknown.body.error.details.issues[0].path).toBe("sources[0].connection")
  })

  it("YAML comes back with its comments and without its secrets", async () => {
    const text = `name: commented # why\nsources:\n  # the shop's\n  - { type: postgres, connection: "${url}", table: orders }\ndestinations: [{ type: ndjson, path: a.ndjson }]\n`
    await server.send("POST", "/api/v1/pipelines", text, yaml)
    const shown = await server.send("GET", "/api/v1/pipelines/commented", undefined, { accept: "application/yaml" })
    expect(shown.headers.get("content-type")).toBe("application/yaml; charset=utf-8")
    expect(shown.text).toBe(text.replace(url, "***"))
    expect((await server.send("PUT", "/api/v1/pipelines/commented", shown.text.replace("why", "still"), yaml)).status).toBe(200)
    const stored = await Effect.runPromise(server.store.getDefinition("commented"))
    expect(stored!.source).toBe(text.replace("why", "still"))
    const made = await server.send("GET", "/api/v1/pipelines/one", undefined, { accept: "text/yaml" })
    expect(made.text).toContain("name: one\n")
  })

  it("rows that were put aside, and what a run told", async () => {
    writeFileSync(path.join(server.folder, "bad.csv"), "id,age\n1,20\n2,x\n3,30\n")
    await server.send(
      "POST",
      "/api/v1/pipelines",
      definition("rejecting", {
        sources: [{ type: "csv", path: "bad.csv", columns: { age: "string" } }],
        transforms: [{ type: "map", fields: { years: "CAST(age AS integer)" } }],
        error_handling: { strategy: "skip" },
      }),
    )
    const { body } = await server.send("POST", "/api/v1/pipelines/rejecting/runs")
    expect(await ended(server, "rejecting", body.data.id)).toMatchObject({ status: "success", rows_rejected: 1, rows_loaded: 2 })
    const rejected = await server.send("GET", `/api/v1/pipelines/rejecting/runs/${body.data.id}/rejected`)
    expect(rejected.body).toMatchObject({ data: [{ code: "INVALID_CAST", row_number: 2, row: { id: 2, age: "x" } }], meta: { total: 1 } })
    const logs = await server.send("GET", `/api/v1/pipelines/rejecting/runs/${body.data.id}/logs`)
    expect(logs.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8")
    const types = logs.text
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { type: string }).type)
    expect([types[0], types.at(-1)]).toEqual(["pipeline.started", "pipeline.completed"])
    expect(readFileSync(path.join(server.folder, "rejecting.ndjson"), "utf8").split("\n")).toHaveLength(3)
  })
})
