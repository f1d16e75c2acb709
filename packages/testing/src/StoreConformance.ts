/**
 * What every store promises, as laws: `runLaws(storeLaws("redis", make), { test })`.
 *
 * The contract is `Store` of `@deltaflow/core`. A store that outlives its process says so, and is asked for more.
 */
import assert from "node:assert/strict"
import type { EngineEvent, Lease, Run, Store, StoredCheckpoint } from "@deltaflow/core"
import { StoreError } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { type Effort, effortOf, type Law } from "./Law.ts"
import { modelPipelines, type StoreCall, storeCalls, StoreModel } from "./storeModel.ts"

/** One fresh, empty place for data. */
export interface StoreUnderTest {
  /** A handle on the data. Called once, or more often where the store is durable. */
  readonly open: () => Store
  /** Removes the data, after all handles were closed. */
  readonly dispose?: () => Promise<void> | void
}

/** Makes a place whose clock is `now`. */
export type MakeStore = (clock: { readonly now: () => number }) => StoreUnderTest | Promise<StoreUnderTest>

export interface StoreLawsOptions extends Effort {
  /** Whether data outlives the handle, and several handles may work on it at once. Default false. */
  readonly durable?: boolean
  /** More strings that have to survive as names and values. */
  readonly strings?: ReadonlyArray<string>
}

export const storeLaws = (name: string, make: MakeStore, options: StoreLawsOptions = {}): ReadonlyArray<Law> => {
  const laws = [
    ...runLawsOf(),
    ...eventLaws(),
    ...leaseLaws(),
    ...checkpointLaws(),
    ...stepStateLaws(options),
    ...definitionLaws(),
    ...entryLaws(),
    ...textLaws(options),
    modelLaw(options),
  ]
  const durable = options.durable === true ? durableLaws() : []
  return [...laws, ...durable].map(([title, check]) => ({ name: `${name}: ${title}`, check: () => withPlace(make, check) }))
}

/** What a law gets: an open store, a clock to set, and further handles where the store is durable. */
interface Place {
  readonly store: Store
  readonly clock: { now: number }
  readonly open: () => Store
  readonly fresh: <A>(use: (place: Place) => Promise<A>) => Promise<A>
}

type NamedCheck = readonly [title: string, check: (place: Place) => Promise<void>]

const withPlace = async <A>(make: MakeStore, use: (place: Place) => Promise<A>): Promise<A> => {
  const clock = { now: 1_000_000 }
  const place = await make({ now: () => clock.now })
  const handles: Array<Store> = []
  const open = (): Store => {
    const store = place.open()
    handles.push(store)
    return store
  }
  try {
    return await use({ store: open(), clock, open, fresh: (inner) => withPlace(make, inner) })
  } finally {
    for (const handle of handles) await run(handle.close())
    await place.dispose?.()
  }
}

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

const failure = async (effect: Effect.Effect<unknown, StoreError>): Promise<StoreError> => {
  const error = await run(Effect.flip(effect))
  assert.ok(error instanceof StoreError, "a store fails with StoreError")
  assert.ok(error.message.length > 0)
  return error
}

const aRun = (id: string, fields: Partial<Run> = {}): Run => ({
  id,
  pipeline: "orders",
  revision: 1,
  status: "pending",
  trigger: "manual",
  createdAt: 1000,
  startedAt: null,
  completedAt: null,
  fullRefresh: false,
  dryRun: false,
  rowsExtracted: 0,
  rowsFiltered: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  stages: [],
  error: null,
  attempt: 1,
  retryOf: null,
  variables: [],
  logicalTime: null,
  ...fields,
})

const anEvent = (id: string, fields: Partial<EngineEvent> = {}): EngineEvent => ({
  id,
  type: "pipeline.started",
  timestamp: 1000,
  pipeline: "orders",
  runId: null,
  data: {},
  ...fields,
})

const aCheckpoint = (fields: Partial<StoredCheckpoint> = {}): StoredCheckpoint => ({
  pipeline: "orders",
  destination: "out.csv",
  runId: "run_1",
  epoch: 1,
  batchId: 1,
  cursors: { orders: '{"id":1}' },
  cursorVersions: { orders: 1 },
  fingerprints: { orders: "abc" },
  state: null,
  updatedAt: 1000,
  ...fields,
})

const ids = (items: ReadonlyArray<{ readonly id: string }>): ReadonlyArray<string> => items.map(({ id }) => id)

const runLawsOf = (): ReadonlyArray<NamedCheck> => [
  [
    "a run comes back as it was written, and an unknown one is undefined",
    async ({ store }) => {
      const full = aRun("run_1", {
        stages: [{ name: "extract", rowsIn: 0, rowsOut: 9, durationMs: 1.5 }],
        error: { code: "DISK_FULL", message: "no room", stage: "load", step: null, hint: "free some" },
        startedAt: 1001,
        fullRefresh: true,
        retryOf: "run_0",
        variables: ["TOKEN"],
        logicalTime: { scheduledAt: 3_600_000, intervalStart: 0 },
        rowsExtracted: 2 ** 53 - 1,
      })
      await run(store.createRun(full))
      assert.deepEqual(await run(store.getRun("run_1")), full)
      assert.equal(await run(store.getRun("run_2")), undefined)
    },
  ],
  [
    "a second run of the same id is refused and changes nothing",
    async ({ store }) => {
      await run(store.createRun(aRun("run_1")))
      await failure(store.createRun(aRun("run_1", { pipeline: "users" })))
      assert.deepEqual(await run(store.getRun("run_1")), aRun("run_1"))
      assert.equal((await run(store.listRuns({}))).total, 1)
    },
  ],
  [
    "a run that has ended is not changed any more, and its events are not appended",
    async ({ store }) => {
      for (const status of ["success", "failed", "cancelled"] as const) {
        await run(store.createRun(aRun(status)))
        assert.equal(await run(store.updateRun(status, { status: "running", startedAt: 2000 })), true)
        assert.equal(await run(store.updateRun(status, { status, completedAt: 3000 }, [anEvent(`evt_${status}`)])), true)
        for (const late of ["running", "success", "failed", "cancelled"] as const) {
          assert.equal(await run(store.updateRun(status, { status: late, rowsLoaded: 5 }, [anEvent("evt_late")])), false)
        }
        assert.deepEqual(await run(store.getRun(status)), aRun(status, { status, startedAt: 2000, completedAt: 3000 }))
      }
      assert.equal(await run(store.updateRun("run_unknown", { status: "failed" }, [anEvent("evt_late")])), false)
      assert.deepEqual(ids(await run(store.listEvents({}))), ["evt_success", "evt_failed", "evt_cancelled"])
    },
  ],
  [
    "a transition and its events are written together or not at all",
    async ({ store }) => {
      await run(store.createRun(aRun("run_1")))
      const cyclic: Record<string, unknown> = {}
      cyclic["self"] = cyclic
      await failure(store.updateRun("run_1", { status: "running" }, [anEvent("evt_1"), anEvent("evt_2", { data: cyclic })]))
      assert.equal((await run(store.getRun("run_1")))?.status, "pending")
      assert.deepEqual(await run(store.listEvents({})), [])
    },
  ],
  [
    "runs are listed newest first, filtered, in parts, with the total of all that match",
    async ({ store }) => {
      const day = 86_400_000
      for (let i = 0; i < 12; i++) {
        const status = (["success", "failed", "running"] as const)[i % 3]!
        await run(
          store.createRun(
            aRun(`run_${i}`, {
              pipeline: i % 2 === 0 ? "orders" : "users",
              status,
              createdAt: i * day,
              startedAt: i === 5 ? null : i * day + 5,
            }),
          ),
        )
      }
      const list = async (filter: Parameters<Store["listRuns"]>[0]) => {
        const { runs, total } = await run(store.listRuns(filter))
        return [runs.map(({ id }) => Number(id.slice(4))), total]
      }
      assert.deepEqual(await list({}), [[11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 12])
      assert.deepEqual(await list({ limit: 3, skip: 2 }), [[9, 8, 7], 12])
      assert.deepEqual(await list({ limit: 0 }), [[], 12])
      assert.deepEqual(await list({ skip: 20 }), [[], 12])
      assert.deepEqual(await list({ pipeline: "users", limit: 2 }), [[11, 9], 6])
      assert.deepEqual(await list({ status: ["failed", "running"], limit: 4 }), [[11, 10, 8, 7], 8])
      assert.deepEqual(await list({ pipeline: "orders", status: ["failed"] }), [[10, 4], 2])
      assert.deepEqual(await list({ status: [] }), [[], 0])
      assert.deepEqual(await list({ since: 4 * day + 5, until: 7 * day + 5 }), [[6, 5, 4], 3])
      assert.deepEqual(await list({ since: 5 * day, pipeline: "users" }), [[11, 9, 7, 5], 4])
      assert.deepEqual(await list({ until: 5 * day + 1 }), [[5, 4, 3, 2, 1, 0], 6])
    },
  ],
  [
    "totals follow each change of state, also where the run moves to another day",
    async ({ store }) => {
      for (let i = 0; i < 4; i++) await run(store.createRun(aRun(`run_${i}`)))
      await run(store.updateRun("run_1", { status: "running", startedAt: 5 * 86_400_000 }))
      await run(store.updateRun("run_2", { status: "cancelled" }))
      const total = async (filter: Parameters<Store["listRuns"]>[0]) => (await run(store.listRuns(filter))).total
      assert.equal(await total({ status: ["pending"] }), 2)
      assert.equal(await total({ pipeline: "orders", status: ["pending"] }), 2)
      assert.equal(await total({ since: 86_400_000 }), 1)
      assert.equal(await total({ status: ["running", "cancelled"] }), 2)
      assert.equal(await total({ until: 86_400_000 }), 3)
    },
  ],
  [
    "what was given and what was taken can be changed without changing the store",
    async ({ store }) => {
      const stages = [{ name: "extract", rowsIn: 0, rowsOut: 1, durationMs: 1 }]
      await run(store.createRun(aRun("run_1", { stages })))
      stages[0]!.rowsOut = 99
      const taken = (await run(store.getRun("run_1")))!
      ;(taken.stages as Array<unknown>).push("more")
      assert.deepEqual((await run(store.getRun("run_1")))?.stages, [{ name: "extract", rowsIn: 0, rowsOut: 1, durationMs: 1 }])
    },
  ],
]

const eventLaws = (): ReadonlyArray<NamedCheck> => [
  [
    "events are listed in the order in which they came, whatever their times and ids say",
    async ({ store }) => {
      const came = [anEvent("evt_b", { timestamp: 5 }), anEvent("evt_c", { timestamp: 9 }), anEvent("evt_a", { timestamp: 7 })]
      await run(store.appendEvents(came.slice(0, 2)))
      await run(store.appendEvents(came.slice(2)))
      assert.deepEqual(await run(store.listEvents({})), came)
      assert.deepEqual(ids(await run(store.listEvents({ since: 7 }))), ["evt_c", "evt_a"])
      assert.deepEqual(ids(await run(store.listEvents({ until: 9 }))), ["evt_b", "evt_a"])
      assert.deepEqual(ids(await run(store.listEvents({ since: 6, until: 9 }))), ["evt_a"])
      assert.deepEqual(ids(await run(store.listEvents({ since: 10 }))), [])
    },
  ],
  [
    "reading on after the last event gives each event once, while more are written",
    async ({ store }) => {
      const seen: Array<string> = []
      for (let i = 0; i < 30; i++) {
        // Ids of two writers, which do not come in order.
        await run(
          store.appendEvents([
            anEvent(`evt_${i % 2 === 0 ? "x" : "a"}${String(i).padStart(2, "0")}`),
            anEvent(`evt_m${String(i).padStart(2, "0")}`),
          ]),
        )
        const after = seen.at(-1)
        seen.push(...ids(await run(store.listEvents({ limit: 2, ...(after === undefined ? {} : { after }) }))))
      }
      assert.deepEqual(seen, ids(await run(store.listEvents({ limit: 100 }))))
      assert.equal(seen.length, 60)
    },
  ],
  [
    "an event that is appended again stays as it is",
    async ({ store }) => {
      await run(store.appendEvents([anEvent("evt_1"), anEvent("evt_2")]))
      await run(store.appendEvents([anEvent("evt_1", { type: "pipeline.failed" }), anEvent("evt_3")]))
      assert.deepEqual(await run(store.listEvents({})), [anEvent("evt_1"), anEvent("evt_2"), anEvent("evt_3")])
    },
  ],
  [
    "events are filtered by pipeline, run and type, and limited",
    async ({ store }) => {
      await run(
        store.appendEvents([
          anEvent("evt_1", { runId: "run_1" }),
          anEvent("evt_2", { pipeline: "users" }),
          anEvent("evt_3", { type: "pipeline.failed", runId: "run_1" }),
          anEvent("evt_4", { type: "pipeline.failed" }),
        ]),
      )
      assert.deepEqual(ids(await run(store.listEvents({ pipeline: "orders" }))), ["evt_1", "evt_3", "evt_4"])
      assert.deepEqual(ids(await run(store.listEvents({ runId: "run_1" }))), ["evt_1", "evt_3"])
      assert.deepEqual(ids(await run(store.listEvents({ types: ["pipeline.failed", "none"] }))), ["evt_3", "evt_4"])
      assert.deepEqual(ids(await run(store.listEvents({ types: [] }))), [])
      assert.deepEqual(ids(await run(store.listEvents({ limit: 2 }))), ["evt_1", "evt_2"])
      assert.deepEqual(ids(await run(store.listEvents({ after: "evt_2", pipeline: "orders", limit: 1 }))), ["evt_3"])
    },
  ],
]

const leaseLaws = (): ReadonlyArray<NamedCheck> => [
  [
    "one owner holds a lease, and who asks again keeps it at its epoch",
    async ({ store, clock }) => {
      const lease = await run(store.acquireLease("orders", "one", 100))
      assert.deepEqual(lease, { name: "orders", owner: "one", epoch: 1, expiresAt: clock.now + 100 })
      assert.equal(await run(store.acquireLease("orders", "two", 100)), undefined)
      clock.now += 50
      assert.deepEqual(await run(store.acquireLease("orders", "one", 100)), { ...lease, expiresAt: clock.now + 100 })
      assert.deepEqual(await run(store.getLease("orders")), { ...lease, expiresAt: clock.now + 100 })
      assert.equal((await run(store.acquireLease("users", "two", 100)))?.epoch, 1)
    },
  ],
  [
    "a lease that is taken over gets a greater epoch, and the old owner can do nothing more",
    async ({ store, clock }) => {
      const old = (await run(store.acquireLease("orders", "one", 100)))!
      clock.now += 100
      const taken = (await run(store.acquireLease("orders", "two", 100)))!
      assert.equal(taken.epoch, old.epoch + 1)
      assert.equal(await run(store.renewLease(old, 100)), undefined)
      await run(store.releaseLease(old))
      assert.equal(await run(store.saveCheckpoint(aCheckpoint(), old)), false)
      assert.equal(await run(store.deleteCheckpoints("orders", old)), false)
      assert.deepEqual(await run(store.getLease("orders")), taken)
    },
  ],
  [
    "the epoch never goes back: over release, expiry, the same owner and the end of the pipeline",
    async ({ store, clock }) => {
      const epochs: Array<number> = []
      for (let i = 0; i < 6; i++) {
        const lease = (await run(store.acquireLease("orders", i % 2 === 0 ? "one" : "two", 100)))!
        epochs.push(lease.epoch)
        if (i % 3 === 0) clock.now += 200
        else await run(store.releaseLease(lease))
        if (i === 2) await run(store.deleteDefinition("orders"))
      }
      assert.deepEqual(epochs, [1, 2, 3, 4, 5, 6])
      const last = (await run(store.acquireLease("orders", "one", 100)))!
      clock.now += 100
      assert.equal((await run(store.acquireLease("orders", "one", 100)))?.epoch, last.epoch + 1)
    },
  ],
  [
    "the epoch is at least the one that is asked for, and goes on from there",
    async ({ store }) => {
      const lease = (await run(store.acquireLease("orders", "one", 100, 7)))!
      assert.equal(lease.epoch, 7)
      assert.equal((await run(store.acquireLease("orders", "one", 100, 9)))?.epoch, 9)
      assert.equal((await run(store.acquireLease("orders", "one", 100, 2)))?.epoch, 9)
      await run(store.releaseLease({ ...lease, epoch: 9 }))
      assert.equal((await run(store.acquireLease("orders", "two", 100, 3)))?.epoch, 10)
    },
  ],
  [
    "renewing moves the end, revives a lease that nobody took, and fails after a release",
    async ({ store, clock }) => {
      const lease = (await run(store.acquireLease("orders", "one", 100)))!
      clock.now += 500
      assert.deepEqual(await run(store.renewLease(lease, 100)), { ...lease, expiresAt: clock.now + 100 })
      assert.equal(await run(store.renewLease({ ...lease, owner: "two" }, 100)), undefined)
      assert.equal(await run(store.renewLease({ ...lease, epoch: 2 }, 100)), undefined)
      await run(store.releaseLease(lease))
      assert.equal(await run(store.renewLease(lease, 100)), undefined)
      assert.equal(await run(store.getLease("orders")), undefined)
    },
  ],
  [
    "a lease is held until it expires by the store's clock",
    async ({ store, clock }) => {
      const lease = await run(store.acquireLease("orders", "one", 100))
      clock.now += 99
      assert.deepEqual(await run(store.getLease("orders")), lease)
      clock.now += 1
      assert.equal(await run(store.getLease("orders")), undefined)
    },
  ],
]

const checkpointLaws = (): ReadonlyArray<NamedCheck> => [
  [
    "a checkpoint is written only while the lease is held, at its epoch, and not expired",
    async ({ store, clock }) => {
      const never: Lease = { name: "orders", owner: "one", epoch: 1, expiresAt: clock.now + 100 }
      assert.equal(await run(store.saveCheckpoint(aCheckpoint(), never)), false)
      const lease = (await run(store.acquireLease("orders", "one", 100)))!
      assert.equal(await run(store.saveCheckpoint(aCheckpoint(), { ...lease, owner: "two" })), false)
      assert.equal(await run(store.saveCheckpoint(aCheckpoint(), { ...lease, epoch: lease.epoch - 1 })), false)
      assert.equal(await run(store.saveCheckpoint(aCheckpoint(), { ...lease, epoch: lease.epoch + 1 })), false)
      assert.deepEqual(await run(store.getCheckpoints("orders")), [])
      clock.now += 99
      assert.equal(await run(store.saveCheckpoint(aCheckpoint(), lease)), true)
      clock.now += 1
      // The time that counts is the store's, not the one that the caller believes.
      assert.equal(await run(store.saveCheckpoint(aCheckpoint({ batchId: 2 }), { ...lease, expiresAt: clock.now + 1000 })), false)
      assert.equal(await run(store.deleteCheckpoints("orders", lease)), false)
      assert.deepEqual(await run(store.getCheckpoints("orders")), [aCheckpoint()])
    },
  ],
  [
    "each destination of each pipeline has one checkpoint, the last one",
    async ({ store }) => {
      const lease = (await run(store.acquireLease("orders", "one", 100)))!
      const kept = [aCheckpoint({ destination: "a", batchId: 2, state: { offset: 9 } }), aCheckpoint({ destination: "b", cursors: {} })]
      for (const one of [
        aCheckpoint({ destination: "b" }),
        aCheckpoint({ destination: "a" }),
        kept[0]!,
        kept[1]!,
        aCheckpoint({ pipeline: "users" }),
      ]) {
        assert.equal(await run(store.saveCheckpoint(one, lease)), true)
      }
      assert.deepEqual(await run(store.getCheckpoints("orders")), kept)
      assert.equal(await run(store.deleteCheckpoints("orders", lease)), true)
      assert.deepEqual(await run(store.getCheckpoints("orders")), [])
      assert.equal((await run(store.getCheckpoints("users"))).length, 1)
    },
  ],
]

const ofOrders = { pipeline: "orders", destination: "a" }

const stepStateLaws = (options: StoreLawsOptions): ReadonlyArray<NamedCheck> => [
  [
    "states of steps are written and removed only while the lease is held, at its epoch, and not expired",
    async ({ store, clock }) => {
      const lease = (await run(store.acquireLease("orders", "one", 100)))!
      const states = [{ key: "k", value: "v" }]
      assert.equal(await run(store.saveStepStates(ofOrders, 1, states, { ...lease, owner: "two" })), false)
      assert.equal(await run(store.saveStepStates(ofOrders, 1, states, { ...lease, epoch: lease.epoch + 1 })), false)
      assert.deepEqual(await run(store.getStepStates(ofOrders, ["k"])), [undefined])
      assert.equal(await run(store.saveStepStates(ofOrders, 1, states, lease)), true)
      clock.now += 100
      assert.equal(await run(store.saveStepStates(ofOrders, 2, states, lease)), false)
      assert.equal(await run(store.pruneStepStates(ofOrders, 5, 5, lease)), false)
      assert.equal(await run(store.lastStepVersion(ofOrders)), 1)
    },
  ],
  [
    "states of steps go with the checkpoints of their pipeline, and with its definition",
    async ({ store }) => {
      const lease = (await run(store.acquireLease("orders", "one", 100)))!
      const places = [ofOrders, { pipeline: "orders", destination: "b" }, { pipeline: "users", destination: "a" }]
      const last = async () => await Promise.all(places.map((place) => run(store.lastStepVersion(place))))
      for (const place of places) await run(store.saveStepStates(place, 7, [{ key: "", value: "" }], lease))
      assert.deepEqual(await last(), [7, 7, 7])
      assert.equal(await run(store.deleteCheckpoints("orders", lease)), true)
      assert.deepEqual(await last(), [0, 0, 7])
      assert.equal(await run(store.deleteDefinition("users")), true)
      assert.deepEqual(await last(), [0, 0, 0])
    },
  ],
  [
    "states of steps are what a list of all that was written says",
    ({ fresh }) =>
      fc.assert(
        fc.asyncProperty(fc.array(stepStateCalls, { maxLength: 12 }), (calls) =>
          fresh(async ({ store }) => {
            const lease = (await run(store.acquireLease("orders", "one", 100)))!
            let written: ReadonlyArray<{ readonly key: string; readonly value: string; readonly version: number }> = []
            for (const call of calls) {
              if (call.call === "save") {
                const { version } = call
                assert.equal(await run(store.saveStepStates(ofOrders, version, call.states, lease)), true)
                const isOther = (one: (typeof written)[number]) =>
                  one.version !== version || call.states.every(({ key }) => key !== one.key)
                written = [...written.filter(isOther), ...call.states.map((state) => ({ ...state, version }))]
              } else {
                const { from, to } = call
                assert.equal(await run(store.pruneStepStates(ofOrders, from, to, lease)), true)
                const newest = new Set(written.filter(({ version }) => version === to).map(({ key }) => key))
                written = written.filter(({ key, version }) => version >= from && version <= to && (version === to || !newest.has(key)))
              }
            }
            const newest = STATE_KEYS.map(
              (key) => written.filter((one) => one.key === key).toSorted((a, b) => b.version - a.version)[0]?.value,
            )
            assert.deepEqual(await run(store.getStepStates(ofOrders, STATE_KEYS)), newest)
            assert.equal(await run(store.lastStepVersion(ofOrders)), Math.max(0, ...written.map(({ version }) => version)))
          }),
        ),
        effortOf(options),
      ),
  ],
]

const STATE_KEYS = ["", "a", "b\0", "é", "long".repeat(100)]

const stepStateCalls = fc.oneof(
  fc.record({
    call: fc.constant("save" as const),
    version: fc.integer({ min: 1, max: 5 }),
    states: fc.uniqueArray(fc.record({ key: fc.constantFrom(...STATE_KEYS), value: fc.string() }), { selector: ({ key }) => key }),
  }),
  fc.record({ call: fc.constant("prune" as const), from: fc.integer({ min: 0, max: 3 }), to: fc.integer({ min: 1, max: 6 }) }),
)

const definitionLaws = (): ReadonlyArray<NamedCheck> => [
  [
    "a revision counts changes of the definition, and only those",
    async ({ store, clock }) => {
      const save = (definition: string, source: string | null) => run(store.saveDefinition({ name: "orders", definition, source }))
      const first = await save("{}", null)
      assert.deepEqual(first, {
        name: "orders",
        revision: 1,
        definition: "{}",
        source: null,
        paused: false,
        createdAt: clock.now,
        updatedAt: clock.now,
      })
      clock.now += 10
      assert.deepEqual(await save("{}", null), first)
      assert.deepEqual(await save("{}", "# why"), { ...first, source: "# why", updatedAt: clock.now })
      assert.equal(await run(store.setPaused("orders", true)), true)
      assert.deepEqual(await save('{"a":1}', null), { ...first, revision: 2, definition: '{"a":1}', paused: true, updatedAt: clock.now })
      assert.equal((await save("{}", null))?.revision, 3)
      assert.deepEqual(await run(store.getDefinition("orders")), { ...first, revision: 3, paused: true, updatedAt: clock.now })
      assert.equal(await run(store.setPaused("none", true)), false)
    },
  ],
  [
    "a definition is saved only over the revision that is expected",
    async ({ store }) => {
      const save = (definition: string, expected: number) =>
        run(store.saveDefinition({ name: "orders", definition, source: null }, expected))
      assert.equal(await save("{}", 1), undefined)
      assert.equal((await save("{}", 0))?.revision, 1)
      assert.equal(await save('{"a":1}', 0), undefined)
      assert.equal(await save('{"a":1}', 2), undefined)
      assert.equal((await save('{"a":1}', 1))?.revision, 2)
      assert.equal((await run(store.getDefinition("orders")))?.definition, '{"a":1}')
    },
  ],
  [
    "definitions are listed by name, in parts, and counted",
    async ({ store }) => {
      for (const name of ["b", "\u{1F600}", "a", "B", "\uFFFD", "é"])
        await run(store.saveDefinition({ name, definition: "{}", source: null }))
      const names = async (page?: { limit?: number; skip?: number }) => (await run(store.listDefinitions(page))).map(({ name }) => name)
      assert.deepEqual(await names(), ["B", "a", "b", "é", "\uFFFD", "\u{1F600}"])
      assert.deepEqual(await names({ limit: 2, skip: 1 }), ["a", "b"])
      assert.deepEqual(await names({ skip: 5 }), ["\u{1F600}"])
      assert.deepEqual(await names({ limit: 0 }), [])
      assert.equal(await run(store.countDefinitions()), 6)
    },
  ],
  [
    "the version of the definitions tells whether one of them changed",
    async ({ store }) => {
      let before = await run(store.definitionsVersion())
      const hasChanged = async () => {
        const now = await run(store.definitionsVersion())
        const changed = now !== before
        before = now
        return changed
      }
      const save = (name: string, definition: string) => run(store.saveDefinition({ name, definition, source: null }))
      await save("a", "{}")
      assert.equal(await hasChanged(), true)
      await save("a", '{"a":1}')
      assert.equal(await hasChanged(), true)
      await run(store.setPaused("a", true))
      assert.equal(await hasChanged(), true)
      await run(store.deleteDefinition("a"))
      assert.equal(await hasChanged(), true)
      await run(store.saveEntry({ collection: "c", key: "k", value: 1, expiresAt: null }))
      await run(store.createRun(aRun("run_1")))
      assert.equal(await hasChanged(), false)
    },
  ],
  [
    "deleting removes all of one pipeline and nothing of another",
    async ({ store }) => {
      const lease = (await run(store.acquireLease("lease", "one", 100)))!
      for (const name of ["orders", "users"]) {
        await run(store.saveDefinition({ name, definition: "{}", source: null }))
        await run(store.createRun(aRun(`run_${name}`, { pipeline: name })))
        await run(store.updateRun(`run_${name}`, { status: "success" }, [anEvent(`evt_${name}`, { pipeline: name })]))
        await run(store.saveCheckpoint(aCheckpoint({ pipeline: name }), lease))
      }
      assert.equal(await run(store.deleteDefinition("orders")), true)
      assert.equal(await run(store.deleteDefinition("orders")), false)
      assert.equal(await run(store.getDefinition("orders")), undefined)
      assert.equal(await run(store.getRun("run_orders")), undefined)
      assert.deepEqual(await run(store.listRuns({ pipeline: "orders" })), { runs: [], total: 0 })
      assert.deepEqual(await run(store.getCheckpoints("orders")), [])
      assert.deepEqual(ids((await run(store.listRuns({}))).runs), ["run_users"])
      assert.equal((await run(store.listRuns({}))).total, 1)
      assert.deepEqual(ids(await run(store.listEvents({}))), ["evt_users"])
      assert.equal((await run(store.getCheckpoints("users"))).length, 1)
      assert.equal((await run(store.saveDefinition({ name: "orders", definition: "{}", source: null })))?.revision, 1)
    },
  ],
  [
    "a closed store fails, by name, and may be closed again",
    async ({ store }) => {
      await run(store.saveDefinition({ name: "orders", definition: "{}", source: null }))
      await run(store.close())
      await run(store.close())
      assert.match((await failure(store.getRun("run_1"))).message, /closed/)
      assert.match((await failure(store.createRun(aRun("run_1")))).message, /closed/)
    },
  ],
]

const entryLaws = (): ReadonlyArray<NamedCheck> => [
  [
    "of those who add the same entry one does, and a save over another version does nothing",
    async ({ store, clock }) => {
      const save = (value: unknown, expected?: number) =>
        run(store.saveEntry({ collection: "keys", key: "a", value, expiresAt: null }, expected))
      const added = await Promise.all(Array.from({ length: 10 }, (_, i) => save({ i }, 0)))
      const first = added.filter((entry) => entry !== undefined)
      assert.equal(first.length, 1)
      assert.deepEqual(first[0], {
        collection: "keys",
        key: "a",
        value: first[0]!.value,
        version: 1,
        expiresAt: null,
        updatedAt: clock.now,
      })
      assert.equal(await save("late", 2), undefined)
      assert.deepEqual((await save("next", 1))?.version, 2)
      assert.deepEqual((await save(null))?.version, 3)
      assert.deepEqual(await run(store.getEntry("keys", "a")), { ...first[0], value: null, version: 3 })
      assert.equal(await run(store.getEntry("other", "a")), undefined)
      assert.equal(await run(store.deleteEntry("other", "a")), false)
      assert.equal(await run(store.deleteEntry("keys", "a")), true)
      assert.equal(await run(store.deleteEntry("keys", "a")), false)
      assert.equal((await save(1, 0))?.version, 1)
    },
  ],
  [
    "an entry that has expired is as one that is not there",
    async ({ store, clock }) => {
      const entry = { collection: "seen", key: "a", value: [1], expiresAt: clock.now + 10 }
      assert.equal((await run(store.saveEntry(entry, 0)))?.version, 1)
      clock.now += 9
      assert.deepEqual((await run(store.getEntry("seen", "a")))?.value, [1])
      assert.equal(await run(store.saveEntry(entry, 0)), undefined)
      clock.now += 1
      assert.equal(await run(store.getEntry("seen", "a")), undefined)
      assert.deepEqual(await run(store.listEntries({ collection: "seen" })), [])
      assert.equal(await run(store.deleteEntry("seen", "a")), false)
      assert.equal((await run(store.saveEntry({ ...entry, expiresAt: null }, 0)))?.version, 1)
    },
  ],
  [
    "entries are listed by key, from behind another, with a limit",
    async ({ store }) => {
      for (const key of ["b", "\u{1F600}", "a", "B", "\uFFFD", "é"])
        await run(store.saveEntry({ collection: "keys", key, value: {}, expiresAt: null }))
      await run(store.saveEntry({ collection: "others", key: "c", value: {}, expiresAt: null }))
      const keys = async (page: { after?: string; limit?: number } = {}) =>
        (await run(store.listEntries({ collection: "keys", ...page }))).map(({ key }) => key)
      assert.deepEqual(await keys(), ["B", "a", "b", "é", "\uFFFD", "\u{1F600}"])
      assert.deepEqual(await keys({ after: "a", limit: 2 }), ["b", "é"])
      assert.deepEqual(await keys({ after: "aa", limit: 1 }), ["b"])
      assert.deepEqual(await keys({ limit: 0 }), [])
    },
  ],
]

const NASTY = [
  "",
  " ",
  "\0",
  "a\0b",
  "'; DROP TABLE runs; --",
  '"',
  "%",
  "_",
  "\\",
  "\n",
  "\r\n",
  "__proto__",
  "constructor",
  "toString",
  "\u{1F600}",
  "é",
  "e\u0301",
  "\u202e",
  "\ufeff",
  "null",
  "x".repeat(5000),
]

const textLaws = ({ strings = [] }: StoreLawsOptions): ReadonlyArray<NamedCheck> => [
  [
    "any text survives as name and as value, and meets no other",
    async ({ store }) => {
      const all = [...new Set([...NASTY, ...strings])]
      for (const [i, text] of all.entries()) await writeText(store, text, i)
      for (const [i, text] of all.entries()) await expectText(store, text, i)
      assert.equal(await run(store.countDefinitions()), all.length)
    },
  ],
  [
    "an error says nothing of what was to be stored",
    async ({ store }) => {
      const secret = "canary-7f3a"
      await run(store.createRun(aRun("run_1")))
      const error = await failure(
        store.createRun(
          aRun("run_1", { error: { code: "X", message: secret, stage: null, step: secret, hint: secret }, variables: [secret] }),
        ),
      )
      assert.ok(!JSON.stringify([error.message, error.hint, error]).includes(secret))
    },
  ],
]

const textCheckpoint = (text: string): StoredCheckpoint =>
  aCheckpoint({
    pipeline: text,
    destination: text,
    cursors: record(text, text),
    fingerprints: record(text, text),
    state: { [`k${text}`]: text },
  })

/** A record whose key may be `__proto__`. */
const record = (key: string, value: string): Record<string, string> => Object.fromEntries([[key, value]])

const writeText = async (store: Store, text: string, index: number): Promise<void> => {
  await run(store.saveDefinition({ name: text, definition: text, source: text }))
  await run(store.createRun(aRun(`run_${index}`, { pipeline: text, variables: [text] })))
  await run(store.saveEntry({ collection: text, key: text, value: record(text, text), expiresAt: null }))
  await run(store.appendEvents([anEvent(`evt_${index}`, { pipeline: text, type: text, data: record(text, text) })]))
  const lease = await run(store.acquireLease(text, text, 1000))
  assert.deepEqual([lease?.name, lease?.owner, lease?.epoch], [text, text, 1])
  assert.equal(await run(store.saveCheckpoint(textCheckpoint(text), lease!)), true)
}

const expectText = async (store: Store, text: string, index: number): Promise<void> => {
  const definition = await run(store.getDefinition(text))
  assert.deepEqual([definition?.name, definition?.definition, definition?.source], [text, text, text])
  const entries = await run(store.listEntries({ collection: text }))
  assert.deepEqual(
    entries.map(({ key, value }) => [key, value]),
    [[text, record(text, text)]],
  )
  assert.deepEqual((await run(store.listRuns({ pipeline: text }))).runs, [aRun(`run_${index}`, { pipeline: text, variables: [text] })])
  const events = await run(store.listEvents({ pipeline: text, types: [text] }))
  assert.deepEqual(events, [anEvent(`evt_${index}`, { pipeline: text, type: text, data: record(text, text) })])
  assert.deepEqual(await run(store.getCheckpoints(text)), [textCheckpoint(text)])
}

const modelLaw = (options: StoreLawsOptions): NamedCheck => [
  "any calls in any order do what the simplest store does",
  async ({ fresh }) => {
    const property = fc.asyncProperty(storeCalls, (calls) => fresh((place) => compareWithModel(place, calls)))
    await fc.assert(property, effortOf(options))
  },
]

const compareWithModel = async ({ store, clock }: Place, calls: ReadonlyArray<StoreCall>): Promise<void> => {
  const model = new StoreModel()
  clock.now = model.now
  for (const step of calls) {
    const lease = "back" in step ? model.leaseAt(step.back) : undefined
    if ("back" in step && lease === undefined) continue
    const expected = model.apply(step)
    clock.now = model.now
    assert.deepEqual(await callStore(store, step, lease, clock.now), expected, step.call)
  }
  assert.deepEqual(await contentsOf(store), model.contents())
}

const callStore = async (store: Store, step: StoreCall, lease: Lease | undefined, now: number): Promise<unknown> => {
  const effect = storeCall(store, step, lease, now)
  return effect === undefined ? undefined : await run(Effect.catch(effect, () => Effect.succeed("fails")))
}

const storeCall = (
  store: Store,
  step: StoreCall,
  lease: Lease | undefined,
  now: number,
): Effect.Effect<unknown, StoreError> | undefined => {
  switch (step.call) {
    case "tick":
      return undefined
    case "createRun":
      return store.createRun(step.run)
    case "updateRun":
      return store.updateRun(step.id, step.change, step.events)
    case "appendEvents":
      return store.appendEvents(step.events)
    case "listRuns":
      return store.listRuns(step.filter)
    case "listEvents":
      return store.listEvents(step.filter)
    case "acquireLease":
      return store.acquireLease(step.name, step.owner, step.ttlMs)
    case "renewLease":
      return store.renewLease(lease!, step.ttlMs)
    case "releaseLease":
      return store.releaseLease(lease!)
    case "saveCheckpoint":
      return store.saveCheckpoint(step.checkpoint, lease!)
    case "deleteCheckpoints":
      return store.deleteCheckpoints(step.pipeline, lease!)
    case "saveDefinition":
      return store.saveDefinition({ name: step.name, definition: step.definition, source: step.source })
    case "setPaused":
      return store.setPaused(step.name, step.paused)
    case "deleteDefinition":
      return store.deleteDefinition(step.name)
    case "saveEntry": {
      const { ttlMs, expected, ...entry } = step
      return store.saveEntry({ ...entry, expiresAt: ttlMs === null ? null : now + ttlMs }, expected ?? undefined)
    }
    case "deleteEntry":
      return store.deleteEntry(step.collection, step.key)
  }
}

const contentsOf = async (store: Store): Promise<unknown> => ({
  runs: await run(store.listRuns({ limit: 100 })),
  events: await run(store.listEvents({})),
  checkpoints: await Promise.all(modelPipelines.map((name) => run(store.getCheckpoints(name)))),
  definitions: await run(store.listDefinitions()),
  leases: await Promise.all(modelPipelines.map((name) => run(store.getLease(name)))),
  entries: await Promise.all(modelPipelines.map((collection) => run(store.listEntries({ collection })))),
})

const durableLaws = (): ReadonlyArray<NamedCheck> => [
  [
    "all is there again after closing and opening",
    async ({ store, open }) => {
      await run(store.saveDefinition({ name: "orders", definition: "{}", source: null }))
      await run(store.createRun(aRun("run_1")))
      await run(store.updateRun("run_1", { status: "failed" }, [anEvent("evt_1")]))
      const lease = (await run(store.acquireLease("orders", "one", 100)))!
      await run(store.saveCheckpoint(aCheckpoint(), lease))
      const before = await contentsOf(store)
      await run(store.close())
      assert.deepEqual(await contentsOf(open()), before)
    },
  ],
  [
    "two handles see each other's writes at once, and one lease is held by one of them",
    async ({ store, open, clock }) => {
      const other = open()
      const mine = (await run(store.acquireLease("orders", "one", 100)))!
      assert.equal(await run(other.acquireLease("orders", "two", 100)), undefined)
      await run(store.createRun(aRun("run_1")))
      assert.equal(await run(other.updateRun("run_1", { status: "success" })), true)
      assert.equal(await run(store.updateRun("run_1", { status: "failed" })), false)
      clock.now += 100
      const theirs = (await run(other.acquireLease("orders", "two", 100)))!
      assert.equal(theirs.epoch, mine.epoch + 1)
      assert.equal(await run(store.saveCheckpoint(aCheckpoint(), mine)), false)
      assert.equal(await run(other.saveCheckpoint(aCheckpoint(), theirs)), true)
      assert.deepEqual(await run(store.getCheckpoints("orders")), [aCheckpoint()])
    },
  ],
]
