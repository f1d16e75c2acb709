/** Who asks, whether they may, and how often. */
import { createHash } from "node:crypto"
import type { Store } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import type { Endpoint, Scope } from "./contract/endpoints.ts"
import type { ApiKeys } from "./keys/ApiKeys.ts"
import { Problem } from "./problems.ts"

/** Whoever made a request. */
export interface Principal {
  /** Rate limits and idempotency keys go by it. */
  readonly id: string
  readonly scopes: ReadonlyArray<Scope>
}

/** Gives who made the request; undefined for nobody that is known. */
export type Authenticate = (request: Request) => Promise<Principal | undefined>

export const bearerOf = (request: Request): string | undefined =>
  /^Bearer +([\x21-\x7e]+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1]

export const byKey =
  (keys: ApiKeys): Authenticate =>
  async (request) => {
    const key = bearerOf(request)
    const info = key === undefined ? undefined : await keys.check(key)
    return info === undefined ? undefined : { id: info.id, scopes: info.scopes }
  }

/** Throws where the principal may not call the endpoint. */
export const authorize = (endpoint: Endpoint, principal: Principal | undefined): void => {
  const { scope } = endpoint
  if (scope === "none" || scope === "secret") return
  if (principal === undefined)
    throw new Problem("UNAUTHENTICATED", "The request has no valid key. Send Authorization: Bearer df_key_….", {
      headers: { "www-authenticate": "Bearer" },
    })
  if (principal.scopes.includes("admin") || principal.scopes.includes(scope)) return
  throw new Problem("FORBIDDEN", `This needs a key with the scope ${scope}.`, { details: { required_scope: scope } })
}

export interface Rate {
  readonly limit: number
  readonly remaining: number
  /** Seconds since 1970 at which all may be used again. */
  readonly reset: number
  readonly isOver: boolean
}

const WINDOW_MS = 60_000

/** How far the counts of two processes may be apart in time. */
const SHARE_MS = 1000

interface Window {
  readonly end: number
  /** Used by all processes, as far as is known. */
  shared: number
  /** Used here, and not told to the store. */
  own: number
  sharedAt: number
  isSharing: boolean
}

/** Requests by minute and key. Counts are added up through the store about once a second, so that several processes keep one limit. */
export class RateLimit {
  private readonly store: Store
  private readonly now: () => number
  private readonly limit: number
  private readonly windows = new Map<string, Window>()

  constructor(store: Store, limit: number, now: () => number) {
    this.store = store
    this.limit = limit
    this.now = now
  }

  /** Counts a request. */
  take(id: string): Rate {
    const now = this.now()
    const end = (Math.floor(now / WINDOW_MS) + 1) * WINDOW_MS
    let window = this.windows.get(id)
    if (window === undefined || window.end !== end) {
      this.forget(end)
      this.windows.set(id, (window = { end, shared: 0, own: 0, sharedAt: 0, isSharing: false }))
    }
    const isOver = window.shared + window.own >= this.limit
    if (!isOver) window.own++
    if (now - window.sharedAt >= SHARE_MS && !window.isSharing) this.share(id, window)
    return { limit: this.limit, remaining: Math.max(0, this.limit - window.shared - window.own), reset: end / 1000, isOver }
  }

  private forget(end: number): void {
    for (const [id, window] of this.windows) if (window.end < end) this.windows.delete(id)
  }

  /** A request does not wait for it, and a store that is away lets this process count alone. */
  private share(id: string, window: Window): void {
    window.isSharing = true
    window.sharedAt = this.now()
    const told = window.own
    const add = async (): Promise<void> => {
      const key = `${createHash("sha256").update(id).digest("hex")}:${window.end}`
      for (let attempt = 0; attempt < 5; attempt++) {
        const entry = await promised(this.store.getEntry(COLLECTION, key))
        const before = entry === undefined ? 0 : Number(entry.value)
        const value = before + told
        const saved = await promised(
          this.store.saveEntry({ collection: COLLECTION, key, value, expiresAt: window.end + WINDOW_MS }, entry?.version ?? 0),
        )
        if (saved === undefined) continue
        window.shared = value
        window.own -= told
        return
      }
    }
    void add()
      .catch(ignore)
      .finally(() => (window.isSharing = false))
  }
}

// What could not be told now is told with the next.
const ignore = (): void => undefined

const COLLECTION = "http.rates"
