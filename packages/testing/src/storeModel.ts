/** A store as simple as can be, against which real ones are compared, and the calls to compare them by. */
import fc from "fast-check"
import {
  type EngineEvent,
  type EventFilter,
  type Lease,
  type Run,
  type RunFilter,
  runStatuses,
  type StoredCheckpoint,
  type StoredDefinition,
  type StoredEntry,
} from "@deltaflow/core"

/** One call of a store, as data. */
export type StoreCall =
  | { readonly call: "tick"; readonly ms: number }
  | { readonly call: "createRun"; readonly run: Run }
  | { readonly call: "updateRun"; readonly id: string; readonly change: Partial<Run>; readonly events: ReadonlyArray<EngineEvent> }
  | { readonly call: "appendEvents"; readonly events: ReadonlyArray<EngineEvent> }
  | { readonly call: "listRuns"; readonly filter: RunFilter }
  | { readonly call: "listEvents"; readonly filter: EventFilter }
  | { readonly call: "acquireLease"; readonly name: string; readonly owner: string; readonly ttlMs: number }
  /** On the lease that was given last, or an earlier one: `back` counts from the end. */
  | { readonly call: "renewLease" | "releaseLease"; readonly back: number; readonly ttlMs: number }
  | { readonly call: "saveCheckpoint"; readonly back: number; readonly checkpoint: StoredCheckpoint }
  | { readonly call: "deleteCheckpoints"; readonly back: number; readonly pipeline: string }
  | { readonly call: "saveDefinition"; readonly name: string; readonly definition: string; readonly source: string | null }
  | { readonly call: "setPaused"; readonly name: string; readonly paused: boolean }
  | { readonly call: "deleteDefinition"; readonly name: string }
  | {
      readonly call: "saveEntry"
      readonly collection: string
      readonly key: string
      readonly value: unknown
      readonly ttlMs: number | null
      readonly expected: number | null
    }
  | { readonly call: "deleteEntry"; readonly collection: string; readonly key: string }

const PIPELINES = ["orders", "users", "__proto__"]
const pipeline = fc.constantFrom(...PIPELINES)
const time = fc.integer({ min: 0, max: 5 }).map((n) => n * 40_000_000 + (n % 2))
const runId = fc.integer({ min: 1, max: 8 }).map((n) => `run_${n}`)
const eventId = fc.integer({ min: 1, max: 12 }).map((n) => `evt_${String(n).padStart(2, "0")}`)
const text = fc.string({ unit: "grapheme", maxLength: 8 })

const run: fc.Arbitrary<Run> = fc.record({
  id: runId,
  pipeline,
  revision: fc.integer({ min: 1, max: 3 }),
  status: fc.constantFrom("pending", "running", "success"),
  trigger: fc.constantFrom("manual", "schedule"),
  createdAt: time,
  startedAt: fc.option(time),
  completedAt: fc.constant(null),
  fullRefresh: fc.boolean(),
  dryRun: fc.boolean(),
  rowsExtracted: fc.nat(),
  rowsFiltered: fc.nat(),
  rowsLoaded: fc.nat(),
  rowsRejected: fc.nat(),
  stages: fc.array(
    fc.record({
      name: text,
      rowsIn: fc.nat(),
      rowsOut: fc.nat(),
      durationMs: fc.double({ min: 0, max: 1e6, noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    }),
    { maxLength: 2 },
  ),
  error: fc.option(
    fc.record({ code: text, message: text, stage: fc.constantFrom("load", null), step: fc.option(text), hint: fc.option(text) }),
  ),
  attempt: fc.integer({ min: 1, max: 4 }),
  logicalTime: fc.option(fc.record({ scheduledAt: time, intervalStart: time })),
  retryOf: fc.option(runId),
  variables: fc.array(text, { maxLength: 2 }),
})

const change: fc.Arbitrary<Partial<Run>> = fc.record(
  {
    status: fc.constantFrom(...runStatuses),
    startedAt: fc.option(time),
    completedAt: fc.option(time),
    rowsLoaded: fc.nat(),
    variables: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: [] },
)

const event: fc.Arbitrary<EngineEvent> = fc.record({
  id: eventId,
  type: fc.constantFrom("pipeline.started", "pipeline.failed"),
  timestamp: time,
  pipeline,
  runId: fc.option(runId),
  data: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null)), { maxKeys: 2 }),
})

const events = fc.array(event, { maxLength: 3 })
const limits = { limit: fc.integer({ min: 0, max: 4 }), since: time, until: time }

const runFilter: fc.Arbitrary<RunFilter> = fc.record(
  { pipeline, status: fc.uniqueArray(fc.constantFrom(...runStatuses), { maxLength: 3 }), skip: fc.integer({ min: 0, max: 3 }), ...limits },
  { requiredKeys: [] },
)

const eventFilter: fc.Arbitrary<EventFilter> = fc.record(
  {
    pipeline,
    runId,
    types: fc.uniqueArray(fc.constantFrom("pipeline.started", "pipeline.failed", "none"), { maxLength: 2 }),
    after: eventId,
    ...limits,
  },
  { requiredKeys: [] },
)

const checkpoint: fc.Arbitrary<StoredCheckpoint> = fc.record({
  pipeline,
  destination: fc.constantFrom("a", "b"),
  runId,
  epoch: fc.integer({ min: 1, max: 9 }),
  batchId: fc.nat(),
  cursors: fc.dictionary(text, text, { maxKeys: 2 }),
  cursorVersions: fc.dictionary(text, fc.integer({ min: 1, max: 3 }), { maxKeys: 2 }),
  fingerprints: fc.dictionary(text, text, { maxKeys: 2 }),
  // Read back, a whole number beyond 2^53 is a `bigint`.
  state: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value), safeNumber) as unknown),
  updatedAt: time,
})

const ttlMs = fc.integer({ min: 1, max: 30 })
const back = fc.integer({ min: 0, max: 2 })
const call = <const C extends string, M extends object>(
  name: C,
  parts: { [K in keyof M]: fc.Arbitrary<M[K]> },
): fc.Arbitrary<{ call: C } & M> => fc.record(parts).map((rest) => ({ call: name, ...(rest as M) }))

const calls = fc.array(
  fc.oneof(
    call("tick", { ms: fc.integer({ min: 1, max: 20 }) }),
    call("createRun", { run }),
    call("updateRun", { id: runId, change, events }),
    call("appendEvents", { events }),
    call("listRuns", { filter: runFilter }),
    call("listEvents", { filter: eventFilter }),
    call("acquireLease", { name: pipeline, owner: fc.constantFrom("one", "two"), ttlMs }),
    call("renewLease", { back, ttlMs }),
    call("releaseLease", { back, ttlMs }),
    call("saveCheckpoint", { back, checkpoint }),
    call("deleteCheckpoints", { back, pipeline }),
    call("saveDefinition", { name: pipeline, definition: fc.constantFrom("{}", '{"a":1}'), source: fc.constantFrom(null, "a: 1") }),
    call("setPaused", { name: pipeline, paused: fc.boolean() }),
    call("deleteDefinition", { name: pipeline }),
    call("saveEntry", {
      collection: pipeline,
      key: fc.constantFrom("a", "b"),
      value: fc.oneof(text, fc.constant(null), fc.record({ text })),
      ttlMs: fc.option(ttlMs),
      expected: fc.option(fc.integer({ min: 0, max: 2 })),
    }),
    call("deleteEntry", { collection: pipeline, key: fc.constantFrom("a", "b") }),
  ),
  { maxLength: 40 },
)

// Through JSON, so that all objects are plain ones, as a store gives them back.
export const storeCalls: fc.Arbitrary<Array<StoreCall>> = calls.map((made) => JSON.parse(JSON.stringify(made)) as Array<StoreCall>)

const FINAL = ["success", "failed", "cancelled"]

/** Arrays and loops: what a store means, without any thought of speed. */
export class StoreModel {
  now = 1000
  readonly given: Array<Lease> = []
  private runs: Array<Run> = []
  private events: Array<EngineEvent> = []
  private checkpoints: Array<StoredCheckpoint> = []
  private definitions: Array<StoredDefinition> = []
  private entries: Array<StoredEntry> = []
  private readonly leases: Array<{ name: string; owner: string | null; epoch: number; expiresAt: number }> = []

  /** What the call has to give; `"fails"` where it has to fail. */
  apply(step: StoreCall): unknown {
    switch (step.call) {
      case "tick":
        this.now += step.ms
        return undefined
      case "createRun":
        if (this.runs.some(({ id }) => id === step.run.id)) return "fails"
        this.runs.push(step.run)
        return undefined
      case "updateRun":
        return this.updateRun(step.id, step.change, step.events)
      case "appendEvents":
        return this.append(step.events)
      case "listRuns":
        return this.listRuns(step.filter)
      case "listEvents":
        return this.listEvents(step.filter)
      case "saveDefinition":
        return this.saveDefinition(step)
      case "setPaused":
        return this.setPaused(step.name, step.paused)
      case "deleteDefinition":
        return this.deleteDefinition(step.name)
      case "saveEntry":
        return this.saveEntry(step)
      case "deleteEntry":
        return this.deleteEntry(step.collection, step.key)
      default:
        return this.leased(step)
    }
  }

  /** The lease that a call works with; undefined where none was given yet. */
  leaseAt(back: number): Lease | undefined {
    return this.given.at(-1 - back)
  }

  /** Everything, in the form in which the store is asked for it. */
  contents(): unknown {
    const names = [...PIPELINES]
    return {
      runs: this.listRuns({ limit: 100 }),
      events: this.events,
      checkpoints: names.map((name) =>
        this.checkpoints.filter((one) => one.pipeline === name).toSorted((a, b) => (a.destination < b.destination ? -1 : 1)),
      ),
      definitions: this.definitions.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      leases: names.map((name) => this.leases.find((lease) => lease.name === name && lease.owner !== null && lease.expiresAt > this.now)),
      entries: names.map((name) =>
        this.living()
          .filter((one) => one.collection === name)
          .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      ),
    }
  }

  private leased(step: Extract<StoreCall, { call: "acquireLease" } | { back: number }>): unknown {
    if (step.call === "acquireLease") return this.acquire(step.name, step.owner, step.ttlMs)
    const lease = this.leaseAt(step.back)!
    const row = this.leases.find(({ name, owner, epoch }) => name === lease.name && owner === lease.owner && epoch === lease.epoch)
    if (step.call === "releaseLease") {
      if (row !== undefined) row.owner = null
      return undefined
    }
    if (step.call === "renewLease") {
      if (row === undefined) return undefined
      row.expiresAt = this.now + step.ttlMs
      return this.remember({ ...row } as Lease)
    }
    if (row === undefined || row.expiresAt <= this.now) return false
    const isOther = (one: StoredCheckpoint): boolean => {
      if (step.call === "deleteCheckpoints") return one.pipeline !== step.pipeline
      return step.call !== "saveCheckpoint" || one.pipeline !== step.checkpoint.pipeline || one.destination !== step.checkpoint.destination
    }
    this.checkpoints = this.checkpoints.filter(isOther)
    if (step.call === "saveCheckpoint") this.checkpoints.push(step.checkpoint)
    return true
  }

  private acquire(name: string, owner: string, ttlMs: number): Lease | undefined {
    let row = this.leases.find((lease) => lease.name === name)
    if (row === undefined) this.leases.push((row = { name, owner: null, epoch: 0, expiresAt: 0 }))
    const isHeld = row.owner !== null && row.expiresAt > this.now
    if (isHeld && row.owner !== owner) return undefined
    if (!isHeld) row.epoch++
    row.owner = owner
    row.expiresAt = this.now + ttlMs
    return this.remember({ name, owner, epoch: row.epoch, expiresAt: row.expiresAt })
  }

  private remember(lease: Lease): Lease {
    this.given.push(lease)
    return lease
  }

  private updateRun(id: string, changed: Partial<Run>, announced: ReadonlyArray<EngineEvent>): boolean {
    const index = this.runs.findIndex((one) => one.id === id)
    if (index < 0 || FINAL.includes(this.runs[index]!.status)) return false
    this.runs[index] = { ...this.runs[index]!, ...changed }
    this.append(announced)
    return true
  }

  private append(added: ReadonlyArray<EngineEvent>): undefined {
    for (const one of added) if (!this.events.some(({ id }) => id === one.id)) this.events.push(one)
  }

  private listRuns({ pipeline: name, status, since = 0, until = Infinity, limit = 100, skip = 0 }: RunFilter): unknown {
    const at = (one: Run): number => one.startedAt ?? one.createdAt
    const found = this.runs.filter(
      (one) =>
        (name === undefined || one.pipeline === name) &&
        (status === undefined || status.includes(one.status)) &&
        at(one) >= since &&
        at(one) < until,
    )
    const ordered = found.map((one, i) => ({ one, i })).toSorted((a, b) => at(b.one) - at(a.one) || b.i - a.i)
    return { runs: ordered.map(({ one }) => one).slice(skip, skip + limit), total: found.length }
  }

  private listEvents({
    pipeline: name,
    runId: ofRun,
    types,
    since = 0,
    until = Infinity,
    after,
    limit = 1000,
  }: EventFilter): ReadonlyArray<EngineEvent> {
    const place = this.events.findIndex(({ id }) => id === after)
    return this.events
      .filter((one, i) => after === undefined || (place < 0 ? one.id > after : i > place))
      .filter((one) => (name === undefined || one.pipeline === name) && (ofRun === undefined || one.runId === ofRun))
      .filter((one) => (types === undefined || types.includes(one.type)) && one.timestamp >= since && one.timestamp < until)
      .slice(0, limit)
  }

  private saveDefinition({ name, definition, source }: { name: string; definition: string; source: string | null }): StoredDefinition {
    const before = this.definitions.find((one) => one.name === name)
    const isSame = before?.definition === definition && before.source === source
    const revision = before === undefined ? 1 : before.revision + (before.definition === definition ? 0 : 1)
    const updatedAt = isSame ? before.updatedAt : this.now
    const saved = {
      name,
      revision,
      definition,
      source,
      paused: before?.paused ?? false,
      createdAt: before?.createdAt ?? this.now,
      updatedAt,
    }
    this.definitions = [...this.definitions.filter((one) => one.name !== name), saved]
    return saved
  }

  private setPaused(name: string, paused: boolean): boolean {
    const isThere = this.definitions.some((one) => one.name === name)
    this.definitions = this.definitions.map((one) => (one.name === name ? { ...one, paused } : one))
    return isThere
  }

  private living(): ReadonlyArray<StoredEntry> {
    return this.entries.filter(({ expiresAt }) => expiresAt === null || expiresAt > this.now)
  }

  private saveEntry({ collection, key, value, ttlMs: ttl, expected }: Extract<StoreCall, { call: "saveEntry" }>): StoredEntry | undefined {
    const isOther = (one: StoredEntry) => one.collection !== collection || one.key !== key
    const version = this.living().find((one) => !isOther(one))?.version ?? 0
    if (expected !== null && expected !== version) return undefined
    const expiresAt = ttl === null ? null : this.now + ttl
    const saved = { collection, key, value, version: version + 1, expiresAt, updatedAt: this.now }
    this.entries = [...this.entries.filter(isOther), saved]
    return saved
  }

  private deleteEntry(collection: string, key: string): boolean {
    const isOther = (one: StoredEntry) => one.collection !== collection || one.key !== key
    const isThere = !this.living().every(isOther)
    this.entries = this.entries.filter(isOther)
    return isThere
  }

  private deleteDefinition(name: string): boolean {
    const count = (): number => this.runs.length + this.events.length + this.checkpoints.length + this.definitions.length
    const before = count()
    this.runs = this.runs.filter((one) => one.pipeline !== name)
    this.events = this.events.filter((one) => one.pipeline !== name)
    this.checkpoints = this.checkpoints.filter((one) => one.pipeline !== name)
    this.definitions = this.definitions.filter((one) => one.name !== name)
    return count() < before
  }
}

export const modelPipelines: ReadonlyArray<string> = PIPELINES

const safeNumber = (_: string, value: unknown): unknown =>
  typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) ? 0 : value
