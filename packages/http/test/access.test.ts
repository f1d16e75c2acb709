/** Who may do what: every operation of the OpenAPI document, with every kind of key. */
import { beforeAll, afterAll, describe, expect, it } from "vitest"
import { openApiDocument, scopes, type Scope } from "../src/index.ts"
import { definition, startServer, type TestServer } from "./server.ts"

interface Operation {
  readonly method: string
  readonly path: string
  readonly scope: Scope | "none" | "secret"
}

const document = (await openApiDocument()) as {
  readonly openapi: string
  readonly paths: Record<
    string,
    Record<string, { readonly "x-scope": Scope | "none" | "secret"; readonly security: ReadonlyArray<object> }>
  >
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): Operation => ({ method: method.toUpperCase(), path, scope: operation["x-scope"] })),
)

let server: TestServer
const now = { time: Date.now() }
beforeAll(async () => {
  server = await startServer({ now: () => now.time })
  await server.send("POST", "/api/v1/pipelines", definition("orders"))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

const addressOf = (path: string) =>
  path
    .replace("{name}", "orders")
    .replaceAll(/\{(pipeline)\}/g, "orders")
    .replaceAll(/\{\w+\}/g, "none")

const statusWith = async ({ method, path }: Operation, authorization: string | undefined) => {
  // An answer that does not end is not read.
  const request = new Request(`http://localhost${addressOf(path)}`, {
    method,
    headers: authorization === undefined ? {} : { authorization },
  })
  const response = await server.handler(request)
  await response.body?.cancel()
  return response
}

describe("the matrix of operations and keys", () => {
  it("has a scope for every operation", () => {
    expect(document.openapi).toBe("3.1.0")
    expect(operations.length).toBeGreaterThan(30)
    for (const { scope, method, path } of operations) expect([...scopes, "none", "secret"], `${method} ${path}`).toContain(scope)
    const open = operations.filter(({ scope }) => scope === "none").map(({ path }) => path)
    expect(open).toEqual(["/health/live", "/health/ready", "/api/v1/openapi.json", "/docs"])
  })

  const guarded = operations.filter(({ scope }) => scope !== "none" && scope !== "secret")

  it.each(guarded.map((operation) => [operation.method, operation.path, operation] as const))(
    "%s %s: no key, a wrong one, a revoked one, one that has expired, one of another scope",
    async (_method, _path, operation) => {
      const revoked = await server.keys.create({ name: "revoked", scopes: ["admin"] })
      await server.keys.revoke(revoked.id)
      const expired = await server.keys.create({ name: "expired", scopes: ["admin"], expiresAt: now.time + 1000 })
      const bodies = new Set<string>()
      const kinds = [
        undefined,
        "",
        "Bearer",
        "Basic YTpi",
        "Bearer df_key_wrong",
        `Bearer ${"x".repeat(5000)}`,
        `Bearer ${revoked.key}`,
        `Bearer ${expired.key}`,
        `Bearer ${expired.key.slice(0, -1)}`,
      ]
      now.time += 2000
      for (const kind of kinds) {
        const response = await server.handler(
          new Request(`http://localhost${addressOf(operation.path)}`, {
            method: operation.method,
            headers: kind === undefined ? {} : { authorization: kind },
          }),
        )
        expect([kind, response.status, response.headers.get("www-authenticate")]).toEqual([kind, 401, "Bearer"])
        const { error } = (await response.json()) as { error: { code: string } }
        expect(error.code).toBe("UNAUTHENTICATED")
        bodies.add(JSON.stringify(error))
      }
      // One answer for all of them.
      expect(bodies.size).toBe(1)
      const others = scopes.filter((scope) => scope !== operation.scope && scope !== "admin")
      for (const scope of others) {
        const response = await statusWith(operation, `Bearer ${await server.keyFor(scope)}`)
        expect([scope, response.status]).toEqual([scope, 403])
      }
    },
  )

  it("says which scope is missing", async () => {
    const key = await server.keyFor("pipelines:read")
    const { status, body } = await server.send("POST", "/api/v1/pipelines", {}, { authorization: `Bearer ${key}` })
    expect([status, body.error]).toEqual([
      403,
      { code: "FORBIDDEN", message: "This needs a key with the scope pipelines:write.", details: { required_scope: "pipelines:write" } },
    ])
  })

  it("lets a key with the scope through", async () => {
    for (const operation of guarded.filter(({ method }) => method === "GET")) {
      const response = await statusWith(operation, `Bearer ${await server.keyFor(operation.scope as Scope)}`)
      expect([operation.path, response.status === 401 || response.status === 403]).toEqual([operation.path, false])
    }
  })

  it("takes no key from the address", async () => {
    const key = await server.keyFor("admin")
    for (const name of ["key", "api_key", "access_token"])
      expect((await server.send("GET", `/api/v1/pipelines?${name}=${key}`, undefined, { authorization: "" })).status).toBe(401)
  })
})

describe("rate limits", () => {
  it("count by key and minute, and say so on every answer", async () => {
    await using limited = await startServer({ rateLimit: 3, now: () => 1_000_000_020_000 })
    const left: Array<string | null> = []
    for (let i = 0; i < 3; i++) left.push((await limited.send("GET", "/api/v1/pipelines")).headers.get("x-ratelimit-remaining"))
    expect(left).toEqual(["2", "1", "0"])
    const over = await limited.send("GET", "/api/v1/pipelines")
    expect([over.status, over.body.error.code, over.headers.get("retry-after")]).toEqual([429, "RATE_LIMITED", "60"])
    expect([over.headers.get("x-ratelimit-limit"), over.headers.get("x-ratelimit-reset")]).toEqual(["3", "1000000080"])
    const other = await limited.keyFor("pipelines:read")
    expect((await limited.send("GET", "/api/v1/pipelines", undefined, { authorization: `Bearer ${other}` })).status).toBe(200)
  })
})

describe("keys", () => {
  it("are shown once and stored as hashes", async () => {
    const made = await server.keys.create({ name: "ci", scopes: ["pipelines:run"] })
    expect(made.key).toMatch(/^df_key_[A-Za-z0-9_-]{43}$/)
    const listed = (await server.keys.list()).find(({ id }) => id === made.id)!
    expect(listed.prefix).toBe(made.key.slice(0, 13))
    expect(JSON.stringify(await server.keys.list())).not.toContain(made.key.slice(14))
  })

  it("rotate: the new one counts at once, the old one until its grace ends", async () => {
    const old = await server.keys.create({ name: "rotated", scopes: ["pipelines:read"] })
    const made = (await server.keys.rotate("rotated", 60_000))!
    expect(made.scopes).toEqual(["pipelines:read"])
    const statusOf = async (key: string) =>
      (await server.send("GET", "/api/v1/pipelines", undefined, { authorization: `Bearer ${key}` })).status
    expect([await statusOf(old.key), await statusOf(made.key)]).toEqual([200, 200])
    await server.keys.revoke(old.id)
    expect([await statusOf(old.key), await statusOf(made.key)]).toEqual([401, 200])
  })

  it("name what is wrong with a new key", async () => {
    await expect(server.keys.create({ name: " ", scopes: ["admin"] })).rejects.toThrow("needs a name")
    await expect(server.keys.create({ name: "a", scopes: [] })).rejects.toThrow("needs a scope")
    await expect(server.keys.create({ name: "a", scopes: ["root" as Scope] })).rejects.toThrow('no scope "root"')
    await expect(server.keys.create({ name: "a", scopes: ["admin"], expiresAt: 1 })).rejects.toThrow("expired")
  })
})
