/**
 * A store that lives as long as the process: for tests, and for hosts that keep no history.
 *
 * It keeps the newest runs and events only, so that a host that runs for months does not grow.
 */
import * as Effect from "effect/Effect"
import { StoreError } from "../contract/Errors.ts"
import {
  type EngineEvent,
  type EntryFilter,
  type EventFilter,
  isTerminal,
  type Lease,
  type Page,
  type Run,
  type RunFilter,
  type StepPlace,
  type StepState,
  type Store,
  type StoredCheckpoint,
  type StoredDefinition,
  type StoredEntry,
} from "../contract/Store.ts"
import { parseJson, stringifyJson } from "../model/Json.ts"
import { savedDefinition } from "./definitions.ts"
import { livingEntry, savedEntry } from "./entries.ts"
import { changedRun, runTime } from "./runs.ts"
import { acquired, heldLease, isSame, type LeaseRow, mayCommit, released } from "./leases.ts"

export interface MemoryStoreOptions {
  /** The clock of leases and definitions, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** Runs that are kept once they have ended. Default 1,000. */
  readonly maxRuns?: number
  /** Default 10,000. */
  readonly maxEvents?: number
}

export const memoryStore = (options: MemoryStoreOptions = {}): Store => {
  const memory = new Memory(options)
  const call = <A>(run: () => A): Effect.Effect<A, StoreError> => Effect.try({ try: () => memory.open(run), catch: storeError })
  return {
    getRun: (id) => call(() => memory.getRun(id)),
    listRuns: (filter) => call(() => memory.listRuns(filter)),
    listEvents: (filter) => call(() => memory.listEvents(filter)),
    getCheckpoints: (pipeline) => call(() => memory.getCheckpoints(pipeline)),
    getStepStates: (place, keys) => call(() => memory.getStepStates(place, keys)),
    lastStepVersion: (place) => call(() => memory.lastStepVersion(place)),
    getDefinition: (name) => call(() => memory.getDefinition(name)),
    listDefinitions: (page) => call(() => memory.listDefinitions(page)),
    countDefinitions: () => call(() => memory.definitions.size),
    definitionsVersion: () => call(() => memory.definitionsVersion),
    getEntry: (collection, key) => call(() => memory.getEntry(collection, key)),
    listEntries: (filter) => call(() => memory.listEntries(filter)),
    getLease: (name) => call(() => memory.getLease(name)),
    createRun: (run) => call(() => memory.createRun(run)),
    updateRun: (id, change, events = []) => call(() => memory.updateRun(id, change, events)),
    appendEvents: (events) => call(() => memory.appendEvents(copy(events))),
    acquireLease: (name, owner, ttlMs, minimumEpoch) => call(() => memory.acquireLease({ name, owner, ttlMs, minimumEpoch })),
    renewLease: (lease, ttlMs) => call(() => memory.renewLease(lease, ttlMs)),
    releaseLease: (lease) => call(() => memory.releaseLease(lease)),
    saveCheckpoint: (checkpoint, lease) => call(() => memory.saveCheckpoint(checkpoint, lease)),
    deleteCheckpoints: (pipeline, lease) => call(() => memory.deleteCheckpoints(pipeline, lease)),
    saveStepStates: (place, version, states, lease) => call(() => memory.saveStepStates(place, version, states, lease)),
    pruneStepStates: (place, from, to, lease) => call(() => memory.pruneStepStates(place, from, to, lease)),
    saveDefinition: (definition, expected) => call(() => memory.saveDefinition(definition, expected)),
    setPaused: (name, paused) => call(() => memory.setPaused(name, paused)),
    deleteDefinition: (name) => call(() => memory.deleteDefinition(name)),
    saveEntry: (entry, expected) => call(() => memory.saveEntry(entry, expected)),
    deleteEntry: (collection, key) => call(() => memory.deleteEntry(collection, key)),
    close: () => Effect.sync(() => memory.close()),
  }
}

const storeError = (cause: unknown): StoreError =>
  cause instanceof StoreError ? cause : new StoreError({ code: "STORE_FAILED", message: `memory store: ${String(cause)}`, cause })

/** As JSON would give it back, so that this store takes and gives what the others do. */
const copy = <A>(value: A): A => parseJson(stringifyJson(value)) as A

interface TakenEvent {
  /** Place in the order in which events came. */
  readonly seq: number
  readonly event: EngineEvent
}

type StatesByKey = Map<string, Map<number, string>>

class Memory {
  readonly definitions = new Map<string, StoredDefinition>()
  definitionsVersion = 0
  readonly leases = new Map<string, LeaseRow>()
  /** By collection, then by key. */
  private readonly entries = new Map<string, Map<string, StoredEntry>>()
  private readonly runs = new Map<string, Run>()
  private readonly checkpoints = new Map<string, Map<string, StoredCheckpoint>>()
  /** By pipeline, then by destination: the values of each key by their version, in which they came. */
  private readonly states = new Map<string, Map<string, StatesByKey>>()
  private events: Array<TakenEvent> = []
  private readonly eventSeq = new Map<string, number>()
  private seq = 0
  private isClosed = false
  private readonly now: () => number
  private readonly maxRuns: number
  private readonly maxEvents: number

  constructor(options: MemoryStoreOptions) {
    this.now = options.now ?? Date.now
    this.maxRuns = options.maxRuns ?? 1000
    this.maxEvents = options.maxEvents ?? 10_000
  }

  open<A>(run: () => A): A {
    if (this.isClosed) throw new StoreError({ code: "STORE_FAILED", message: "memory store: it was closed. Make a new one." })
    return run()
  }

  close(): void {
    this.isClosed = true
    for (const map of [this.definitions, this.leases, this.runs, this.checkpoints, this.states, this.entries, this.eventSeq]) map.clear()
    this.events = []
  }

  getRun(id: string): Run | undefined {
    const run = this.runs.get(id)
    return run === undefined ? undefined : copy(run)
  }

  listRuns(filter: RunFilter): { readonly runs: ReadonlyArray<Run>; readonly total: number } {
    // Sorting is stable, so among runs of one time the one that was created later comes first.
    const found = [...this.runs.values()]
      .filter((run) => matchesRun(run, filter))
      .toReversed()
      .toSorted((a, b) => runTime(b) - runTime(a))
    const skip = filter.skip ?? 0
    return { runs: copy(found.slice(skip, skip + (filter.limit ?? 100))), total: found.length }
  }

  createRun(run: Run): void {
    if (this.runs.has(run.id)) throw runExists(run.id)
    this.runs.set(run.id, copy(run))
    this.forgetRuns()
  }

  updateRun(id: string, change: Partial<Omit<Run, "id" | "pipeline">>, events: ReadonlyArray<EngineEvent>): boolean {
    const run = this.runs.get(id)
    if (run === undefined || isTerminal(run.status)) return false
    const changed = copy(changedRun(run, change))
    const announced = copy(events)
    this.runs.set(id, changed)
    this.appendEvents(announced)
    return true
  }

  appendEvents(events: ReadonlyArray<EngineEvent>): void {
    for (const event of events) {
      if (this.eventSeq.has(event.id)) continue
      this.seq++
      this.eventSeq.set(event.id, this.seq)
      this.events.push({ seq: this.seq, event })
    }
    this.forgetEvents()
  }

  listEvents(filter: EventFilter): ReadonlyArray<EngineEvent> {
    const { after } = filter
    const known = after === undefined ? 0 : this.eventSeq.get(after)
    const found: Array<EngineEvent> = []
    const limit = filter.limit ?? 1000
    for (const { seq, event } of this.events) {
      if (found.length >= limit) break
      const isAfter = known === undefined ? event.id > after! : seq > known
      if (isAfter && matchesEvent(event, filter)) found.push(event)
    }
    return copy(found)
  }

  acquireLease(asked: Parameters<typeof acquired>[1]): Lease | undefined {
    const lease = acquired(this.leases.get(asked.name), asked, this.now())
    if (lease !== undefined) this.leases.set(asked.name, lease)
    return lease
  }

  getLease(name: string): Lease | undefined {
    return heldLease(this.leases.get(name), this.now())
  }

  renewLease(lease: Lease, ttlMs: number): Lease | undefined {
    if (!isSame(this.leases.get(lease.name), lease)) return undefined
    const renewed = { ...lease, expiresAt: this.now() + ttlMs }
    this.leases.set(lease.name, renewed)
    return renewed
  }

  releaseLease(lease: Lease): void {
    if (isSame(this.leases.get(lease.name), lease)) this.leases.set(lease.name, released(lease))
  }

  getCheckpoints(pipeline: string): ReadonlyArray<StoredCheckpoint> {
    const found = [...(this.checkpoints.get(pipeline)?.values() ?? [])]
    return copy(found.toSorted((a, b) => byCodePoint(a.destination, b.destination)))
  }

  saveCheckpoint(checkpoint: StoredCheckpoint, lease: Lease): boolean {
    if (!mayCommit(this.leases.get(lease.name), lease, this.now())) return false
    const stored = copy({ ...checkpoint, state: checkpoint.state ?? null })
    const ofPipeline = this.checkpoints.get(checkpoint.pipeline) ?? new Map<string, StoredCheckpoint>()
    this.checkpoints.set(checkpoint.pipeline, ofPipeline.set(checkpoint.destination, stored))
    return true
  }

  deleteCheckpoints(pipeline: string, lease: Lease): boolean {
    if (!mayCommit(this.leases.get(lease.name), lease, this.now())) return false
    this.checkpoints.delete(pipeline)
    this.states.delete(pipeline)
    return true
  }

  private statesOf({ pipeline, destination }: StepPlace): StatesByKey {
    return this.states.get(pipeline)?.get(destination) ?? new Map<string, Map<number, string>>()
  }

  getStepStates(place: StepPlace, keys: ReadonlyArray<string>): ReadonlyArray<string | undefined> {
    const states = this.statesOf(place)
    return keys.map((key) => {
      const values = states.get(key)
      return values?.get(Math.max(...values.keys()))
    })
  }

  lastStepVersion(place: StepPlace): number {
    let last = 0
    for (const values of this.statesOf(place).values()) for (const version of values.keys()) last = Math.max(last, version)
    return last
  }

  saveStepStates(place: StepPlace, version: number, states: ReadonlyArray<StepState>, lease: Lease): boolean {
    if (!mayCommit(this.leases.get(lease.name), lease, this.now())) return false
    const known = this.statesOf(place)
    for (const { key, value } of states) known.set(key, (known.get(key) ?? new Map<number, string>()).set(version, value))
    const ofPipeline = this.states.get(place.pipeline) ?? new Map<string, StatesByKey>()
    if (known.size > 0) this.states.set(place.pipeline, ofPipeline.set(place.destination, known))
    return true
  }

  pruneStepStates(place: StepPlace, from: number, to: number, lease: Lease): boolean {
    if (!mayCommit(this.leases.get(lease.name), lease, this.now())) return false
    const states = this.statesOf(place)
    for (const [key, values] of states) {
      const isReplaced = values.has(to)
      for (const version of values.keys()) if (version < from || version > to || (isReplaced && version < to)) values.delete(version)
      if (values.size === 0) states.delete(key)
    }
    return true
  }

  getDefinition(name: string): StoredDefinition | undefined {
    const found = this.definitions.get(name)
    return found === undefined ? undefined : { ...found }
  }

  listDefinitions(page: Page = {}): ReadonlyArray<StoredDefinition> {
    const skip = page.skip ?? 0
    const sorted = [...this.definitions.values()].toSorted((a, b) => byCodePoint(a.name, b.name))
    return sorted.slice(skip, skip + (page.limit ?? Infinity)).map((definition) => ({ ...definition }))
  }

  saveDefinition(definition: Parameters<Store["saveDefinition"]>[0], expected: number | undefined): StoredDefinition | undefined {
    const saved = savedDefinition(this.definitions.get(definition.name), definition, this.now(), expected)
    if (saved === undefined) return undefined
    if (saved !== this.definitions.get(saved.name)) this.definitionsVersion++
    this.definitions.set(saved.name, saved)
    return { ...saved }
  }

  getEntry(collection: string, key: string): StoredEntry | undefined {
    const found = livingEntry(this.entries.get(collection)?.get(key), this.now())
    return found === undefined ? undefined : copy(found)
  }

  listEntries({ collection, after, limit = 1000 }: EntryFilter): ReadonlyArray<StoredEntry> {
    const now = this.now()
    const found = [...(this.entries.get(collection)?.values() ?? [])].filter(
      (entry) => livingEntry(entry, now) !== undefined && (after === undefined || byCodePoint(entry.key, after) > 0),
    )
    return copy(found.toSorted((a, b) => byCodePoint(a.key, b.key)).slice(0, limit))
  }

  saveEntry(entry: Parameters<Store["saveEntry"]>[0], expected: number | undefined): StoredEntry | undefined {
    const entries = this.entries.get(entry.collection) ?? new Map<string, StoredEntry>()
    const now = this.now()
    for (const [key, other] of entries) if (livingEntry(other, now) === undefined) entries.delete(key)
    const saved = savedEntry(entries.get(entry.key), entry, expected, now)
    if (saved === undefined) return undefined
    const stored = copy({ ...saved, value: saved.value ?? null })
    this.entries.set(entry.collection, entries.set(entry.key, stored))
    return copy(stored)
  }

  deleteEntry(collection: string, key: string): boolean {
    const isThere = this.getEntry(collection, key) !== undefined
    this.entries.get(collection)?.delete(key)
    return isThere
  }

  setPaused(name: string, paused: boolean): boolean {
    const found = this.definitions.get(name)
    if (found === undefined) return false
    this.definitions.set(name, { ...found, paused })
    this.definitionsVersion++
    return true
  }

  deleteDefinition(name: string): boolean {
    const isOther = ({ event }: TakenEvent) => event.pipeline !== name
    const gone = [...this.runs.values()].filter((run) => run.pipeline === name)
    const goneEvents = this.events.filter((taken) => !isOther(taken))
    for (const run of gone) this.runs.delete(run.id)
    for (const { event } of goneEvents) this.eventSeq.delete(event.id)
    this.events = this.events.filter(isOther)
    const hadDefinition = this.definitions.delete(name)
    if (hadDefinition) this.definitionsVersion++
    const hadCheckpoints = this.checkpoints.delete(name)
    const hadStates = this.states.delete(name)
    return hadDefinition || hadCheckpoints || hadStates || gone.length > 0 || goneEvents.length > 0
  }

  private forgetRuns(): void {
    if (this.runs.size <= this.maxRuns) return
    for (const run of this.runs.values()) {
      if (!isTerminal(run.status)) continue
      this.runs.delete(run.id)
      if (this.runs.size <= this.maxRuns) return
    }
  }

  private forgetEvents(): void {
    // A tenth more than allowed, so that the array is not moved for each event.
    if (this.events.length <= this.maxEvents * 1.1) return
    for (const { event } of this.events.splice(0, this.events.length - this.maxEvents)) this.eventSeq.delete(event.id)
  }
}

const runExists = (id: string): StoreError =>
  new StoreError({ code: "STORE_FAILED", message: `memory store: there is a run ${JSON.stringify(id)} already. Ids of runs are new ones.` })

const matchesRun = (run: Run, { pipeline, status, since = -Infinity, until = Infinity }: RunFilter): boolean =>
  (pipeline === undefined || run.pipeline === pipeline) &&
  (status === undefined || status.includes(run.status)) &&
  runTime(run) >= since &&
  runTime(run) < until

const matchesEvent = (event: EngineEvent, { pipeline, runId, types, since = -Infinity, until = Infinity }: EventFilter): boolean =>
  (pipeline === undefined || event.pipeline === pipeline) &&
  (runId === undefined || event.runId === runId) &&
  (types === undefined || types.includes(event.type)) &&
  event.timestamp >= since &&
  event.timestamp < until

const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
