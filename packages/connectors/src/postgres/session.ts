/**
 * One connection to PostgreSQL for the time of a load or of a reading: ours, or one that the host brought.
 *
 * What a statement needs of the session (time zone, forms of dates, timeouts) is set within the transaction, so that a connection of the
 * host's, or one behind a pooler, is left as it was.
 */
import { connect, type Socket } from "node:net"
import type { DeltaflowError, ErrorFields, PluginContext } from "@deltaflow/core"
import type { ReplicationStream } from "./cdc/ReplicationStream.ts"
import { type CopiedBlock, CopyIn, CopyOut } from "./copy.ts"
import {
  ALL_TEXT,
  isPool,
  loadClient,
  type PgClient,
  type PgClientClass,
  type PgField,
  type PgHost,
  type PgResult,
  type PgRow,
} from "./driver.ts"
import { ConnectionLost, isServerError, type Place } from "./failures.ts"
import type { ConnectionConfig } from "./options.ts"
import { GuardedSocket } from "./guardedSocket.ts"
import { Savepoint } from "./savepoint.ts"
import type { CopyFormat } from "./sentRows.ts"
import { quoteText } from "./quote.ts"
import { type Settings, settingsOf } from "./settings.ts"

export interface SessionOptions {
  readonly config: ConnectionConfig
  readonly context: PluginContext
  /** The host's pool or client, in place of `config.connection`. */
  readonly host: PgHost | undefined
  /** The kind of error where `pg` is missing. */
  readonly Failure: new (fields: ErrorFields) => DeltaflowError
  /** Whether the connection takes commands of replication, and none with values. Default false. */
  readonly replicates?: boolean
}

/** What most of us ask of a session. */
export type Statements = Pick<Session, "query" | "execute">

/** What a load asks of a session. */
export type LoadSession = Pick<
  Session,
  "query" | "execute" | "script" | "copyIn" | "startCopy" | "keepsCopies" | "takesText" | "begin" | "commit" | "close" | "place"
>

/** Where rows go, and in which form they come. */
export interface CopyTarget {
  /** Quoted. */
  readonly table: string
  /** Quoted. */
  readonly columns: ReadonlyArray<string>
  /** As `format_type` writes them. */
  readonly types: ReadonlyArray<string>
  readonly format: CopyFormat
}

/** How long a statement that was cancelled may take to end. */
const CANCEL_MS = 5000

/** After how long it is asked again. A request that reaches the server before the statement does has no effect. */
const CANCEL_AGAIN_MS = 1000

const LOCK_MS = 60_000

const FORMS = {
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "1",
  client_encoding: "UTF8",
  // Text that is sent to the standard output of nobody.
  client_min_messages: "warning",
}

/** What a transaction sets for itself, and a part of a host's transaction too. */
export const settingsFor = ({ statement_timeout, lock_timeout = LOCK_MS }: ConnectionConfig): Readonly<Record<string, string>> => ({
  ...FORMS,
  lock_timeout: String(lock_timeout),
  ...(statement_timeout === undefined ? {} : { statement_timeout: String(statement_timeout) }),
})

export class Session {
  readonly server: string | undefined
  /**
   * Whether a COPY may stay open between two batches. Within a transaction of the host's it would keep the host's own statements waiting.
   */
  readonly keepsCopies: boolean
  /** Whether rows may come in the text format of COPY too, and not as CSV alone. */
  readonly takesText: boolean = true
  private readonly client: PgClient
  private readonly config: ConnectionConfig
  /** Ends the connection, or gives it back. */
  private readonly giveBack: (isSound: boolean) => Promise<void>
  private lost: Error | undefined
  private inTransaction = false
  /** Within a transaction of the host's, where we never begin or end one. */
  private savepoint: Savepoint | undefined
  private pending: Promise<unknown> | undefined
  private reading: CopyOut | undefined
  private readonly messages: Array<Buffer> = []

  private constructor(
    client: PgClient,
    config: ConnectionConfig,
    server: string | undefined,
    giveBack: Session["giveBack"],
    isWithin = false,
  ) {
    this.client = client
    this.keepsCopies = !isWithin
    this.config = config
    this.server = server
    this.giveBack = giveBack
    client.on("error", this.onError)
  }

  private readonly onError = (error: Error): void => {
    this.lost ??= error
  }

  static async open(options: SessionOptions): Promise<Session> {
    const { host, config } = options
    if (host === undefined) return await Session.openOwn(options)
    if (!isPool(host)) return new Session(host, config, undefined, async () => undefined)
    const client = await host.connect()
    return new Session(client, config, undefined, async (isSound) => client.release?.(!isSound))
  }

  /** On a client whose transaction the host has begun, and will end. */
  static within(client: PgClient, config: ConnectionConfig): Session {
    return new Session(client, config, undefined, async () => undefined, true)
  }

  private static async openOwn({ config, context, Failure, replicates = false }: SessionOptions): Promise<Session> {
    const Client = await loadClient(context.name, Failure)
    const settings = await settingsOf(config, context)
    const { allowsAddress } = context
    const more = {
      ...(replicates ? { replication: "database" } : {}),
      ...(allowsAddress === undefined ? {} : { stream: () => new GuardedSocket(allowsAddress) }),
    }
    const client = await connected(Client, { ...settings, client: { ...settings.client, ...more } })
    return new Session(client, config, serverOf(settings.client), async (isSound) => {
      if (isSound) await client.end()
      else client.connection.stream.destroy()
    })
  }

  /** Forms of values, for a connection of our own that goes on without a transaction. */
  async set(): Promise<void> {
    await this.query(
      Object.entries(FORMS)
        .map(([key, value]) => `SET ${key} = ${quoteText(value)}`)
        .join("; "),
    )
  }

  /** Rows of one statement. Values are bound to `$1`, `$2`, …; without any, `text` may be several statements, whose last result comes. */
  async query(text: string, values?: ReadonlyArray<unknown>): Promise<ReadonlyArray<PgRow>> {
    return (await this.run(text, values)).rows
  }

  /** The columns of what a statement gives. */
  async describe(text: string): Promise<ReadonlyArray<PgField>> {
    return (await this.run(text, undefined)).fields
  }

  /** As `query`, giving how many rows it changed. */
  async execute(text: string, values?: ReadonlyArray<unknown>): Promise<number> {
    return (await this.run(text, values)).rowCount ?? 0
  }

  /** Statements one after the other. */
  async script(statements: ReadonlyArray<string>): Promise<void> {
    await this.query(statements.join("; "))
  }

  /** `COPY … FROM STDIN`. The bytes may be used again when it has returned. */
  async copyIn(target: CopyTarget, bytes: Uint8Array): Promise<void> {
    const copy = await this.startCopy(target)
    await copy.write(bytes)
    await copy.end()
  }

  /** The same for bytes that come one after the other. Nothing else may be asked before it has ended. */
  async startCopy({ table, columns, format }: CopyTarget): Promise<Pick<CopyIn, "write" | "end">> {
    const copy = new CopyIn(`COPY ${table} (${columns.join(", ")}) FROM STDIN (FORMAT ${format})`, this.messages)
    this.client.query(copy)
    const done = this.watch(copy.done)
    done.catch(() => {
      // Told by `end`.
    })
    return {
      write: (bytes) => copy.write(bytes),
      end: async () => {
        // What is wrong is told by the second, which knows what it means.
        await Promise.allSettled([copy.end()])
        await done
      },
    }
  }

  /** `COPY … TO STDOUT`, in blocks of whole rows. */
  async *copyOut(text: string, blockBytes: number): AsyncGenerator<CopiedBlock> {
    const copy = new CopyOut(text, blockBytes)
    this.reading = copy
    this.client.query(copy)
    const done = this.watch(copy.done)
    done.catch(() => {
      // Told by the loop.
    })
    try {
      yield* copy
    } catch (cause) {
      throw this.known(cause, false)
    }
    await done
  }

  /** Starts what goes on until it is ended. */
  replicate(stream: ReplicationStream): void {
    this.client.query(stream)
    this.watch(stream.done).catch(() => {
      // Told by the stream.
    })
  }

  /** What is wrong with the connection, where that is the cause. */
  explain(cause: unknown): unknown {
    return this.known(cause, false)
  }

  /** `how` is what follows BEGIN, such as `ISOLATION LEVEL REPEATABLE READ`. */
  async begin(how = ""): Promise<void> {
    const settings = settingsFor(this.config)
    if (!this.keepsCopies) {
      this.savepoint = await Savepoint.set(this, settings)
      return
    }
    const set = Object.entries(settings).map(([key, value]) => `SET LOCAL ${key} = ${quoteText(value)}`)
    this.inTransaction = true
    await this.query([`BEGIN ${how}`, ...set].join("; "))
  }

  /** Where the connection is lost meanwhile, the error says that nobody knows whether it was done. */
  async commit(): Promise<void> {
    if (this.savepoint !== undefined) {
      await this.savepoint.keep()
      this.savepoint = undefined
      return
    }
    await this.run("COMMIT", undefined, true)
    this.inTransaction = false
  }

  async rollback(): Promise<void> {
    await this.savepoint?.undo()
    this.savepoint = undefined
    if (!this.inTransaction) return
    await this.query("ROLLBACK")
    this.inTransaction = false
  }

  /** Cancels what runs, rolls back what is not committed, and gives the connection back. Gives what could not be cleaned up. */
  async close(): Promise<unknown> {
    let problem: unknown
    let isSound = this.lost === undefined
    try {
      if (isSound && this.pending !== undefined) isSound = await this.cancelled(this.pending)
      if (isSound) await this.rollback()
    } catch (cause) {
      isSound = false
      problem = cause
    }
    try {
      await this.giveBack(isSound)
    } catch (cause) {
      problem ??= cause
    }
    this.client.removeListener("error", this.onError)
    // What a closing socket still says is nobody's business any more.
    if (this.server !== undefined) this.client.on("error", () => undefined)
    return problem
  }

  /** Where failures of this session are. */
  place(name: string, table?: string): Place {
    return { name, server: this.server, ...(table === undefined ? {} : { table }) }
  }

  private async run(text: string, values: ReadonlyArray<unknown> | undefined, committing = false): Promise<PgResult> {
    const result = await this.watch(this.client.query({ text, types: ALL_TEXT, ...(values === undefined ? {} : { values }) }), committing)
    return Array.isArray(result) ? (result.at(-1) as PgResult) : (result as PgResult)
  }

  private async watch<A>(promise: Promise<A>, committing = false): Promise<A> {
    this.pending = promise
    try {
      return await promise
    } catch (cause) {
      throw this.known(cause, committing)
    } finally {
      if (this.pending === promise) this.pending = undefined
    }
  }

  private known(cause: unknown, committing: boolean): unknown {
    const ends = isServerError(cause) && /^57P0[123]$/.test(cause.code)
    if (ends) this.lost ??= cause
    if (isServerError(cause)) return cause
    return this.lost === undefined && !this.client.connection.stream.destroyed ? cause : new ConnectionLost(committing, cause)
  }

  /** Asks the server to stop what runs. False where it did not end. */
  private async cancelled(pending: Promise<unknown>): Promise<boolean> {
    this.reading?.abandon()
    const ended = pending.then(
      () => true,
      () => this.lost === undefined,
    )
    sendCancel(this.client)
    const again = setInterval(() => sendCancel(this.client), CANCEL_AGAIN_MS)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), CANCEL_MS)
    })
    const isSound = await Promise.race([ended, late])
    clearTimeout(timer)
    clearInterval(again)
    return isSound
  }
}

/** With `prefer`, a server that has no SSL is reached without. */
const connected = async (Client: PgClientClass, { client: options, mode, tls }: Settings): Promise<PgClient> => {
  const attempt = async (ssl: unknown) => {
    const client = new Client({ ...options, ssl })
    client.on("error", ignore)
    await client.connect()
    client.removeListener("error", ignore)
    return client
  }
  try {
    return await attempt(mode === "disable" ? false : tls)
  } catch (cause) {
    const hasNone = cause instanceof Error && /does not support SSL/.test(cause.message)
    if (mode !== "prefer" || !hasNone) throw cause
    return await attempt(false)
  }
}

// Errors while connecting reject the promise; pg tells some of them twice.
const ignore = (): void => undefined

/** `db.example.com:5432/shop as ada`. */
export const serverOf = (client: Settings["client"]): string => {
  const { host, port, database, user } = client as Readonly<Record<string, string | number | undefined>>
  const target = `${host ?? "localhost"}${port === undefined ? "" : `:${port}`}${database === undefined ? "" : `/${database}`}`
  return user === undefined ? target : `${target} as ${user}`
}

/** The request to cancel, on a connection of its own: it is the only thing on it, and gets no answer. */
const sendCancel = ({ host, port, processID, secretKey }: PgClient): void => {
  if (processID === null || secretKey === null) return
  const socket: Socket = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(80_877_102, 4)
  request.writeInt32BE(processID, 8)
  request.writeInt32BE(secretKey, 12)
  // Where it does not get through, the connection is closed under the statement.
  socket.on("error", () => socket.destroy())
  socket.on("connect", () => socket.end(request))
  socket.setTimeout(CANCEL_MS, () => socket.destroy())
}
