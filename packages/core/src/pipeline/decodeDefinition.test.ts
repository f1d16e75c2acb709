import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { anonymize, csv, json, plugins, sqlite } from "../../test/pipeline/plugins.ts"
import { defineTransform } from "../contract/define.ts"
import type { Source } from "../contract/Source.ts"
import { DefinitionError } from "../contract/Errors.ts"
import { decodeDefinition, decodeDefinitionOrThrow, type DecodeOptions } from "./decodeDefinition.ts"
import { Secrets } from "./Secrets.ts"

const minimal = { name: "users", sources: [{ type: "csv", path: "a.csv" }], destinations: [{ type: "json", path: "b.json" }] }

const decode = async (more: object = {}, options: Partial<DecodeOptions> = {}) =>
  await decodeDefinitionOrThrow({ ...minimal, ...more }, { plugins, ...options })

const issuesOf = async (value: unknown, options: Partial<DecodeOptions> = {}) => {
  const result = await decodeDefinition(value, { plugins, ...options })
  return result.ok ? [] : result.issues
}

const codesOf = async (more: object) => (await issuesOf({ ...minimal, ...more })).map(({ code, path }) => [code, path])

describe("a definition", () => {
  it("gets the documented defaults", async () => {
    const pipeline = await decode()
    expect(pipeline).toMatchObject({
      name: "users",
      version: "",
      timezone: "UTC",
      defaults: { batchSize: 5000, workers: 4, timeout: 300_000, retryCount: 3, retryDelay: 10_000, bufferMemory: 268_435_456 },
      errorHandling: {
        strategy: "fail",
        maxRetries: 3,
        retryDelay: 10_000,
        backoff: "exponential",
        maxErrors: Number.POSITIVE_INFINITY,
        deadLetter: undefined,
      },
      dependsOn: [],
      variables: [],
    })
    expect(pipeline.sources).toEqual([
      {
        name: "sources[0]",
        plugin: csv,
        config: { path: "a.csv" },
        batchSize: 5000,
        timeout: 300_000,
        incremental: undefined,
        columns: {},
        optional: false,
        isStream: false,
      },
    ])
    expect(pipeline.destinations).toEqual([
      {
        name: "destinations[0]",
        plugin: json,
        config: { path: "b.json" },
        writeMode: "replace",
        key: [],
        schemaChanges: "evolve",
        delivery: "idempotent",
        flushInterval: 10_000,
        flushRows: Number.POSITIVE_INFINITY,
      },
    ])
  })

  it("reads durations and sizes, and keeps what was written", async () => {
    const more = {
      defaults: { timeout: "1m", buffer_memory: "1gb", retry_delay: 2 },
      error_handling: { strategy: "retry", retry_delay: "500ms" },
    }
    const pipeline = await decode(more)
    expect(pipeline.defaults).toMatchObject({ timeout: 60_000, bufferMemory: 1024 ** 3, retryDelay: 2000 })
    expect(pipeline.errorHandling).toMatchObject({ strategy: "retry", retryDelay: 500, maxRetries: 3 })
    expect(pipeline.written).toEqual({ ...minimal, ...more })
  })

  it("takes the numbers of sources from defaults, and their own where they have some", async () => {
    const sources = [
      { type: "csv", path: "a.csv" },
      { type: "csv", name: "b", path: "b.csv", batch_size: 10, timeout: 5 },
    ]
    const pipeline = await decode({ defaults: { batch_size: 100, timeout: 60, retry_count: 7 }, sources })
    expect(pipeline.sources.map(({ name, batchSize, timeout }) => [name, batchSize, timeout])).toEqual([
      ["sources[0]", 100, 60_000],
      ["b", 10, 5000],
    ])
    expect(pipeline.errorHandling.maxRetries).toBe(7)
  })

  it("reads what a source does incrementally", async () => {
    const source = (incremental: unknown) => ({ sources: [{ type: "csv", path: "a.csv", incremental }] })
    const of = async (incremental: unknown) => (await decode(source(incremental))).sources[0]!.incremental
    expect(await of(true)).toEqual({})
    expect(await of(false)).toBeUndefined()
    expect(await of({ column: "id", initial_value: 5, key: "id", lookback: "5m" })).toEqual({
      column: "id",
      initialValue: "5",
      key: ["id"],
      lookback: 300_000,
    })
  })

  it("gives expressions as text, also where a number was written", async () => {
    const { steps } = await decode({
      transforms: [
        { type: "map", fields: { one: 1, yes: true, text: "a || b" } },
        { type: "filter", condition: true },
      ],
    })
    expect(steps).toEqual([
      { kind: "builtin", step: { type: "map", fields: { one: "1", yes: "true", text: "a || b" } } },
      { kind: "builtin", step: { type: "filter", condition: "true" } },
    ])
  })

  it("finds transforms of the host", async () => {
    const shuffle = defineTransform({ type: "shuffle", batch: (rows) => rows })
    const transforms = [
      { type: "anonymize", name: "hide", columns: ["email"] },
      { type: "shuffle", by: "x" },
    ]
    const { steps } = await decode({ transforms }, { plugins: [...plugins, shuffle] })
    expect(steps).toEqual([
      { kind: "plugin", name: "hide", plugin: anonymize, config: { columns: ["email"] } },
      { kind: "plugin", name: undefined, plugin: shuffle, config: { by: "x" } },
    ])
  })

  it("decodes the dead letter as a destination", async () => {
    const pipeline = await decode({
      error_handling: { strategy: "skip", max_errors: 100, dead_letter: { type: "json", path: "bad.json" } },
    })
    expect(pipeline.errorHandling).toMatchObject({
      strategy: "skip",
      maxErrors: 100,
      deadLetter: { name: "dead_letter", config: { path: "bad.json" } },
    })
  })

  it("understands depends_on as one name, as a list, and as a trigger", async () => {
    expect((await decode({ depends_on: "orders" })).dependsOn).toEqual([{ name: "orders", status: "success" }])
    const trigger = { type: "pipeline", depends_on: [{ name: "orders", status: "completed" }, { name: "items" }] }
    expect((await decode({ depends_on: ["a"], trigger })).dependsOn).toEqual([
      { name: "a", status: "success" },
      { name: "orders", status: "completed" },
      { name: "items", status: "success" },
    ])
  })

  it("says what each destination can do in its write mode", async () => {
    const of = async (destination: object) => (await decode({ destinations: [destination] })).destinations[0]!
    expect(await of({ type: "sqlite", path: "x", write_mode: "upsert", key: ["id", "at"] })).toMatchObject({
      plugin: sqlite,
      writeMode: "upsert",
      key: ["id", "at"],
      delivery: "transactional",
    })
    expect(await of({ type: "sqlite", path: "x", delivery: "exactly_once" })).toMatchObject({
      writeMode: "append",
      delivery: "transactional",
    })
    expect(await of({ type: "webhook", url: "x", delivery: "at_least_once" })).toMatchObject({ delivery: "none" })
  })

  it("accepts every section of the format that changes neither rows nor delivery", async () => {
    const more = {
      version: "1.0",
      description: "all of it",
      mode: "batch",
      schedule: "0 */6 * * *",
      timezone: "Europe/Berlin",
      depends_on: ["load-orders"],
      trigger: { type: "webhook", path: "on-demand-sync", secret: "s" },
      scheduler: { concurrency: 1, queue_overflow: "skip", misfire: "run_all", misfire_limit: 10 },
      notifications: {
        on_failure: [
          { type: "slack", webhook: "https://hooks.example.com" },
          { type: "email", to: "team@example.com" },
        ],
        on_success: [{ type: "slack", webhook: "https://hooks.example.com", only_after_failure: true }],
      },
      monitoring: {
        metrics: { enabled: true, port: 9090 },
        alerts: [{ name: "slow", condition: "duration_seconds > 300", channels: ["slack"] }],
        channels: {
          slack: { webhook: "https://hooks.example.com" },
          email: { smtp: "smtp://localhost", from: "a@example.com", to: ["b@example.com"] },
          pagerduty: { routing_key: "k", severity: "error" },
        },
      },
      logging: { level: "info", format: "json", output: "stdout" },
      events: { webhooks: [{ url: "https://example.com", events: ["pipeline.failed"], secret: "s", retry: true }] },
      plugins: { connectors: [{ path: "./connectors/my-source.ts" }], transforms: [{ path: "./transforms/index.ts" }] },
      auth: { provider: "api_key" },
    }
    const pipeline = await decode(more)
    expect(pipeline).toMatchObject({
      schedule: "0 */6 * * *",
      trigger: { type: "webhook" },
      scheduler: { concurrency: 1 },
      auth: { provider: "api_key" },
    })
  })

  it("takes schedules of 5 fields and of 6, and names in them", async () => {
    for (const schedule of ["*/5 * * * *", "0 0 6 * * MON-FRI", "0 0 1 jan *", "0 0 L * *"]) expect(await codesOf({ schedule })).toEqual([])
  })

  it("asks for the column that deduplicate compares, and only where it compares", async () => {
    const deduplicate = (more: object) => codesOf({ transforms: [{ type: "deduplicate", key: "a", ...more }] })
    expect(await deduplicate({})).toEqual([])
    expect(await deduplicate({ keep: "latest", by: "b" })).toEqual([])
    expect(await deduplicate({ keep: "latest" })).toEqual([["MISSING_KEY", "transforms[0].by"]])
    expect(await deduplicate({ by: "b" })).toEqual([["INVALID_VALUE", "transforms[0].by"]])
    expect(await deduplicate({ keep: "first", by: "b" })).toEqual([["INVALID_VALUE", "transforms[0].by"]])
  })

  it("refuses steps that need all rows where a run sees only what is new", async () => {
    const sources = [{ type: "csv", path: "a.csv", incremental: true }]
    const transforms = [
      { type: "sort", by: "a" },
      { type: "deduplicate", key: "a" },
      { type: "aggregate", group_by: "a", metrics: { n: "COUNT(*)" } },
    ]
    expect(await codesOf({ sources, transforms })).toEqual([["UNSUPPORTED_FEATURE", "transforms[2].type"]])
    const joined = { sources: [...sources, { ...sources[0], name: "b" }], transforms: [{ type: "join", with: "b", on: "a" }] }
    expect(await codesOf(joined)).toEqual([["UNSUPPORTED_FEATURE", "transforms[0].type"]])
  })

  it("asks an aggregate for something to compute", async () => {
    const aggregate = (more: object) => codesOf({ transforms: [{ type: "aggregate", ...more }] })
    expect(await aggregate({ metrics: { n: "COUNT(*)" } })).toEqual([])
    expect(await aggregate({ group_by: ["a"], metrics: {} })).toEqual([])
    expect(await aggregate({ metrics: {} })).toEqual([["INVALID_VALUE", "transforms[0].metrics"]])
    expect(await aggregate({ group_by: ["a"] })).toEqual([["MISSING_KEY", "transforms[0].metrics"]])
  })

  it("asks a join for columns or a condition", async () => {
    const sources = [
      { type: "csv", path: "a.csv" },
      { type: "csv", path: "b.csv", name: "b" },
    ]
    const join = (more: object) => codesOf({ sources, transforms: [{ type: "join", with: "b", ...more }] })
    expect(await join({ on: ["x", "y"] })).toEqual([])
    expect(await join({ condition: "x > y" })).toEqual([])
    expect(await join({})).toEqual([["MISSING_KEY", "transforms[0].on"]])
  })

  it("finds the other source of a join among those with a name", async () => {
    const sources = [
      { type: "csv", path: "a.csv" },
      { type: "csv", path: "b.csv", name: "countries" },
    ]
    const join = (...withs: ReadonlyArray<string>) =>
      codesOf({ sources, transforms: withs.map((name) => ({ type: "join", with: name, on: { country: "code" }, how: "semi" })) })
    expect(await join("countries")).toEqual([])
    expect(await join("countrys")).toEqual([["INVALID_VALUE", "transforms[0].with"]])
    expect(await join("countries", "countries")).toEqual([["INVALID_VALUE", "transforms[1].with"]])
    expect(await join("countries", "sources[0]")).toEqual([["INVALID_VALUE", "transforms[1].with"]])
  })

  it("does not take an order beside a list of columns to sort by", async () => {
    const sort = (more: object) => codesOf({ transforms: [{ type: "sort", ...more }] })
    expect(await sort({ by: "a", order: "desc" })).toEqual([])
    expect(await sort({ by: [{ column: "a", order: "desc", nulls: "first" }] })).toEqual([])
    expect(await sort({ by: [{ column: "a" }], order: "desc" })).toEqual([["INVALID_VALUE", "transforms[0].order"]])
  })

  it("says that nothing runs SQL, and still checks the step", async () => {
    const issues = await codesOf({ transforms: [{ type: "sql", nonsense: 1 }] })
    expect(issues).toContainEqual(["UNKNOWN_PLUGIN", "transforms[0].type"])
    expect(issues).toContainEqual(["UNKNOWN_KEY", "transforms[0].nonsense"])
  })

  it("refuses to delete where the destination cannot", async () => {
    const destinations = [{ type: "json", path: "x", hard_deletes: "key" }]
    expect(await codesOf({ destinations })).toEqual([["UNSUPPORTED_WRITE_MODE", "destinations[0].hard_deletes"]])
    expect(await codesOf({ mode: "batch", schema: {} })).toEqual([])
  })

  it("lets only what goes on for ever stream, alone, into what can commit on the way", async () => {
    const changes: Source = { ...csv, type: "changes", supportsIncremental: true, isStream: ({ path }) => path !== "once" }
    const streaming = async (more: object) =>
      (await issuesOf({ ...minimal, mode: "streaming", ...more }, { plugins: [...plugins, changes] })).map(({ code, path }) => [code, path])
    const sources = [{ type: "changes", path: "a" }]
    const destinations = [{ type: "sqlite", path: "x", table: "t" }]
    expect(await streaming({ sources, destinations })).toEqual([])
    expect(await streaming({ destinations })).toEqual([["INVALID_VALUE", "mode"]])
    expect(await streaming({ sources: [{ type: "changes", path: "once" }], destinations })).toEqual([["INVALID_VALUE", "mode"]])
    expect(await streaming({ sources: [...sources, { type: "changes", path: "b" }], destinations })).toEqual([["INVALID_VALUE", "sources"]])
    expect(await streaming({ sources, destinations: [{ ...destinations[0], write_mode: "replace" }] })).toEqual([["INVALID_VALUE", "mode"]])
    expect(await streaming({ sources, destinations, transforms: [{ type: "sort", by: "a" }] })).toEqual([
      ["INVALID_VALUE", "transforms[0].type"],
    ])
    const decoded = await decode({ sources, destinations }, { plugins: [...plugins, changes] })
    const mixed = { ...minimal, sources: [...sources, { type: "csv", path: "b" }], destinations }
    expect((await issuesOf(mixed, { plugins: [...plugins, changes] })).map(({ message }) => message)).toEqual([
      expect.stringContaining("the source sources[0] goes on from run to run, and sources[1] is read whole in each"),
    ])
    expect(decoded).toMatchObject({
      isStreaming: false,
      sources: [{ isStream: true, incremental: {} }],
      destinations: [{ writeMode: "append" }],
    })
  })

  it("takes a time to commit after, or a number of rows too", async () => {
    const flush = async (flush_interval: unknown) =>
      (await decode({ destinations: [{ type: "json", path: "b.json", flush_interval }] })).destinations[0]
    expect(await flush("2s")).toMatchObject({ flushInterval: 2000, flushRows: Number.POSITIVE_INFINITY })
    expect(await flush({ time: "1m", rows: 500 })).toMatchObject({ flushInterval: 60_000, flushRows: 500 })
    expect(await flush({ rows: 500 })).toMatchObject({ flushInterval: 10_000, flushRows: 500 })
    expect(await codesOf({ destinations: [{ type: "json", path: "b.json", flush_interval: { rows: 0 } }] })).toHaveLength(1)
  })

  it("is copied: what the caller changes later changes nothing", async () => {
    const value = structuredClone(minimal)
    const pipeline = await decodeDefinitionOrThrow(value, { plugins })
    value.sources[0]!.path = "other.csv"
    expect(pipeline.written.sources[0]).toEqual({ type: "csv", path: "a.csv" })
  })

  it("may come from code, with undefined keys and live values", async () => {
    const rows = [{ id: 1 }][Symbol.iterator]()
    const pipeline = await decode({
      schedule: undefined,
      sources: [{ type: "rest", rows, name: undefined, format: (row: unknown) => row }],
    })
    const config = pipeline.sources[0]!.config as { readonly rows: unknown; readonly format: unknown }
    expect(config.rows).toBe(rows)
    expect(config.format).toBeTypeOf("function")
    expect("schedule" in pipeline.written).toBe(false)
  })

  it("that holds itself is refused, not followed for ever", async () => {
    const loop: Array<unknown> = []
    loop.push(loop, loop)
    expect((await issuesOf({ ...minimal, transforms: loop }))[0]).toMatchObject({ code: "YAML_LIMIT" })
  })

  it("throws one error with all issues", async () => {
    const error: unknown = await decodeDefinitionOrThrow({ name: 1, nmae: 2 }, { plugins }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(DefinitionError)
    expect((error as DefinitionError).issues.length).toBe(4)
  })

  it.each([undefined, null, 1, "text", [], () => 1, new Date(0), Symbol("x"), 10n])("that is %s gives an issue", async (value) => {
    expect((await issuesOf(value)).length).toBeGreaterThan(0)
  })

  it("made of anything at all gives a pipeline or issues", async () => {
    const keys = fc.constantFrom(
      "name",
      "sources",
      "transforms",
      "destinations",
      "type",
      "path",
      "defaults",
      "error_handling",
      "trigger",
      "schema",
      "__proto__",
      "constructor",
    )
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom<unknown>(null, 1, -1, "csv", "json", "${A}", "", true, Number.NaN, 2n ** 70n),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(keys, tie("tree"), { maxKeys: 5 }),
      ),
    }))
    await fc.assert(
      fc.asyncProperty(tree, async (value) => {
        const issues = await issuesOf(value)
        expect(issues.length).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
    expect(({} as { type?: unknown }).type).toBeUndefined()
  })
})

describe("variables in a definition", () => {
  const env = { PORT: "8080", ON: "true", NAME: "orders", COUNT: "12", TIME: "90", TABLE: "42", SECRET: "hunter2-hunter2" }

  it("may stand for numbers and truth values, and are text where text is wanted", async () => {
    const more = {
      name: "${NAME}",
      defaults: { workers: "${COUNT}", timeout: "${TIME}", batch_size: "${SIZE:-100}" },
      monitoring: { metrics: { enabled: "${ON}", port: "${PORT}" } },
      destinations: [
        { type: "json", path: "out", pretty: "${ON}" },
        { type: "sqlite", path: "x", table: "${TABLE}" },
      ],
    }
    const pipeline = await decode(more, { variables: [env] })
    expect(pipeline).toMatchObject({
      name: "orders",
      defaults: { workers: 12, timeout: 90_000, batchSize: 100 },
      monitoring: { metrics: { enabled: true, port: 8080 } },
      destinations: [{ config: { pretty: true } }, { config: { table: "42" } }],
    })
    expect(pipeline.written).toEqual({ ...minimal, ...more })
    expect(pipeline.variables).toEqual(["NAME", "COUNT", "TIME", "SIZE", "ON", "PORT", "TABLE"].toSorted(byPlaceIn(more)))
  })

  it("say what is wrong where the value does not fit", async () => {
    const issues = await issuesOf({ ...minimal, defaults: { workers: "${NAME}" } }, { variables: [env] })
    expect(issues).toMatchObject([{ path: "defaults.workers", message: expect.stringContaining("expected a whole number, 1 or more") }])
  })

  it("are wrong once where they have no value", async () => {
    expect(await issuesOf({ ...minimal, name: "${NONE}", defaults: { workers: "${NONE}" } })).toMatchObject([
      { code: "MISSING_VARIABLE", path: "name" },
      { code: "MISSING_VARIABLE", path: "defaults.workers" },
    ])
  })

  it("never show their value, neither in issues nor in what is kept", async () => {
    const secrets = new Secrets()
    const more = {
      mode: "${SECRET}",
      schedule: "${SECRET}",
      timezone: "${SECRET}",
      "${SECRET}": 1,
      transforms: [{ type: "${SECRET}" }],
      name: "${SECRET} x",
    }
    const issues = await issuesOf(
      { ...minimal, ...more, destinations: [{ type: "json", path: "x", write_mode: "${SECRET}" }] },
      { variables: [env], secrets },
    )
    expect(issues.length).toBeGreaterThanOrEqual(6)
    expect(JSON.stringify(issues)).not.toContain("hunter2")
    const pipeline = await decode({ description: "${SECRET}" }, { variables: [env], secrets })
    expect(JSON.stringify(pipeline.written)).not.toContain("hunter2")
  })
})

describe("what a project adds", () => {
  it("is weaker than the pipeline, and flags are stronger", async () => {
    const pipeline = await decode(
      { defaults: { workers: 2 }, logging: { level: "warn" } },
      {
        inherited: { defaults: { workers: 8, batch_size: 50, timeout: 1000 }, logging: { level: "debug", format: "json" } },
        overrides: { defaults: { timeout: 9000 } },
      },
    )
    expect(pipeline.defaults).toMatchObject({ workers: 2, batchSize: 50, timeout: 9000 })
    expect(pipeline.logging).toEqual({ level: "warn", format: "json" })
    expect(pipeline.sources[0]).toMatchObject({ batchSize: 50, timeout: 9000 })
  })
})

const byPlaceIn = (value: object) => {
  const text = JSON.stringify({ ...minimal, ...value })
  return (a: string, b: string) => text.indexOf(`\${${a}`) - text.indexOf(`\${${b}`)
}
