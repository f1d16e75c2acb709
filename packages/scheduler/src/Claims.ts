/**
 * What is due is started once, whichever process sees it first: it claims the job by saving its entry over the version that it read. A
 * claim that was never settled is from a process that is gone; it names the run that was to be made, so who finds it knows whether it was.
 */
import type { Store, StoredEntry } from "@deltaflow/core"
import { entriesOf, promised } from "@deltaflow/core/adapter"

/** How long a process may take from its claim to the start of the run, milliseconds. */
const CLAIM_MS = 12_000

export interface Claimable {
  /** When the process that is at it gives up; null where nobody is. */
  readonly claimedUntil: number | null
  /** The run that it makes. */
  readonly runId: string | null
}

const COLLECTION = "scheduler.jobs"

export class Claims<A extends object> {
  private readonly store: Store
  private readonly prefix: string

  constructor(store: Store, prefix: string) {
    this.store = store
    this.prefix = prefix
  }

  /** All that are there, by their names. */
  async all(): Promise<Map<string, Claim<A>>> {
    const found = new Map<string, Claim<A>>()
    for await (const entry of entriesOf(this.store, COLLECTION, this.prefix)) {
      if (!entry.key.startsWith(this.prefix)) break
      found.set(entry.key.slice(this.prefix.length), new Claim(this.store, entry))
    }
    return found
  }

  async get(name: string): Promise<Claim<A> | undefined> {
    const entry = await promised(this.store.getEntry(COLLECTION, this.prefix + name))
    return entry === undefined ? undefined : new Claim(this.store, entry)
  }

  /** The one that is there afterwards, whoever added it. */
  async add(name: string, value: A): Promise<Claim<A> | undefined> {
    const entry = { collection: COLLECTION, key: this.prefix + name, value: { ...value, claimedUntil: null, runId: null }, expiresAt: null }
    const added = await promised(this.store.saveEntry(entry, 0))
    return added === undefined ? await this.get(name) : new Claim(this.store, added)
  }

  async remove(name: string): Promise<void> {
    await promised(this.store.deleteEntry(COLLECTION, this.prefix + name))
  }
}

/** A job as it was read, with what may be done to it while nobody else has changed it. */
export class Claim<A extends object> {
  private readonly store: Store
  private entry: StoredEntry

  constructor(store: Store, entry: StoredEntry) {
    this.store = store
    this.entry = entry
  }

  get value(): A & Claimable {
    return this.entry.value as A & Claimable
  }

  /** Whether another process may be at it. */
  isHeld(now: number): boolean {
    return this.value.claimedUntil !== null && this.value.claimedUntil > now
  }

  /** The run that one was making who is gone; undefined where nobody was. */
  get left(): string | undefined {
    return this.value.claimedUntil === null ? undefined : (this.value.runId ?? undefined)
  }

  /** False where another process was first. */
  async take(now: number, runId: string): Promise<boolean> {
    return await this.save({ ...this.value, claimedUntil: now + CLAIM_MS, runId })
  }

  /** Done with: what is to be seen next. False where another process has it. */
  async settle(value: A): Promise<boolean> {
    return await this.save({ ...value, claimedUntil: null, runId: null })
  }

  private async save(value: A & Claimable): Promise<boolean> {
    const { collection, key, version } = this.entry
    const saved = await promised(this.store.saveEntry({ collection, key, value, expiresAt: null }, version))
    if (saved !== undefined) this.entry = saved
    return saved !== undefined
  }
}
