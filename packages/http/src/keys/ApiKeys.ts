/**
 * Keys of the API. A key is `df_key_` and 32 random bytes; the store has its SHA-256 and nothing else of it, so it is shown once.
 *
 * A key is found by its hash. Who guesses would have to hit 256 bits, and learns nothing from how long a look-up takes.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import type { Store, StoredEntry } from "@deltaflow/core"
import { entriesOf, promised } from "@deltaflow/core/adapter"
import { type Scope, scopes } from "../contract/endpoints.ts"

export interface KeyInfo {
  readonly id: string
  readonly name: string
  readonly scopes: ReadonlyArray<Scope>
  /** The beginning of the key, to tell it from others. */
  readonly prefix: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly expiresAt: number | null
  /** To the minute; null where it never was. */
  readonly lastUsedAt: number | null
  readonly revokedAt: number | null
}

/** A new key, shown once. */
export interface NewKey extends KeyInfo {
  readonly key: string
}

export interface KeyOptions {
  readonly name: string
  readonly scopes: ReadonlyArray<Scope>
  /** Milliseconds since 1970. Default: never. */
  readonly expiresAt?: number
}

export class KeyError extends Error {
  override readonly name = "KeyError"
}

const COLLECTION = "http.keys"

const PREFIX = "df_key_"

const SHOWN = PREFIX.length + 6

const USED_MS = 60_000

export class ApiKeys {
  private readonly store: Store
  private readonly now: () => number

  constructor(store: Store, now: () => number = Date.now) {
    this.store = store
    this.now = now
  }

  async create({ name, scopes: wanted, expiresAt }: KeyOptions): Promise<NewKey> {
    if (name.trim() === "") throw new KeyError("A key needs a name.")
    if (wanted.length === 0) throw new KeyError(`A key needs a scope: ${scopes.join(", ")}.`)
    const wrong = wanted.find((scope) => !scopes.includes(scope))
    if (wrong !== undefined) throw new KeyError(`There is no scope ${JSON.stringify(wrong)}. Choose of ${scopes.join(", ")}.`)
    const now = this.now()
    if (expiresAt !== undefined && !(expiresAt > now)) throw new KeyError("A key that has expired is of no use. Give a later time.")
    const key = PREFIX + randomBytes(32).toString("base64url")
    const info: KeyInfo = {
      id: `key_${randomBytes(9).toString("hex")}`,
      name,
      scopes: [...new Set(wanted)],
      prefix: key.slice(0, SHOWN),
      createdAt: now,
      expiresAt: expiresAt ?? null,
      lastUsedAt: null,
      revokedAt: null,
    }
    await promised(this.store.saveEntry({ collection: COLLECTION, key: hashOf(key), value: info, expiresAt: null }, 0))
    return { ...info, key }
  }

  /** The oldest first. Keys themselves nobody has. */
  async list(): Promise<ReadonlyArray<KeyInfo>> {
    return (await this.entries()).map(infoOf).toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  /** From now on it is as one that never was. Gives undefined where there is none. */
  async revoke(idOrName: string): Promise<KeyInfo | undefined> {
    return await this.change(idOrName, (info) => (info.revokedAt === null ? { ...info, revokedAt: this.now() } : info))
  }

  /** A new key with the name and the scopes of this one, which goes on for `graceMs`. */
  async rotate(idOrName: string, graceMs = 0): Promise<NewKey | undefined> {
    const old = (await this.found(idOrName))[0]
    if (old === undefined) return undefined
    const { name, scopes: own, expiresAt } = infoOf(old)
    const made = await this.create({ name, scopes: own, ...(expiresAt === null ? {} : { expiresAt }) })
    const end = this.now() + graceMs
    await this.change(infoOf(old).id, (info) =>
      graceMs > 0 ? { ...info, expiresAt: Math.min(end, info.expiresAt ?? end) } : { ...info, revokedAt: this.now() },
    )
    return made
  }

  /** What the key may do; undefined for one that is unknown, expired or revoked. */
  async check(key: string): Promise<KeyInfo | undefined> {
    if (!key.startsWith(PREFIX)) return undefined
    const hash = hashOf(key)
    const entry = await promised(this.store.getEntry(COLLECTION, hash))
    if (entry === undefined || !timingSafeEqual(Buffer.from(entry.key), Buffer.from(hash))) return undefined
    const info = infoOf(entry)
    const now = this.now()
    if (info.revokedAt !== null || (info.expiresAt !== null && info.expiresAt <= now)) return undefined
    if (info.lastUsedAt === null || now - info.lastUsedAt > USED_MS) await this.save(entry, { ...info, lastUsedAt: now })
    return info
  }

  private async change(idOrName: string, change: (info: KeyInfo) => KeyInfo): Promise<KeyInfo | undefined> {
    for (;;) {
      const entry = (await this.found(idOrName))[0]
      if (entry === undefined) return undefined
      const changed = change(infoOf(entry))
      if (await this.save(entry, changed)) return changed
    }
  }

  /** False where somebody else has changed it meanwhile. */
  private async save(entry: StoredEntry, info: KeyInfo): Promise<boolean> {
    const { collection, key, version } = entry
    return (await promised(this.store.saveEntry({ collection, key, value: info, expiresAt: null }, version))) !== undefined
  }

  /** By its id, or by its name where one key alone has it. */
  private async found(idOrName: string): Promise<ReadonlyArray<StoredEntry>> {
    const all = await this.entries()
    const byId = all.filter((entry) => infoOf(entry).id === idOrName)
    if (byId.length > 0) return byId
    const named = all.filter((entry) => infoOf(entry).name === idOrName && infoOf(entry).revokedAt === null)
    if (named.length > 1) throw new KeyError(`${named.length} keys have the name ${idOrName}. Give the id of one, as the list shows it.`)
    return named
  }

  private async entries(): Promise<ReadonlyArray<StoredEntry>> {
    const all: Array<StoredEntry> = []
    for await (const entry of entriesOf(this.store, COLLECTION)) all.push(entry)
    return all
  }
}

const infoOf = (entry: StoredEntry): KeyInfo => entry.value as KeyInfo

const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex")
