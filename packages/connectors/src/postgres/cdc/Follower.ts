/** Follows the log: messages to batches, with cursors at the ends of transactions, and status updates the other way. */
import { Batch, type BatchSchema, type SourceBatch, SourceError, type SourceLag } from "@deltaflow/core"
import { typeNames, columnOf } from "../columns.ts"
import { ConnectionLost } from "../failures.ts"
import type { Session } from "../session.ts"
import { type ChangedTable, ChangeRows, type Commit, isTaken } from "./changeRows.ts"
import type { ChangesCursor } from "./cursor.ts"
import {
  type Change,
  formatLsn,
  type Lsn,
  parseLsn,
  ProtocolError,
  type Relation,
  sinceEpoch,
  statusUpdate,
  type StreamMessage,
} from "./pgoutput.ts"
import type { ReplicationStream } from "./ReplicationStream.ts"
import { type FollowedTable, textOf } from "./tables.ts"

export interface FollowerOptions {
  readonly source: string
  readonly batchSize: number
  readonly tables: ReadonlyArray<FollowedTable>
  /** Columns of all tables, in the order in which rows have them. */
  readonly schema: BatchSchema
  /** The type of a column where the definition gives one. */
  readonly typed: (column: ReturnType<typeof columnOf>) => ReturnType<typeof columnOf>
  readonly from: ChangesCursor
  /** Where to end; undefined to go on. */
  readonly until: Lsn | undefined
  /** Where the server's log ends now. */
  readonly serverEnd: Lsn
  /** An ordinary connection, for questions. */
  readonly session: Session
  readonly now: () => number
}

const STATUS_MS = 10_000
/** Silence of a server that was asked to answer. */
const SILENCE_MS = 60_000
/** How often the server is asked how far it is, while the end of what there is has not come. */
const ASK_MS = 250
/** How long what was committed may take to be written, where the server commits in the background. */
const FLUSH_MS = 1500
/** How far the log goes on without a row before that is stored, so that the server need not keep it. */
const IDLE_BYTES = 16n * 1024n * 1024n
const IDLE_MS = 60_000

export class Follower implements AsyncIterableIterator<SourceBatch> {
  private readonly options: FollowerOptions
  private readonly stream: ReplicationStream
  private readonly rows: ChangeRows
  private readonly tables = new Map<number, ChangedTable | undefined>()
  private readonly ready: Array<SourceBatch> = []
  private readonly timer: NodeJS.Timeout
  /** Up to where everything was read. */
  private position: Lsn
  /** The last cursor that went out, and when. */
  private told: Lsn
  private toldAt = performance.now()
  private durable: Lsn
  private transaction: { readonly commit: Commit; readonly isKnown: boolean } | undefined
  /** Whether rows of a transaction that is not whole have gone out. */
  private isAhead = false
  private isOver = false
  private askedAt = 0
  private lastCommit: number | undefined
  private serverEnd: Lsn
  private comparedAt = performance.now()

  constructor(stream: ReplicationStream, options: FollowerOptions) {
    this.stream = stream
    this.options = options
    this.rows = new ChangeRows(options.source, options.tables.length > 1)
    this.position = this.told = this.durable = parseLsn(options.from.lsn)
    this.serverEnd = options.serverEnd
    // Also while nobody reads, so that the server does not take a slow destination for a dead one.
    this.timer = setInterval(() => this.sendStatus(true), STATUS_MS)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<SourceBatch>> {
    const waitingSince = performance.now()
    if (waitingSince - this.comparedAt >= STATUS_MS) await this.compare(waitingSince)
    for (;;) {
      const batch = this.ready.shift()
      if (batch !== undefined) return { done: false, value: batch }
      if (this.isOver) return { done: true, value: undefined }
      const message = this.stream.take()
      if (message === undefined) await this.idle(waitingSince)
      else await this.handle(message)
    }
  }

  /** Never waits: what `next` waits for ends with it. */
  return(): Promise<IteratorResult<SourceBatch>> {
    this.isOver = true
    this.stream.interrupt()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Invariant 1: only what is durable is confirmed. */
  acknowledge(cursor: ChangesCursor): void {
    const lsn = parseLsn(cursor.lsn)
    if (lsn > this.durable) this.durable = lsn
    this.sendStatus(false)
  }

  lag(): SourceLag {
    const bytes = this.serverEnd > this.position ? Number(this.serverEnd - this.position) : 0
    if (bytes === 0 || this.lastCommit === undefined) return { bytes, ...(bytes === 0 ? { seconds: 0 } : {}) }
    return { bytes, seconds: Math.max(0, Math.round(this.options.now() - this.lastCommit / 1000) / 1000) }
  }

  async close(): Promise<void> {
    clearInterval(this.timer)
    this.isOver = true
    this.stream.interrupt()
    await this.stream.finish()
  }

  private sendStatus(asks: boolean): void {
    this.stream.send(statusUpdate(this.position > this.durable ? this.position : this.durable, this.durable, this.options.now(), asks))
  }

  /** Nothing is there to take: what waits goes out, else somebody has to say something. */
  private async idle(waitingSince: number): Promise<void> {
    if (this.transaction === undefined && (this.rows.length > 0 || this.isAhead)) return this.flush()
    const now = performance.now()
    const { until } = this.options
    if (until !== undefined && now - this.askedAt >= ASK_MS) {
      this.askedAt = now
      this.sendStatus(true)
    }
    if (this.isIdleLong(now)) return this.flush()
    if (now - this.comparedAt >= (until === undefined ? STATUS_MS : FLUSH_MS)) {
      await this.compare(now)
      // The wanted place may lie in what fills a page of the log. Where all that is written has been read, nothing more comes.
      if (until !== undefined && this.transaction === undefined && this.position >= this.serverEnd) return this.endHere()
    }
    if (now - Math.max(this.stream.heardAt, waitingSince) > SILENCE_MS)
      throw new ConnectionLost(false, new Error(`the server did not answer for ${SILENCE_MS / 1000} s`))
    await this.stream.wait(until === undefined ? 1000 : ASK_MS)
  }

  private isIdleLong(now: number): boolean {
    if (this.transaction !== undefined || this.position === this.told) return false
    return this.position - this.told >= IDLE_BYTES || now - this.toldAt >= IDLE_MS
  }

  /** Asks how far the server's log goes, as far as it is written. */
  private async compare(now: number): Promise<void> {
    this.comparedAt = now
    const [row] = await this.options.session.query("SELECT pg_current_wal_flush_lsn() AS lsn")
    this.serverEnd = parseLsn(row!["lsn"]!)
  }

  private async handle(message: StreamMessage): Promise<void> {
    if (message.kind === "data") return this.change(message.change)
    if (message.wantsReply) this.sendStatus(false)
    // Within a transaction it says nothing of what is still to come.
    if (this.transaction !== undefined) return
    if (message.lsn > this.position) this.position = message.lsn
    this.endAt(message.lsn)
  }

  private async change(change: Change): Promise<void> {
    switch (change.kind) {
      case "begin": {
        if (this.endAt(change.commitLsn)) return
        const isKnown = change.commitLsn < parseLsn(this.options.from.lsn)
        this.transaction = { commit: { lsn: change.commitLsn, time: change.time }, isKnown }
        return
      }
      case "commit":
        return this.committed(change.endLsn, change.time)
      case "relation":
        return this.relation(change)
      case "insert": {
        const table = this.changed(change.relation)
        if (table !== undefined) this.rows.insert(table, change.row, this.commit)
        break
      }
      case "update": {
        const table = this.changed(change.relation)
        if (table !== undefined) this.rows.update(table, change.old, change.row, this.commit)
        break
      }
      case "delete": {
        const table = this.changed(change.relation)
        if (table !== undefined) this.rows.delete(table, change.old, this.commit)
        break
      }
      case "truncate":
        for (const id of change.relations) {
          const table = this.changed(id)
          if (table !== undefined) this.rows.truncate(table, this.commit)
        }
        break
      case "other":
        return
    }
    if (this.rows.length < this.options.batchSize) return
    this.isAhead = true
    this.ready.push(...this.rows.take().map((batch) => ({ batch })))
  }

  private get commit(): Commit {
    if (this.transaction === undefined) throw new ProtocolError("a change came outside of a transaction")
    return this.transaction.commit
  }

  /** Undefined for a table that is not followed, and for what was read before. */
  private changed(id: number): ChangedTable | undefined {
    if (!this.tables.has(id)) throw new ProtocolError(`a change came of the table ${id}, which was not described`)
    return this.transaction?.isKnown === true ? undefined : this.tables.get(id)
  }

  private committed(endLsn: Lsn, time: bigint): void {
    this.transaction = undefined
    if (endLsn > this.position) this.position = endLsn
    this.lastCommit = sinceEpoch(time)
    if (this.rows.length >= this.options.batchSize || this.isAhead) this.flush()
    this.endAt(endLsn)
  }

  /** Ends where the wanted place has come. Everything that was committed before it has been read then. */
  private endAt(lsn: Lsn): boolean {
    const { until } = this.options
    if (until === undefined || lsn < until) return false
    this.position = until > this.position ? until : this.position
    this.endHere()
    return true
  }

  private endHere(): void {
    this.isOver = true
    this.flush()
  }

  /** All rows that wait, the last with the cursor. */
  private flush(): void {
    const batches = this.rows.take()
    const isMoved = this.position > this.told
    this.isAhead = false
    if (batches.length === 0 && !isMoved) return
    this.told = this.position
    this.toldAt = performance.now()
    const cursor = { ...this.options.from, lsn: formatLsn(this.position) }
    const last = batches.at(-1) ?? Batch.empty(this.options.schema)
    this.ready.push(...batches.slice(0, -1).map((batch) => ({ batch })), { batch: last, cursor })
  }

  /** Comes before the first change of a table, and again where its columns have changed. */
  private async relation(relation: Relation): Promise<void> {
    const { tables, session, typed } = this.options
    const followed = tables.find((table) => table.schema === relation.schema && table.name === relation.name)
    if (followed === undefined) return void this.tables.set(relation.id, undefined)
    const types = await typeNames(session, relation.columns)
    const columns = relation.columns.map(({ name }, i) => typed(columnOf(name, types[i]!)))
    const taken = columns.find(({ name }) => isTaken(name))
    if (taken !== undefined) throw takenName(this.options.source, followed, taken.name)
    const known = new Set([...followed.columns, ...columns].map(({ name }) => name))
    const others = tables.length === 1 ? [] : tables.flatMap((table) => table.columns).map(typed)
    const missing = new Map(others.filter(({ name }) => !known.has(name)).map(({ name, type }) => [name, { name, type, nullable: true }]))
    this.tables.set(relation.id, { relation, columns, primaryKey: followed.primaryKey, others: [...missing.values()] })
  }
}

export const takenName = (source: string, table: FollowedTable, name: string): SourceError =>
  new SourceError({
    code: "DUPLICATE_COLUMN",
    message: `${source}: ${textOf(table)} has a column ${name}, which is what changes are described with. Rename it, or follow a publication that leaves it out.`,
    path: [source],
    column: name,
  })
