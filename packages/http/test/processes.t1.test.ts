/** Three servers over one PostgreSQL store, each with a pool of five: what is asked for once happens once. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { builtins } from "@deltaflow/connectors"
import { postgresStore } from "@deltaflow/connectors/postgres/store"
import { createEngine } from "@deltaflow/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../scripts/postgresServer.ts"
import { createHandler, type Handler } from "../src/index.ts"
import { ApiKeys } from "../src/keys/index.ts"
import { sign } from "../src/signatures.ts"
import { type Answered, answered, definition } from "./server.ts"

const missing = await missingServer()

it.runIf(missing !== undefined)(`several servers share one store (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("three servers over one store", () => {
  let server: PostgresServer
  let folder: string
  let key: string
  const handlers: Array<Handler> = []
  const closing: Array<() => Promise<void>> = []
  let turn = 0

  beforeAll(async () => {
    server = await startPostgres()
    folder = mkdtempSync(path.join(tmpdir(), "deltaflow-servers-"))
    writeFileSync(path.join(folder, "users.csv"), "id,age\n1,20\n")
    for (let i = 0; i < 3; i++) {
      const store = postgresStore({ connection: `postgres://postgres:any@127.0.0.1:${server.port}/postgres`, maxConnections: 5 })
      const engine = createEngine({ plugins: builtins, store, projectRoot: folder })
      const handler = createHandler(engine, { healthInterval: false, rateLimit: 0 })
      handlers.push(handler)
      closing.push(async () => {
        await handler.close(1000)
        await engine.close()
        await store[Symbol.asyncDispose]()
      })
      if (i === 0) ({ key } = await new ApiKeys(store).create({ name: "all", scopes: ["admin"] }))
    }
  })
  afterAll(async () => {
    for (const close of closing) await close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Each request goes to the next server. */
  const send = async (
    method: string,
    address: string,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answered> => {
    const request = new Request(`http://localhost${address}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body }),
    })
    return await answered(await handlers[turn++ % handlers.length]!(request))
  }

  const ended = async (pipeline: string, id: string): Promise<void> => {
    const look = async () => (await send("GET", `/api/v1/pipelines/${pipeline}/runs/${id}`)).body.data.completed_at
    await expect.poll(look, { timeout: 30_000, interval: 10 }).not.toBeNull()
  }

  it("starts one run for a thousand requests with one key", async () => {
    expect((await send("POST", "/api/v1/pipelines", JSON.stringify(definition("orders")))).status).toBe(201)
    const all = await Promise.all(
      Array.from({ length: 1000 }, () => send("POST", "/api/v1/pipelines/orders/runs", "{}", { "idempotency-key": "once" })),
    )
    expect(new Set(all.map(({ status, body }) => `${status} ${body.data?.id ?? body.error.code}`)).size).toBe(1)
    await ended("orders", all[0]!.body.data.id)
    expect((await send("GET", "/api/v1/pipelines/orders/runs")).body.meta.total).toBe(1)
  })

  it("starts one run for a hundred copies of a webhook, whichever server gets them", async () => {
    const secret = "a secret of the shop"
    await send("POST", "/api/v1/pipelines", JSON.stringify(definition("hooked", { trigger: { type: "webhook", path: "hooked", secret } })))
    const body = '{"order":1}'
    const runs = new Set<string>()
    for (let n = 0; n < 30; n++) {
      const seconds = Math.floor(Date.now() / 1000)
      const id = `msg_${n}`
      const headers = {
        "webhook-id": id,
        "webhook-timestamp": String(seconds),
        "webhook-signature": sign(secret, id, seconds, new TextEncoder().encode(body)),
      }
      const copies = await Promise.all(Array.from({ length: 100 }, () => send("POST", "/api/trigger/hooked", body, headers)))
      const ids = new Set(copies.map((copy) => copy.body.data?.id as string | undefined))
      expect([ids.size, [...ids][0]]).toEqual([1, expect.stringMatching(/^run_/)])
      runs.add([...ids][0]!)
      await ended("hooked", [...ids][0]!)
    }
    expect(runs.size).toBe(30)
    expect((await send("GET", "/api/v1/pipelines/hooked/runs")).body.meta.total).toBe(30)
  })

  it("shows what another one did: definitions, pauses, runs", async () => {
    await send("POST", "/api/v1/pipelines", JSON.stringify(definition("shared")))
    for (let i = 0; i < 3; i++) expect((await send("GET", "/api/v1/pipelines/shared")).body.data.status).toBe("active")
    await send("POST", "/api/v1/pipelines/shared/pause")
    for (let i = 0; i < 3; i++) expect((await send("GET", "/api/v1/pipelines/shared")).body.data.status).toBe("paused")
    await send("POST", "/api/v1/pipelines/shared/resume")
    const { body } = await send("POST", "/api/v1/pipelines/shared/runs")
    await ended("shared", body.data.id)
    const seen = async () => (await send("GET", "/api/v1/pipelines/shared")).body.data.last_run?.status
    await expect
      .poll(async () => [await seen(), await seen(), await seen()], { timeout: 10_000 })
      .toEqual(["success", "success", "success"])
  })
})
