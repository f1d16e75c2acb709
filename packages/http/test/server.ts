/** An engine over real files with a store, and its handler, for tests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { builtins } from "@deltaflow/connectors"
import { createEngine, type Engine, type EngineOptions, type Plugin, type Store } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import * as Effect from "effect/Effect"
import { createHandler, type Handler, type HandlerOptions } from "../src/index.ts"
import { ApiKeys, type Scope } from "../src/keys/index.ts"

export interface TestServer extends AsyncDisposable {
  readonly folder: string
  readonly engine: Engine
  readonly store: Store
  readonly keys: ApiKeys
  readonly handler: Handler
  /** As `fetch`, with a key of all scopes unless `headers` has another or none. */
  readonly send: (method: string, address: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answered>
  readonly keyFor: (...scopes: ReadonlyArray<Scope>) => Promise<string>
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: any
  readonly text: string
}

export const users = "id,name,age\n1,Ada,36\n2,Linus,12\n3,Grace,85\n"

export const definition = (name: string, more: object = {}) => ({
  name,
  version: "1.0",
  sources: [{ type: "csv", path: "users.csv" }],
  transforms: [{ type: "filter", condition: "age >= 18" }],
  destinations: [{ type: "ndjson", path: `${name}.ndjson` }],
  ...more,
})

export const startServer = async (
  options: HandlerOptions & { readonly engine?: Partial<EngineOptions>; readonly plugins?: ReadonlyArray<Plugin> } = {},
): Promise<TestServer> => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-http-"))
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, "users.csv"), users)
  const { engine: engineOptions = {}, plugins = [], ...handlerOptions } = options
  const store = sqliteStore({ path: path.join(folder, ".deltaflow/state.db") })
  const engine = createEngine({ plugins: [...builtins, ...plugins], store, projectRoot: folder, ...engineOptions })
  const handler = createHandler(engine, { healthInterval: false, rateLimit: 0, ...handlerOptions })
  const keys = new ApiKeys(store, handlerOptions.now)
  const admin = await keys.create({ name: "admin", scopes: ["admin"] })
  return {
    folder,
    engine,
    store,
    keys,
    handler,
    keyFor: async (...scopes) => (await keys.create({ name: "one", scopes })).key,
    send: async (method, address, body, headers = {}) => {
      const isText = typeof body === "string"
      const request = new Request(`http://localhost${address}`, {
        method,
        headers: {
          authorization: `Bearer ${admin.key}`,
          ...(body === undefined || isText ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      })
      return await answered(await handler(request))
    },
    async [Symbol.asyncDispose]() {
      await handler.close(5000)
      await engine.close()
      await Effect.runPromise(store.close())
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export const answered = async (response: Response): Promise<Answered> => {
  const text = await response.text()
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true && text !== ""
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : undefined, text }
}

/** Asks until the run has ended. */
export const ended = async ({ send }: TestServer, pipeline: string, id: string): Promise<any> => {
  for (;;) {
    const { body } = await send("GET", `/api/v1/pipelines/${pipeline}/runs/${id}`)
    if (body.data.completed_at !== null) return body.data
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
