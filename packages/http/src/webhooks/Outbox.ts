/**
 * Webhooks that go out. Every event that a pipeline wants sent becomes a delivery in the store, before the place that was read up to moves
 * on; a delivery goes when its receiver has it, or is given up. Of several processes one does this, under a lease.
 */
import { createHmac } from "node:crypto"
import type { EngineEvent, EngineService, Lease, Log, StoredEntry } from "@deltaflow/core"
import { newEventId, promised } from "@deltaflow/core/adapter"
import type { Catalogue } from "../Catalogue.ts"
import { eventAsJson } from "../shapes.ts"
import { sign } from "../signatures.ts"
import type { Reach } from "../reach.ts"
import { send } from "./send.ts"

export interface OutboxOptions {
  /** Milliseconds until the second try, and the factor of each further one. */
  readonly retryDelay?: number
  readonly log?: Pick<Log, "error" | "warn">
}

/** One event for one receiver. */
interface Delivery {
  readonly pipeline: string
  /** Place of the webhook in its definition, and the address that it had. */
  readonly index: number
  readonly url: string
  readonly event: EngineEvent
  readonly attempt: number
  /** Milliseconds since 1970. */
  readonly nextAt: number
}

/** Up to where events were read: the last one, or a time where there was none yet. */
interface Position {
  readonly since: number
  readonly after?: string
}

const DELIVERIES = "http.deliveries"
const POSITION = "http.webhooks"
const GONE = "http.gone"
const LEASE = "http:webhooks"

const LEASE_MS = 15_000
const PAGE = 500
const LOOK_MS = 500
const ANSWER_MS = 10_000
/** Deliveries under way at once. */
const AT_ONCE = 16

/** With the default delay: after 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, then every 4 hours; two days in all. */
const MOST_ATTEMPTS = 18
const FACTOR = 4
const LONGEST_DELAY = 4 * 3_600_000

export class Outbox {
  private readonly service: EngineService
  private readonly catalogue: Catalogue
  private readonly reach: Reach
  private readonly options: OutboxOptions
  private readonly now: () => number
  private readonly owner = `webhooks-${newEventId(Date.now())}`
  private timer: NodeJS.Timeout | undefined
  private working: Promise<void> | undefined
  private isStopped = false

  constructor(catalogue: Catalogue, reach: Reach, options: OutboxOptions, now: () => number) {
    this.catalogue = catalogue
    this.reach = reach
    this.service = catalogue.service
    this.options = options
    this.now = now
  }

  start(): void {
    const look = (): void => {
      this.working = this.work().catch((error: unknown) => {
        this.options.log?.warn(`webhooks: ${error instanceof Error ? error.message : String(error)}`)
      })
      void this.working.finally(() => {
        if (this.isStopped) return
        this.timer = setTimeout(look, LOOK_MS)
        this.timer.unref()
      })
    }
    look()
  }

  async stop(): Promise<void> {
    this.isStopped = true
    clearTimeout(this.timer)
    await this.working
    const lease = await promised(this.service.store.getLease(LEASE))
    if (lease?.owner === this.owner) await promised(this.service.store.releaseLease(lease))
  }

  private async work(): Promise<void> {
    const lease = await this.leased()
    if (lease === undefined) return
    await this.collect()
    await this.deliver(lease)
  }

  private lease: Lease | undefined

  /** Taken anew only when a part of its time has passed: each time costs a write. */
  private async leased(): Promise<Lease | undefined> {
    const { lease } = this
    if (lease !== undefined && lease.expiresAt - this.now() > LEASE_MS / 2) return lease
    this.lease = await promised(this.service.store.acquireLease(LEASE, this.owner, LEASE_MS))
    return this.lease
  }

  /** From events to deliveries. A delivery that is there already is left as it is, so a crash between the two repeats nothing. */
  private async collect(): Promise<void> {
    const { store } = this.service
    const entry = await promised(store.getEntry(POSITION, "position"))
    let position = (entry?.value as Position | undefined) ?? { since: this.now() }
    if (entry === undefined) await this.keep(position)
    for (;;) {
      const from = position.after === undefined ? { since: position.since } : { after: position.after }
      const events = await promised(store.listEvents({ ...from, limit: PAGE }))
      for (const event of events) await this.collectOne(event)
      const last = events.at(-1)
      if (last === undefined) return
      position = { ...position, after: last.id }
      await this.keep(position)
      if (events.length < PAGE) return
    }
  }

  private async keep(position: Position): Promise<void> {
    await promised(this.service.store.saveEntry({ collection: POSITION, key: "position", value: position, expiresAt: null }))
  }

  private async collectOne(event: EngineEvent): Promise<void> {
    const hooks = await this.hooksOf(event.pipeline)
    for (const [index, hook] of hooks.entries()) {
      if (hook.events !== undefined && !(hook.events as ReadonlyArray<string>).includes(event.type)) continue
      const value: Delivery = { pipeline: event.pipeline, index, url: hook.url, event, attempt: 0, nextAt: this.now() }
      await promised(this.service.store.saveEntry({ collection: DELIVERIES, key: `${event.id}:${index}`, value, expiresAt: null }, 0))
    }
  }

  private async hooksOf(pipeline: string) {
    const stored = await promised(this.service.store.getDefinition(pipeline))
    const loaded = stored === undefined ? undefined : await this.catalogue.loaded(stored)
    return loaded?.ok === true ? (loaded.pipeline.events.webhooks ?? []) : []
  }

  /** Those that are due, in the order of their events; a receiver that is away does not keep the others waiting. */
  private async deliver(lease: Lease): Promise<void> {
    const { store } = this.service
    for (let after: string | undefined; !this.isStopped;) {
      const page = await promised(store.listEntries({ collection: DELIVERIES, limit: PAGE, ...(after === undefined ? {} : { after }) }))
      const due = page.filter((entry) => (entry.value as Delivery).nextAt <= this.now())
      for (let at = 0; at < due.length && !this.isStopped; at += AT_ONCE) {
        if ((await this.leased())?.epoch !== lease.epoch) return
        await Promise.all(due.slice(at, at + AT_ONCE).map((entry) => this.deliverOne(entry)))
      }
      after = page.at(-1)?.key
      if (after === undefined || page.length < PAGE) return
    }
  }

  private async deliverOne(entry: StoredEntry): Promise<void> {
    const delivery = entry.value as Delivery
    const hook = (await this.hooksOf(delivery.pipeline))[delivery.index]
    const isGone = (await promised(this.service.store.getEntry(GONE, goneKey(delivery)))) !== undefined
    // Another definition has no place for it, or its receiver wants nothing any more.
    if (hook?.url !== delivery.url || isGone) return await this.remove(entry)
    const outcome = await this.attempt(delivery, hook.secret)
    if (outcome.status >= 200 && outcome.status < 300) return await this.remove(entry)
    if (outcome.status === 410) {
      await promised(this.service.store.saveEntry({ collection: GONE, key: goneKey(delivery), value: this.now(), expiresAt: null }))
      this.tell(delivery, "the receiver wants no more (410)")
      return await this.remove(entry)
    }
    const attempt = delivery.attempt + 1
    if (hook.retry === false || attempt >= MOST_ATTEMPTS) {
      this.tell(delivery, `given up after ${attempt} tries: ${outcome.said}`)
      return await this.remove(entry)
    }
    const delay = Math.min((this.options.retryDelay ?? 5000) * FACTOR ** (attempt - 1), LONGEST_DELAY)
    const nextAt = this.now() + Math.max(delay, (outcome.retryAfter ?? 0) * 1000)
    const { collection, key, version } = entry
    await promised(this.service.store.saveEntry({ collection, key, value: { ...delivery, attempt, nextAt }, expiresAt: null }, version))
  }

  private tell({ pipeline, url, event }: Delivery, what: string): void {
    const { host } = URL.canParse(url) ? new URL(url) : { host: "?" }
    this.options.log?.warn(`${pipeline}: webhook to ${host}, event ${event.id}: ${this.service.mask(what)}`)
  }

  private async remove({ collection, key }: StoredEntry): Promise<void> {
    await promised(this.service.store.deleteEntry(collection, key))
  }

  private async attempt(
    { pipeline, url, event }: Delivery,
    secret: string | undefined,
  ): Promise<{ readonly status: number; readonly retryAfter?: number | undefined; readonly said: string }> {
    const body = new TextEncoder().encode(JSON.stringify(eventAsJson(event)))
    const seconds = Math.floor(this.now() / 1000)
    const headers = {
      "content-type": "application/json",
      "user-agent": "deltaflow",
      "webhook-id": event.id,
      "webhook-timestamp": String(seconds),
      ...(secret === undefined
        ? {}
        : {
            "webhook-signature": sign(secret, event.id, seconds, body),
            "x-deltaflow-signature": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
          }),
    }
    try {
      const { allowsAddress } = this.reach.of(pipeline)
      const sent = await send({
        url,
        body,
        headers,
        timeout: ANSWER_MS,
        ...(allowsAddress === undefined ? {} : { allowsAddress }),
      })
      return { ...sent, said: `it answered ${sent.status}` }
    } catch (error) {
      return { status: 0, said: error instanceof Error ? error.message : String(error) }
    }
  }
}

const goneKey = ({ pipeline, url }: Delivery): string => `${pipeline} ${url}`
