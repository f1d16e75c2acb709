import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { memoryStore } from "@deltaflow/core/store/memory"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import type { Lease, Store, StoredCheckpoint } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { runLaws } from "./Law.ts"
import { storeLaws } from "./StoreConformance.ts"

const corpus = process.env["DELTAFLOW_CORPUS"]
const strings = corpus === undefined ? [] : (JSON.parse(readFileSync(path.join(corpus, "strings/blns.json"), "utf8")) as Array<string>)

runLaws(
  storeLaws("memory", ({ now }) => ({ open: () => memoryStore({ now }) }), { runs: 300, strings }),
  { test },
)

runLaws(
  storeLaws(
    "sqlite",
    ({ now }) => {
      const folder = mkdtempSync(path.join(tmpdir(), "store-"))
      return {
        open: () => sqliteStore({ path: path.join(folder, ".deltaflow/state.db"), now }),
        dispose: () => rmSync(folder, { recursive: true }),
      }
    },
    { runs: 40, strings, durable: true },
  ),
  { test },
)

test.skipIf(corpus === undefined)("the big list of naughty strings (DELTAFLOW_CORPUS) is among the texts", () => {
  expect(strings.length).toBeGreaterThan(500)
})

const inner = (clock: { readonly now: () => number }) => ({ now: clock.now, store: memoryStore({ now: clock.now }) })

/** Stores with one bug each. */
const bugs: Record<string, (made: ReturnType<typeof inner>) => Partial<Store>> = {
  "a checkpoint that any process may write": ({ store, now }) => ({
    saveCheckpoint: (checkpoint, lease) =>
      Effect.flatMap(store.acquireLease(`any ${lease.name}`, "anybody", 1e9), (any) =>
        store.saveCheckpoint(checkpoint, { ...any!, expiresAt: now() + 1 }),
      ),
  }),
  "an epoch that starts again after a release": ({ store }) => {
    const offsets = new Map<string, number>()
    const shown = (lease: Lease | undefined) =>
      lease === undefined ? undefined : { ...lease, epoch: lease.epoch - (offsets.get(lease.name) ?? 0) }
    return {
      acquireLease: (name, owner, ttl, epoch) => Effect.map(store.acquireLease(name, owner, ttl, epoch), shown),
      releaseLease: (lease) => Effect.tap(store.releaseLease(lease), () => Effect.sync(() => offsets.set(lease.name, lease.epoch))),
    }
  },
  "a lease that is renewed whoever holds it": ({ store, now }) => ({
    renewLease: (lease, ttl) =>
      Effect.map(store.getLease(lease.name), (held) => (held === undefined ? undefined : { ...lease, expiresAt: now() + ttl })),
  }),
  "an ended run that is changed again": ({ store }) => ({
    updateRun: (id, change, events) => Effect.map(store.updateRun(id, change, events), () => true),
  }),
  "events that are appended although the run had ended": ({ store }) => ({
    updateRun: (id, change, events = []) => Effect.tap(store.updateRun(id, change), () => store.appendEvents(events)),
  }),
  "events that are read on from the last one again": ({ store }) => ({
    listEvents: ({ after, ...filter }) =>
      Effect.map(store.listEvents({ ...filter, limit: 1000 }), (events) =>
        events.filter(({ id }) => after === undefined || id >= after).slice(0, filter.limit ?? 1000),
      ),
  }),
  "a total that counts the page": ({ store }) => ({
    listRuns: (filter) => Effect.map(store.listRuns(filter), ({ runs }) => ({ runs, total: runs.length })),
  }),
  "an upper bound that is included": ({ store }) => ({
    listRuns: ({ until, ...filter }) => store.listRuns(until === undefined ? filter : { ...filter, until: until + 1 }),
  }),
  "a revision that counts each save": ({ store }) => {
    let saves = 0
    return { saveDefinition: (definition) => Effect.map(store.saveDefinition(definition), (saved) => ({ ...saved!, revision: ++saves })) }
  },
  "an entry that is added twice": ({ store }) => ({ saveEntry: (entry) => store.saveEntry(entry) }),
  "an entry that stays": ({ store }) => ({ saveEntry: (entry, expected) => store.saveEntry({ ...entry, expiresAt: null }, expected) }),
  "a deletion that forgets the checkpoints": ({ store }) => ({
    getCheckpoints: (pipeline) =>
      Effect.map(store.getCheckpoints(pipeline), (found) => (found.length > 0 ? found : [...remembered.values()])),
    saveCheckpoint: (checkpoint, lease) =>
      Effect.tap(store.saveCheckpoint(checkpoint, lease), (saved) =>
        Effect.sync(() => saved && remembered.set(checkpoint.destination, checkpoint)),
      ),
  }),
}

const remembered = new Map<string, StoredCheckpoint>()

test.each(Object.entries(bugs))("the laws of stores find %s", async (_name, bug) => {
  const laws = storeLaws("broken", (clock) => {
    remembered.clear()
    const made = inner(clock)
    return { open: () => ({ ...made.store, ...bug(made) }) }
  })
  const results = await Promise.allSettled(laws.map(({ check }) => check()))
  expect(results.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0)
})
