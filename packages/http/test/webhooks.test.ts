/** Webhooks that go out: signed, tried again, kept over a restart, and never to an address that is not public. */
import { createHmac } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createEngine } from "@deltaflow/core"
import { builtins } from "@deltaflow/connectors"
import { describe, expect, it } from "vitest"
import { createHandler } from "../src/index.ts"
import { isSigned } from "../src/signatures.ts"
import { isPublicAddress } from "@deltaflow/core/node"
import { send } from "../src/webhooks/send.ts"
import { definition, ended, startServer } from "./server.ts"

interface Got {
  readonly headers: Headers
  readonly text: string
  readonly event: { readonly id: string; readonly type: string; readonly pipeline: string }
}

/** A receiver that answers as `answer` says. */
const receiver = async (answer: (got: Got, response: ServerResponse) => void = (_, response) => response.end()) => {
  const got: Array<Got> = []
  const server = createServer((request: IncomingMessage, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (part: string) => (text += part))
    request.on("end", () => {
      const one = {
        headers: new Headers(request.headers as Record<string, string>),
        text,
        event: JSON.parse(text === "" ? "{}" : text) as Got["event"],
      }
      got.push(one)
      answer(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { port: number }
  return {
    got,
    port,
    url: `http://127.0.0.1:${port}/hook`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
const hooked = (name: string, url: string, more: object = {}) =>
  definition(name, { events: { webhooks: [{ url, events: ["pipeline.started", "pipeline.completed"], secret, ...more }] } })
const here = { allowHosts: ["127.0.0.1"], webhookRetryDelay: 10 }

describe("webhooks", () => {
  it("bring the events that are asked for, signed in both ways, once each", async () => {
    await using hook = await receiver()
    await using server = await startServer(here)
    await server.send("POST", "/api/v1/pipelines", hooked("orders", hook.url))
    const { body } = await server.send("POST", "/api/v1/pipelines/orders/runs")
    await ended(server, "orders", body.data.id)
    await expect
      .poll(() => hook.got.map(({ event }) => event.type).toSorted(), { timeout: 10_000 })
      .toEqual(["pipeline.completed", "pipeline.started"])
    for (const { headers, text, event } of hook.got) {
      expect(event).toMatchObject({ pipeline: "orders", run_id: body.data.id })
      expect(headers.get("webhook-id")).toBe(event.id)
      expect(isSigned({ headers, body: new TextEncoder().encode(text) }, secret, Date.now())).toBe(true)
      expect(headers.get("x-deltaflow-signature")).toBe(`sha256=${createHmac("sha256", secret).update(text).digest("hex")}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(hook.got).toHaveLength(2)
  })

  it("are tried again until the receiver has them, as long as it asks to wait, and not once it is gone", { timeout: 60_000 }, async () => {
    let answers = 0
    await using flaky = await receiver((_, response) => {
      answers++
      response.statusCode = answers % 3 === 0 ? 200 : answers % 3 === 1 ? 500 : 429
      if (response.statusCode === 429) response.setHeader("retry-after", "1")
      response.end()
    })
    await using gone = await receiver((_, response) => {
      response.statusCode = 410
      response.end()
    })
    await using once = await receiver((_, response) => response.destroy())
    await using server = await startServer(here)
    await server.send("POST", "/api/v1/pipelines", hooked("flaky", flaky.url, { events: ["pipeline.completed"] }))
    await server.send("POST", "/api/v1/pipelines", hooked("gone", gone.url))
    await server.send("POST", "/api/v1/pipelines", hooked("once", once.url, { events: ["pipeline.completed"], retry: false }))
    for (const name of ["flaky", "gone", "once"]) {
      const { body } = await server.send("POST", `/api/v1/pipelines/${name}/runs`)
      await ended(server, name, body.data.id)
    }
    await expect.poll(() => flaky.got.length, { timeout: 30_000 }).toBe(3)
    expect(new Set(flaky.got.map(({ event }) => event.id)).size).toBe(1)
    expect(gone.got.length).toBeLessThanOrEqual(2)
    const { body } = await server.send("POST", "/api/v1/pipelines/gone/runs")
    await ended(server, "gone", body.data.id)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    expect(gone.got.length).toBeLessThanOrEqual(2)
    expect(once.got).toHaveLength(1)
  })

  it("survive the server: what the receiver did not take, the next process brings", { timeout: 60_000 }, async () => {
    let isAway = true
    await using hook = await receiver((_, response) => {
      response.statusCode = isAway ? 503 : 200
      response.end()
    })
    await using server = await startServer(here)
    await server.send("POST", "/api/v1/pipelines", hooked("orders", hook.url, { events: ["pipeline.completed"] }))
    const { body } = await server.send("POST", "/api/v1/pipelines/orders/runs")
    await ended(server, "orders", body.data.id)
    await expect.poll(() => hook.got.length, { timeout: 10_000 }).toBeGreaterThan(0)
    await server.handler.close(100)
    isAway = false
    hook.got.length = 0
    await using engine = createEngine({ plugins: builtins, store: server.store, projectRoot: server.folder })
    const next = createHandler(engine, { healthInterval: false, ...here })
    await expect.poll(() => hook.got.map(({ event }) => event.type), { timeout: 20_000 }).toEqual(["pipeline.completed"])
    await next.close(100)
  })

  it("reach no address that is not public, unless the host allows it or wrote the pipeline", async () => {
    await using hook = await receiver()
    const said: Array<string> = []
    await using server = await startServer({
      webhookRetryDelay: 10,
      pipelines: [{ pipeline: hooked("mine", hook.url, { events: ["pipeline.completed"] }) }],
      log: { error: () => undefined, warn: (message) => void said.push(message) },
    })
    await server.send("POST", "/api/v1/pipelines", hooked("theirs", hook.url, { retry: false }))
    for (const name of ["theirs", "mine"]) {
      const { body } = await server.send("POST", `/api/v1/pipelines/${name}/runs`)
      await ended(server, name, body.data.id)
    }
    await expect.poll(() => hook.got.map(({ event }) => event.pipeline), { timeout: 10_000 }).toEqual(["mine"])
    await expect.poll(() => said.join("\n"), { timeout: 10_000 }).toContain("127.0.0.1 is no public address")
  })
})

/** Ways to write the addresses of this machine, of its links and of its networks. */
const spellings = (port: number): ReadonlyArray<string> => {
  const octets = (a: number, b: number, c: number, d: number): ReadonlyArray<string> => {
    const number = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    const hex = (n: number) => `0x${n.toString(16)}`
    const octal = (n: number) => `0${n.toString(8)}`
    const forms = [String, hex, octal, (n: number) => `0x0${n.toString(16)}`, (n: number) => `000${n.toString(8)}`]
    return [
      ...forms.map((form) => [a, b, c, d].map(form).join(".")),
      ...forms.map((form) => `${form(a)}.${form(b)}.${form((c << 8) | d)}`),
      ...forms.map((form) => `${form(a)}.${form((b << 16) | (c << 8) | d)}`),
      ...forms.map((form) => form(number)),
      `${hex(a)}.${b}.${octal(c)}.${d}`,
      `[::ffff:${a}.${b}.${c}.${d}]`,
      `[::${a}.${b}.${c}.${d}]`,
      `[64:ff9b::${a}.${b}.${c}.${d}]`,
      `[2002:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}::1]`,
      `${a}.${b}.${c}.${d}.`,
      `%31${String(a).slice(1)}.${b}.${c}.${d}`,
      String(a).replaceAll("1", "①") + `.${b}.${c}.${d}`,
      `${a}。${b}。${c}。${d}`,
    ]
  }
  const hosts = [
    ...[
      [127, 0, 0, 1],
      [127, 1, 2, 3],
      [10, 0, 0, 1],
      [192, 168, 1, 1],
      [172, 16, 0, 1],
      [169, 254, 169, 254],
      [100, 64, 0, 1],
      [0, 0, 0, 0],
      [198, 18, 0, 1],
      [224, 0, 0, 1],
    ].flatMap(([a, b, c, d]) => octets(a!, b!, c!, d!)),
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "localhost",
    "LOCALHOST",
    "localhost.",
  ]
  return hosts.map((host) => `http://${host}:${port}/`)
}

describe("the guard of addresses", () => {
  const body = new TextEncoder().encode("{}")
  const guarded = (url: string, more: object = {}) =>
    send({ url, body, headers: {}, timeout: 2000, allowsAddress: isPublicAddress, ...more })

  it("is not got around by any way to write an address", { timeout: 60_000 }, async () => {
    await using canary = await receiver()
    const all = spellings(canary.port)
    expect(all.length).toBeGreaterThanOrEqual(250)
    const outcomes = await Promise.all(
      all.map((url) =>
        guarded(url).then(
          () => url,
          () => undefined,
        ),
      ),
    )
    expect(outcomes.filter((url) => url !== undefined)).toEqual([])
    expect(canary.got).toHaveLength(0)
    // The canary itself can be reached.
    expect((await send({ url: canary.url, body, headers: {}, timeout: 2000 })).status).toBe(200)
  })

  it("looks at the address that is connected to, so that a name cannot lead elsewhere meanwhile", async () => {
    await using canary = await receiver()
    let asked = 0
    // Public at the first look, this machine at the next.
    const rebinding = (_: string, __: object, done: (error: null, addresses: ReadonlyArray<object>) => void) =>
      done(null, [{ address: asked++ === 0 ? "198.51.100.7" : "127.0.0.1", family: 4 }])
    for (let i = 0; i < 3; i++)
      await expect(guarded(`http://rebind.example:${canary.port}/`, { lookup: rebinding })).rejects.toThrow("no public address")
    const both = (_: string, __: object, done: (error: null, addresses: ReadonlyArray<object>) => void) =>
      done(null, [
        { address: "127.0.0.1", family: 4 },
        { address: "::1", family: 6 },
      ])
    await expect(guarded(`http://both.example:${canary.port}/`, { lookup: both })).rejects.toThrow("both.example is no public address")
    expect(canary.got).toHaveLength(0)
  })

  it("holds for connectors of pipelines that came over HTTP, and for connections that are tried", async () => {
    await using canary = await receiver()
    let touched = 0
    const { createServer: createTcp } = await import("node:net")
    const database = createTcp((socket) => {
      touched++
      socket.destroy()
    })
    await new Promise<void>((resolve) => database.listen(0, "127.0.0.1", resolve))
    const { port } = database.address() as { port: number }
    try {
      await using server = await startServer()
      for (const host of ["127.0.0.1", "localhost", "[::1]", "%2Ftmp"]) {
        const connection = `postgres://ada:secret-canary@${host}:${port}/shop`
        const tried = await server.send("POST", "/api/v1/connectors/test", { type: "postgres", connection })
        expect(tried.body.data).toMatchObject({ status: "failed", error: expect.stringContaining("no public address") })
        expect(tried.text).not.toContain("secret-canary")
      }
      const source = { type: "postgres", connection: `postgres://ada:x@127.0.0.1:${port}/shop`, table: "orders" }
      await server.send("POST", "/api/v1/pipelines", definition("theirs", { sources: [source] }))
      const { body } = await server.send("POST", "/api/v1/pipelines/theirs/runs")
      expect((await ended(server, "theirs", body.data.id)).error.message).toContain("127.0.0.1 is no public address")
      expect(touched).toBe(0)
      await using open = await startServer({ allowHosts: ["127.0.0.1"] })
      await open.send("POST", "/api/v1/connectors/test", { type: "postgres", connection: source.connection })
      expect(touched).toBe(1)
    } finally {
      await new Promise((resolve) => database.close(resolve))
    }
    expect(canary.got).toHaveLength(0)
  })

  it("follows no redirect", async () => {
    await using canary = await receiver()
    await using leading = await receiver((_, response) => {
      response.writeHead(307, { location: canary.url })
      response.end()
    })
    expect((await send({ url: leading.url, body, headers: {}, timeout: 2000 })).status).toBe(307)
    expect(canary.got).toHaveLength(0)
    for (const url of ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "no address"])
      await expect(guarded(url)).rejects.toThrow(/spoken|no address/)
  })
})
