/** `mode: cdc` of the source: tables as they are at the first run, and from then on what changes in them. */
import {
  Batch,
  type BatchSchema,
  type ColumnSchema,
  ConstantColumn,
  type SourceBatch,
  SourceError,
  type SourceReader,
  type SourceRequest,
  widen,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SourceColumn } from "../columns.ts"
import { copiedRows, selectList } from "../copiedRows.ts"
import { type Place, readFailure } from "../failures.ts"
import type { ConnectionConfig } from "../options.ts"
import { quoteName, quoteTable, quoteText } from "../quote.ts"
import { Session } from "../session.ts"
import { isTaken, metadata } from "./changeRows.ts"
import { type ChangesCursor, changesCursor } from "./cursor.ts"
import { Follower, takenName } from "./Follower.ts"
import { formatLsn, type Lsn, parseLsn } from "./pgoutput.ts"
import { ReplicationStream } from "./ReplicationStream.ts"
import {
  checkPlace,
  checkServer,
  connectionFailure,
  createSlot,
  dropSlot,
  findSlot,
  type Slot,
  slotName,
  snapshotSlot,
  untilFree,
} from "./slot.ts"
import { createPublication, findPublication, type FollowedTable, type Publication, tableName, textOf, type Wanted } from "./tables.ts"

export type ChangesConfig = ConnectionConfig & {
  readonly schema?: string
  readonly table?: string
  readonly tables?: ReadonlyArray<string>
  readonly publication?: string
  readonly slot?: string
}

interface Names {
  readonly slot: string
  readonly wanted: Wanted
}

const namesOf = (config: ChangesConfig, { pipeline, name }: { readonly pipeline: string; readonly name: string }): Names => {
  const own = slotName(pipeline, name)
  const tables = config.table === undefined ? config.tables : [config.table]
  const schema = config.schema ?? "public"
  return {
    slot: config.slot ?? own,
    wanted: {
      source: name,
      publication: config.publication ?? own,
      tables: tables?.map((text) => (config.table === undefined ? tableName(text, schema) : { schema, name: text })),
    },
  }
}

type Request = SourceRequest<ChangesConfig>

/** Both connections of a reading end with its scope. The one for replication is opened as `user`, whom its failure names. */
const openSession = (request: Request, user?: string): Effect.Effect<Session, SourceError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        Session.open({ config: request.config, context: request, host: undefined, Failure: SourceError, replicates: user !== undefined }),
      catch: (cause) =>
        readFailure({ name: request.name, server: undefined }, user === undefined ? cause : connectionFailure(cause, user, request.name)),
    }),
    (session) =>
      Effect.promise(async () => {
        const problem = await session.close()
        if (problem !== undefined) request.log.warn(readFailure(session.place(request.name), problem).message)
      }),
  )

/** Looks at everything that can be wrong, and changes nothing. */
export const openChanges = (request: Request): Effect.Effect<SourceReader, SourceError, Scope.Scope> =>
  Effect.gen(function* () {
    const session = yield* openSession(request)
    const attempt = <A>(run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (cause) => readFailure(placeOf(session, request), cause) })
    const found = yield* attempt(() => inspect(session, request))
    const replication = request.looksOnly === true ? undefined : yield* openSession(request, found.user)
    // Here, before a destination of the same server opens its transaction: a slot waits until all that are open have ended.
    const first =
      replication === undefined || found.cursor !== undefined
        ? undefined
        : yield* attempt(() => beginFirst(session, replication, request, found))
    const reading = new Reading(request, session, replication, found, first)
    yield* Effect.addFinalizer(() => Effect.promise(() => reading.close()))
    const { publication, names, schema } = found
    const tables = publication.tables.map(textOf).join(", ")
    return {
      schema,
      isPartial: true,
      notes: [
        `follows ${tables} by the publication ${publication.name}${publication.isThere ? "" : ", which the first run makes,"} and the slot ${names.slot}`,
      ],
      acknowledge: (cursor) => attempt(async () => reading.acknowledge(changesCursor(cursor, request.name))),
      lag: () => reading.lag(),
      read: () => ({
        notes: [
          request.cursor === undefined
            ? "reads the tables as they are, then what changes"
            : `reads what changes from ${found.cursor!.lsn} on`,
        ],
        rows: {
          kind: "batches",
          stream: Stream.fromAsyncIterable(reading.rows(), (cause) => readFailure(placeOf(session, request), reading.explain(cause))),
        },
      }),
    } satisfies SourceReader
  })

const placeOf = (session: Session, { name }: { readonly name: string }): Place => session.place(name)

/** Drops the slot. The publication is the database's, and costs nothing. */
export const forgetChanges = (context: Omit<Request, "batchSize" | "cursor" | "incremental">): Effect.Effect<void, SourceError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const session = yield* openSession({ ...context, batchSize: 1, cursor: undefined, incremental: undefined })
      const { slot } = namesOf(context.config, context)
      yield* Effect.tryPromise({
        try: () => dropSlot(session, slot, context.name),
        catch: (cause) => readFailure(session.place(context.name), cause),
      })
    }),
  )

interface Found {
  readonly user: string
  readonly names: Names
  readonly publication: Publication
  readonly schema: BatchSchema
  readonly cursor: ChangesCursor | undefined
  readonly slot: Slot | undefined
}

const inspect = async (session: Session, request: Request): Promise<Found> => {
  const { name, config, incremental } = request
  if (incremental?.column !== undefined)
    throw new SourceError({
      code: "INVALID_VALUE",
      message: `${name}: with mode: cdc the log says what is new, not a column. Leave out the column of incremental.`,
      path: [name, "incremental", "column"],
    })
  const user = await checkServer(session, name)
  const names = namesOf(config, request)
  const publication = await findPublication(session, names.wanted)
  const cursor = request.cursor === undefined ? undefined : changesCursor(request.cursor, name)
  if (cursor !== undefined && !publication.isThere)
    throw new SourceError({
      code: "CURSOR_INVALID",
      message: `${name}: the publication ${publication.name} is gone, so what changed since the last run cannot be read. Run once with --full-refresh: it makes it again.`,
      path: [name],
    })
  const slot = await findSlot(session, names.slot, name)
  if (cursor !== undefined) checkPlace(slot, names.slot, parseLsn(cursor.lsn), name)
  return { user, names, publication, schema: schemaOf(publication.tables, request), cursor, slot }
}

/** The columns of all tables, and those that describe the change. */
const schemaOf = (tables: ReadonlyArray<FollowedTable>, request: Request): BatchSchema => {
  const columns = new Map<string, ColumnSchema>()
  for (const table of tables) {
    for (const column of table.columns.map((one) => typed(one, request))) {
      if (isTaken(column.name)) throw takenName(request.name, table, column.name)
      const known = columns.get(column.name)
      const type = known === undefined ? column.type : widen(known.type, column.type)
      if (type === undefined)
        throw new SourceError({
          code: "SCHEMA_CHANGED",
          message: `${request.name}: the column ${column.name} is ${column.type} in ${textOf(table)} and ${known!.type} in a table before it. Follow them in pipelines of their own, or give it one type under \`columns\`.`,
          path: [request.name],
          column: column.name,
        })
      columns.set(column.name, { name: column.name, type, nullable: true })
    }
  }
  return { columns: [...columns.values(), ...metadata(tables.length > 1)] }
}

const typed = (column: SourceColumn, { columns = {} }: Request): SourceColumn =>
  Object.hasOwn(columns, column.name) ? { ...column, type: columns[column.name]! } : column

/** How long the slot may wait for others before somebody hears of it. */
const SLOW_MS = 5000

/** Makes what is missing at the server, and opens the snapshot from which the first run reads. Gives where the changes behind it begin. */
const beginFirst = async (
  session: Session,
  replication: Session,
  request: Request,
  { names, publication, slot }: Found,
): Promise<ChangesCursor> => {
  if (!publication.isThere) await createPublication(session, names.wanted)
  const system = await systemOf(replication)
  const slow = setTimeout(
    () => request.log.warn(`${request.name}: the replication slot waits for transactions that are open at the server to end`),
    SLOW_MS,
  )
  try {
    if (slot === undefined) await createSlot(replication, names.slot, request.name)
    else await untilFree(session, names.slot, request.name)
    // The lasting slot is older than the snapshot, so that no change falls between.
    const { snapshot, from } = await snapshotSlot(replication, snapshotSlotName(names.slot), request.name)
    await session.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
    await session.query(`SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`)
    return { lsn: formatLsn(from), system }
  } finally {
    clearTimeout(slow)
  }
}

class Reading {
  private readonly request: Request
  private readonly session: Session
  private readonly replication: Session | undefined
  private readonly found: Found
  /** Where the changes behind the snapshot begin; undefined where a cursor says it. */
  private readonly first: ChangesCursor | undefined
  private follower: Follower | undefined
  private isClosed = false

  constructor(request: Request, session: Session, replication: Session | undefined, found: Found, first: ChangesCursor | undefined) {
    this.request = request
    this.session = session
    this.replication = replication
    this.found = found
    this.first = first
  }

  async *rows(): AsyncGenerator<SourceBatch> {
    if (this.replication === undefined) {
      await this.session.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
      yield* this.snapshot(0n)
      return
    }
    if (this.first !== undefined) {
      yield* this.snapshot(parseLsn(this.first.lsn), this.first)
      await this.session.rollback()
    }
    const from = this.found.cursor ?? this.first!
    // A generator that waits cannot be ended from outside; the follower can.
    yield* await this.follow(this.replication, from)
  }

  acknowledge(cursor: ChangesCursor): void {
    this.follower?.acknowledge(cursor)
  }

  lag() {
    return this.follower?.lag() ?? {}
  }

  explain(cause: unknown): unknown {
    return this.replication?.explain(cause) ?? cause
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.follower?.close()
  }

  private async *snapshot(from: Lsn, cursor?: ChangesCursor): AsyncGenerator<SourceBatch> {
    const { session, request, found } = this
    const { tables } = found.publication
    for (const table of tables) {
      const read = table.columns.map((column) => typed(column, request))
      const only = table.isPartitioned ? "" : "ONLY "
      const where = table.filter === undefined ? "" : ` WHERE ${table.filter}`
      const sql = `SELECT ${selectList(read)} FROM ${only}${quoteTable(table.schema, table.name)}${where}`
      for await (const copied of copiedRows(session, sql, read, request))
        yield { ...copied, batch: snapshotBatch(copied.batch, table, found.schema, from) }
    }
    // No row has a cursor before: half a snapshot is none.
    if (cursor !== undefined) yield { batch: Batch.empty(found.schema), cursor }
  }

  private async follow(replication: Session, from: ChangesCursor): Promise<Follower> {
    const { session, request, found } = this
    const { name } = request
    await this.checkSystem(replication, from)
    await untilFree(session, found.names.slot, name)
    const [row] = await session.query("SELECT pg_current_wal_insert_lsn() AS lsn")
    // What the log holds by now, also what is not written to the disk yet.
    const serverEnd = parseLsn(row!["lsn"]!)
    const until =
      request.until === undefined ? (request.follow === true ? undefined : serverEnd) : parseLsn(changesCursor(request.until, name).lsn)
    await replication.set()
    if (this.first !== undefined) await replication.query(`DROP_REPLICATION_SLOT ${quoteName(snapshotSlotName(found.names.slot))}`)
    const publication = quoteText(quoteName(found.publication.name))
    const stream = new ReplicationStream(
      `START_REPLICATION SLOT ${quoteName(found.names.slot)} LOGICAL ${from.lsn} (proto_version '1', publication_names ${publication})`,
    )
    replication.replicate(stream)
    this.follower = new Follower(stream, {
      source: name,
      batchSize: request.batchSize,
      tables: found.publication.tables,
      schema: found.schema,
      typed: (column) => typed(column, request),
      from,
      until,
      serverEnd,
      session,
      now: Date.now,
    })
    if (this.isClosed) await this.follower.close()
    return this.follower
  }

  private async checkSystem(replication: Session, { system }: ChangesCursor): Promise<void> {
    if ((await systemOf(replication)) === system) return
    const { name } = this.request
    throw new SourceError({
      code: "CURSOR_INVALID",
      message: `${name}: the cursor is of another server than this one, whose log has other places. Run once with --full-refresh.`,
      path: [name],
    })
  }
}

const snapshotSlotName = (slot: string): string => `${slot.slice(0, 50)}_s${process.pid}`

const systemOf = async (replication: Session): Promise<string> => (await replication.query("IDENTIFY_SYSTEM"))[0]!["systemid"]!

/** In the columns that changes have too. */
const snapshotBatch = (batch: Batch, table: FollowedTable, { columns }: BatchSchema, from: Lsn): Batch => {
  const values: Readonly<Record<string, string | boolean | null>> = {
    _op: "snapshot",
    _deleted: false,
    _lsn: formatLsn(from),
    _table: textOf(table),
  }
  const places = columns.map(({ name }) => batch.schema.columns.findIndex((column) => column.name === name))
  const schema = { columns: columns.map((column, i) => batch.schema.columns[places[i]!] ?? column) }
  return batch.withColumns(
    schema,
    columns.map(
      ({ name, type }, i) => batch.columns[places[i]!] ?? new ConstantColumn(type, isTaken(name) ? (values[name] ?? null) : null),
    ),
  )
}
