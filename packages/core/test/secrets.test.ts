import { inspect } from "node:util"
import * as z from "zod"
import { describe, expect, it } from "vitest"
import { createEngine, defineDestination, defineSource, defineTransform, type EngineEvent, secret } from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"

const PASSWORD = "c4nary-Pa55word/=?"
const TOKEN = "tok_c4nary_in_config"
const LINES: Array<string> = []
const say = (message: string, fields?: unknown) => void LINES.push(message, JSON.stringify(fields ?? null))

/** Every way in which a value may turn up. */
const forms = (value: string): ReadonlyArray<string> => [
  value,
  encodeURIComponent(value),
  Buffer.from(value).toString("base64"),
  Buffer.from(value).toString("hex"),
  JSON.stringify(value).slice(1, -1),
]

const config = z.object({ url: z.string(), token: secret() })
const leak = ({ url, token }: z.infer<typeof config>) =>
  Object.assign(
    new AggregateError(
      [new Error(`first ${token}`)],
      `cannot reach ${url} with ${token}, that is ${Buffer.from(token).toString("base64")} or ${encodeURIComponent(url)}`,
      { cause: new Error(`inner ${url}`) },
    ),
    // As HTTP clients do it.
    { url, request: { headers: { authorization: `Bearer ${token}` } } },
  )

const parts = {
  source: (fails: boolean) =>
    defineSource({
      type: "leaky",
      config,
      async *read({ config: options, log }) {
        log.warn(`reading ${options.url}`, { token: options.token })
        if (fails) throw leak(options)
        yield [{ id: 1 }]
      },
    }),
  transform: (fails: boolean) =>
    defineTransform({
      type: "leaky_step",
      config,
      row: (row, { config: options, log }) => {
        log.info(`step with ${options.token}`)
        if (fails) throw leak(options)
        return row
      },
    }),
  destination: (fails: boolean) =>
    defineDestination({
      type: "leaky",
      config,
      open: ({ config: options }) => ({
        write: () => {
          if (fails) throw leak(options)
        },
      }),
    }),
}

const endpoint = { type: "leaky", url: "postgres://me:${PASSWORD}@db/x", token: TOKEN }

describe.each(["source", "transform", "destination"] as const)("a %s that leaks its secrets in messages", (failing) => {
  it("shows none in logs, errors, events and the store", async () => {
    const store = memoryStore()
    const log = { debug: say, info: say, warn: say, error: say }
    const plugins = [
      parts.source(failing === "source"),
      parts.transform(failing === "transform"),
      parts.destination(failing === "destination"),
    ]
    await using engine = createEngine({ plugins, store, log, env: { PASSWORD } })
    const events: Array<EngineEvent> = []
    const listening = (async () => {
      for await (const event of engine.events()) events.push(event)
    })()
    const pipeline = {
      name: "leaks",
      sources: [endpoint],
      transforms: [{ ...endpoint, type: "leaky_step" }],
      destinations: [endpoint],
    }
    const error = await engine.run(pipeline).catch((cause: unknown) => cause as Error)
    // Looking opens sources and steps, and no destination.
    const looked = [await engine.preview(pipeline).catch(String), await engine.explain(pipeline).catch(String)]
    expect(error).toBeInstanceOf(Error)
    const stored = await engine.listRuns()
    const kept = await engine.listEvents()
    await engine.close()
    await listening
    const printed = inspect(error, { depth: 12, showHidden: true })
    expect(printed).toContain("authorization")
    const all = JSON.stringify([(error as Error).message, String(error), printed, looked, stored, kept, events, LINES])
    for (const form of [...forms(PASSWORD), ...forms(TOKEN)]) expect(all).not.toContain(form)
    expect(all).toContain("***")
    expect(all).toContain("cannot reach")
  })
})
