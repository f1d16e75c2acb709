/** What was asked before is not done again: of requests with one key the first starts a run, and all get that one. */
import { createHash } from "node:crypto"
import type { Store } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { Problem } from "./problems.ts"

const COLLECTION = "http.requests"

const LOOK_MS = 20

/** How long the first may take; then another one may begin. */
const BUSY_MS = 30_000

export class Idempotency {
  private readonly store: Store
  private readonly now: () => number

  constructor(store: Store, now: () => number) {
    this.store = store
    this.now = now
  }

  /** Of this process, for those who come meanwhile. */
  private readonly underWay = new Map<string, Promise<string>>()

  /** The id of the run that the key stands for, made by `start` where there is none. `parts` say whose key it is, and what for. */
  async runOf(parts: ReadonlyArray<string>, keptMs: number, start: () => Promise<string>): Promise<string> {
    const key = createHash("sha256").update(JSON.stringify(parts)).digest("hex")
    const known = this.underWay.get(key)
    if (known !== undefined) return await known
    const id = this.firstOrKnown(key, keptMs, start)
    this.underWay.set(key, id)
    return await id.finally(() => this.underWay.delete(key))
  }

  private async firstOrKnown(key: string, keptMs: number, start: () => Promise<string>): Promise<string> {
    for (;;) {
      const taken = await this.save(key, null, BUSY_MS, 0)
      if (taken) return await this.first(key, keptMs, start)
      const known = await this.whenKnown(key)
      if (known !== undefined) return known
    }
  }

  private async first(key: string, keptMs: number, start: () => Promise<string>): Promise<string> {
    try {
      const id = await start()
      await this.save(key, id, keptMs)
      return id
    } catch (error) {
      // Nothing was started, so the key is free again.
      await promised(this.store.deleteEntry(COLLECTION, key))
      throw error
    }
  }

  /** Undefined where the first one has failed, so that the next may try. */
  private async whenKnown(key: string): Promise<string | undefined> {
    for (let waited = 0; waited < BUSY_MS; waited += LOOK_MS) {
      const entry = await promised(this.store.getEntry(COLLECTION, key))
      if (entry === undefined) return undefined
      if (typeof entry.value === "string") return entry.value
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    throw new Problem("UNAVAILABLE", "Another request with this Idempotency-Key is still under way. Try again.", {
      headers: { "retry-after": "1" },
    })
  }

  private async save(key: string, value: string | null, ms: number, expected?: number): Promise<boolean> {
    const entry = { collection: COLLECTION, key, value, expiresAt: this.now() + ms }
    return (await promised(this.store.saveEntry(entry, expected))) !== undefined
  }
}
