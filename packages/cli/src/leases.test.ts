import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { waitForLease } from "./leases.ts"

const free = (store: ReturnType<typeof memoryStore>, signal = new AbortController().signal) => {
  const waits: Array<number> = []
  return { waits, isFree: waitForLease(store, "orders", { signal, onWait: (milliseconds) => void waits.push(milliseconds) }) }
}

const acquire = (store: ReturnType<typeof memoryStore>, ttl: number) =>
  Effect.runPromise(store.acquireLease("pipeline:orders", "run_1", ttl))

it("waits for nothing where nobody holds the pipeline", async () => {
  const { waits, isFree } = free(memoryStore())
  expect(await isFree).toBe(true)
  expect(waits).toEqual([])
})

it("waits until the lease of a process that is gone has run out", async () => {
  const store = memoryStore()
  await acquire(store, 500)
  const { waits, isFree } = free(store)
  expect(await isFree).toBe(true)
  expect(waits).toHaveLength(1)
  expect(waits[0]).toBeLessThanOrEqual(500)
})

it("sees that the process lives as soon as the lease is renewed", async () => {
  const store = memoryStore()
  const lease = (await acquire(store, 60_000))!
  const { isFree } = free(store)
  await new Promise((resolve) => setTimeout(resolve, 20))
  await Effect.runPromise(store.renewLease(lease, 60_000))
  expect(await isFree).toBe(false)
})

it("stops waiting when it is told to", async () => {
  const store = memoryStore()
  await acquire(store, 60_000)
  const controller = new AbortController()
  const { isFree } = free(store, controller.signal)
  controller.abort()
  expect(await isFree).toBe(false)
})
