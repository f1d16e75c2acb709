/** Tokens of an issuer that signs real JWTs. */
import { createServer } from "node:http"
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWK } from "jose"
import { createEngine } from "@deltaflow/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createHandler, type Handler, oidc } from "../src/index.ts"
import { answered } from "./server.ts"

type Pair = Awaited<ReturnType<typeof generateKeyPair>>

const published: Array<JWK> = []
let lookedUp = 0
const issuing = createServer((request, response) => {
  response.setHeader("content-type", "application/json")
  if (request.url === "/.well-known/openid-configuration") response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }))
  else {
    lookedUp++
    response.end(JSON.stringify({ keys: published }))
  }
})
let issuer: string
let first: Pair
let elliptic: Pair
let handler: Handler
const engine = createEngine({ plugins: [] })

const publish = async (kid: string, alg: string, pair: Pair) =>
  published.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: "sig" })

beforeAll(async () => {
  await new Promise<void>((resolve) => issuing.listen(0, "127.0.0.1", resolve))
  issuer = `http://127.0.0.1:${(issuing.address() as { port: number }).port}`
  first = await generateKeyPair("RS256")
  elliptic = await generateKeyPair("ES256")
  await publish("one", "RS256", first)
  await publish("two", "ES256", elliptic)
  const tokens = oidc({
    issuer,
    audience: "deltaflow",
    roleClaim: "realm.roles",
    roleMapping: { readers: "viewer", makers: "editor", ops: "admin" },
  })
  handler = createHandler(engine, { auth: ["keys", tokens], healthInterval: false, rateLimit: 0 })
})
afterAll(async () => {
  await handler.close()
  await engine.close()
  issuing.closeAllConnections()
  await new Promise((resolve) => issuing.close(resolve))
})

interface TokenOptions {
  readonly roles?: unknown
  readonly kid?: string
  readonly alg?: string
  readonly pair?: Pair
  readonly audience?: string
  readonly issuer?: string
  readonly expires?: string
  readonly notBefore?: string
}

const token = async ({
  roles = ["ops"],
  kid = "one",
  alg = "RS256",
  pair = first,
  audience = "deltaflow",
  expires = "5m",
  ...more
}: TokenOptions = {}) => {
  const made = new SignJWT({ realm: { roles } })
    .setProtectedHeader({ alg, kid })
    .setSubject("ada")
    .setIssuer(more.issuer ?? issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(expires)
  if (more.notBefore !== undefined) made.setNotBefore(more.notBefore)
  return await made.sign(pair.privateKey)
}

const ask = async (bearer: string, method = "GET", address = "/api/v1/pipelines", server = handler) =>
  (await answered(await server(new Request(`http://localhost${address}`, { method, headers: { authorization: `Bearer ${bearer}` } }))))
    .status

describe("tokens of an issuer", () => {
  it("are taken with either kind of key, and the roles say what they may do", async () => {
    expect(await ask(await token())).toBe(200)
    expect(await ask(await token({ kid: "two", alg: "ES256", pair: elliptic }))).toBe(200)
    const may = async (roles: unknown) => {
      const bearer = await token({ roles })
      return [await ask(bearer), await ask(bearer, "POST"), await ask(bearer, "DELETE", "/api/v1/pipelines/none/state")]
    }
    expect(await may(["readers"])).toEqual([200, 403, 403])
    expect(await may(["makers", "others"])).toEqual([200, 415, 403])
    expect(await may("ops")).toEqual([200, 415, 404])
    for (const roles of [[], ["others"], null, { ops: true }, ["__proto__", "constructor"]])
      expect(await may(roles)).toEqual([403, 403, 403])
  })

  it("are refused: wrong audience, issuer, key, algorithm, time", async () => {
    const other = await generateKeyPair("RS256")
    const secret = new TextEncoder().encode(JSON.stringify(published[0]).padEnd(64, "x"))
    const symmetric = await new SignJWT({ realm: { roles: ["ops"] } })
      .setProtectedHeader({ alg: "HS256", kid: "one" })
      .setSubject("ada")
      .setIssuer(issuer)
      .setAudience("deltaflow")
      .setExpirationTime("5m")
      .sign(secret)
    const unsigned = new UnsecuredJWT({ realm: { roles: ["ops"] } })
      .setSubject("ada")
      .setIssuer(issuer)
      .setAudience("deltaflow")
      .setExpirationTime("5m")
      .encode()
    const good = await token()
    const [head, body, signature] = good.split(".") as [string, string, string]
    const forged = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body, "base64url").toString()), sub: "eve" })).toString(
      "base64url",
    )
    const wrong: Readonly<Record<string, string>> = {
      audience: await token({ audience: "other" }),
      issuer: await token({ issuer: "https://evil.example" }),
      "another key": await token({ pair: other }),
      "an unknown key": await token({ kid: "three", pair: other }),
      expired: await token({ expires: "-2m" }),
      "not yet": await token({ notBefore: "5m" }),
      "a shared secret": symmetric,
      "algorithm none": unsigned,
      "no signature": `${head}.${body}.`,
      "a changed body": `${head}.${forged}.${signature}`,
      "no token": "a.b.c",
    }
    for (const [what, bearer] of Object.entries(wrong)) expect([what, await ask(bearer)]).toEqual([what, 401])
    expect(await ask(await token({ expires: "-10s" }))).toBe(200)
  })

  it("of a new key are taken once the issuer has it, and unknown keys do not make it ask each time", async () => {
    const rotated = await generateKeyPair("RS256")
    const tokens = oidc({ issuer, audience: "deltaflow", roleClaim: "realm.roles", roleMapping: { ops: "admin" } })
    const fresh = createHandler(engine, { auth: tokens, healthInterval: false, rateLimit: 0 })
    await publish("four", "RS256", rotated)
    expect(await ask(await token({ kid: "four", pair: rotated }), "GET", "/api/v1/pipelines", fresh)).toBe(200)
    const before = lookedUp
    for (let i = 0; i < 20; i++) await ask(await token({ kid: `no-${i}`, pair: rotated }), "GET", "/api/v1/pipelines", fresh)
    expect(lookedUp).toBe(before)
    await fresh.close()
  })

  it("cannot be checked while the issuer is away: come again", async () => {
    const away = createHandler(engine, {
      auth: oidc({ issuer: "http://127.0.0.1:1", audience: "deltaflow", roleMapping: {} }),
      healthInterval: false,
    })
    expect(await ask(await token(), "GET", "/api/v1/pipelines", away)).toBe(503)
    await away.close()
  })

  it("need options that can be right", () => {
    const options = { issuer: "https://a.example", audience: "a", roleMapping: {} }
    expect(() => oidc({ ...options, issuer: "a.example" })).toThrow("issuer")
    for (const algorithm of ["none", "HS256"]) expect(() => oidc({ ...options, algorithms: [algorithm] })).toThrow(algorithm)
  })
})
