/** Failures of PostgreSQL and of the way to it as ours: where, what happened, what to do, and no secret. */
import { DeltaflowError, DestinationError, type ErrorCode, SourceError, StoreError } from "@deltaflow/core"
import { systemCode } from "../files/failures.ts"
import { ConnectionProblem } from "./settings.ts"

/** What the server says of an error. */
export interface ServerError extends Error {
  /** SQLSTATE. */
  readonly code: string
  readonly detail?: string
  readonly hint?: string
  /** Where it happened: `COPY users, line 3, column age: "x"`. */
  readonly where?: string
  readonly column?: string
  readonly constraint?: string
}

/** The connection ended while it was needed. `committing`: after COMMIT was sent, so that nobody knows whether it was done. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost"
  readonly committing: boolean
  constructor(committing: boolean, cause: unknown) {
    super("the connection was lost", { cause })
    this.committing = committing
  }
}

/** Whose failure it is, for the message. */
export interface Place {
  /** Of the plugin in the pipeline. */
  readonly name: string
  /** `db.example.com:5432/shop as ada`, without a password; undefined where the host brings the client. */
  readonly server: string | undefined
  /** `public.users`, where it is about a table. */
  readonly table?: string
}

interface Meaning {
  readonly code?: ErrorCode
  readonly retryable?: boolean
  readonly advice: string
}

/** SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html) that a user can do something about. */
const STATES: Readonly<Record<string, Meaning>> = {
  "28P01": { advice: "Check user and password." },
  "28000": { advice: "Check the user, and what pg_hba.conf of the server allows." },
  "3D000": { advice: "Check the name of the database, or create it." },
  "3F000": { advice: "Check the name of the schema, or create it: CREATE SCHEMA." },
  "42P01": { advice: "Check the names of schema and table." },
  "42703": { advice: "Check the names of the columns." },
  "42501": { advice: "Grant the user what is missing, or use another one." },
  "42601": { advice: "Correct the SQL." },
  "25P01": { advice: "Begin a transaction first, and await what is done within it." },
  "25P02": { advice: "A statement before this one failed. Roll the transaction back, and begin another." },
  "25006": { advice: "The server is a copy that can only be read, or the database is set so. Name the one that can be written." },
  "40001": { retryable: true, advice: "Another transaction came in between. Run it again." },
  "40P01": { retryable: true, advice: "Two transactions waited for each other. Run it again." },
  "55P03": { retryable: true, advice: "Others hold a lock on it. Run it again when they are done, or raise lock_timeout." },
  "57014": { code: "STEP_TIMEOUT", advice: "Raise statement_timeout, or give the server less to do at once." },
  "57P01": { retryable: true, advice: "The server is shut down, or an administrator ended the connection. Run it again." },
  "57P02": { retryable: true, advice: "The server restarts after a crash. Run it again." },
  "57P03": { retryable: true, advice: "The server starts or stops. Run it again." },
  "53300": { retryable: true, advice: "The server has no connection left. Close others, or run it again later." },
  "53100": { code: "DISK_FULL", advice: "Make room on the server's disk, and run again." },
  "53200": { retryable: true, advice: "The server has no memory left. Run it again later." },
}

/** Errors of the network, by their codes. */
const SYSTEM: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: { retryable: true, advice: "Nobody listens there: check host and port, and whether the server runs." },
  ENOENT: { retryable: true, advice: "There is no socket there: check host and port, and whether the server runs." },
  ENOTFOUND: { advice: "There is no such host: check its name." },
  EAI_AGAIN: { retryable: true, advice: "The host's name could not be looked up: check the network." },
  ETIMEDOUT: { retryable: true, advice: "The host does not answer: check host, port and firewall." },
  EHOSTUNREACH: { retryable: true, advice: "There is no way to the host: check the network." },
  ENETUNREACH: { retryable: true, advice: "There is no way to the host: check the network." },
  ECONNRESET: { retryable: true, advice: "The server, or something on the way to it, cut the connection. Run it again." },
  EPIPE: { retryable: true, advice: "The server, or something on the way to it, cut the connection. Run it again." },
}

export const isServerError = (cause: unknown): cause is ServerError =>
  cause instanceof Error && "severity" in cause && /^[0-9A-Z]{5}$/.test(systemCode(cause) ?? "")

/** Class 08, and states that end the connection or ask for another try. */
const meaningOfState = (state: string): Meaning =>
  STATES[state] ?? (state.startsWith("08") ? { retryable: true, advice: "The connection failed. Run it again." } : { advice: "" })

interface Described extends Meaning {
  readonly what: string
  /** Whether it is about the way to the server rather than about what was asked of it. */
  readonly isConnection: boolean
}

const describe = (cause: unknown): Described => {
  if (cause instanceof ConnectionLost) return describeLost(cause)
  if (isServerError(cause)) {
    const details = [cause.detail, cause.hint].filter((text) => text !== undefined).map((text) => ` ${withStop(text)}`)
    return {
      ...meaningOfState(cause.code),
      what: withStop(cause.message) + details.join(""),
      isConnection: /^(08|28|3D|57P|53300)/.test(cause.code),
    }
  }
  const code = systemCode(cause) ?? ""
  const message =
    cause instanceof Error ? (cause instanceof AggregateError ? cause.errors.map(String).join("; ") : cause.message) : String(cause)
  if (message === "timeout expired")
    return { ...SYSTEM["ETIMEDOUT"]!, what: "the connection was not made within connect_timeout.", isConnection: true }
  if (/does not support SSL/.test(message))
    return {
      advice: "Set ssl: disable where the way to it is safe, or turn SSL on at the server.",
      what: withStop(message),
      isConnection: true,
    }
  if (/^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code))
    return {
      advice: "Name the certificates to trust in ssl: { mode, ca }, or the host as it stands in the certificate.",
      what: `its certificate is not trusted: ${withStop(message)}`,
      isConnection: true,
    }
  if (CLOSED.test(message))
    return {
      advice: "The pool that was lent is closed. Close the store before it, or give another one.",
      what: withStop(message),
      isConnection: false,
    }
  if (/terminated/.test(message)) return describeLost(new ConnectionLost(false, cause))
  return { ...(SYSTEM[code] ?? { advice: "" }), what: withStop(message), isConnection: SYSTEM[code] !== undefined }
}

/** What pools say that their host has closed: of pg, postgres.js, Kysely and Knex. */
const CLOSED = /after calling end on the pool|CONNECTION_ENDED|driver has already been destroyed|Unable to acquire a connection|^aborted$/

const describeLost = ({ committing }: ConnectionLost): Described => ({
  retryable: true,
  what: committing
    ? "the connection was lost after the commit was sent, so it is not known whether the server did it."
    : "the connection was lost.",
  advice: committing ? "Run it again: the next run reads what the server holds, and goes on from there." : "Run it again.",
  isConnection: true,
})

const withStop = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)

type Failure = new (fields: ConstructorParameters<typeof DestinationError>[0]) => DeltaflowError

const failure = (Kind: Failure, otherwise: ErrorCode, place: Place, cause: unknown): DeltaflowError => {
  const path = [place.name]
  if (cause instanceof ConnectionProblem)
    return new Kind({ code: "INVALID_VALUE", message: `${place.name}: ${cause.key}: ${cause.message}.`, path: [...path, cause.key], cause })
  if (cause instanceof DeltaflowError) return new Kind({ code: cause.code, message: `${place.name}: ${cause.message}`, path, cause })
  const { code, retryable = false, advice, what, isConnection } = describe(cause)
  const at = isConnection ? place.server : place.table
  const message = `${place.name}${at === undefined ? "" : ` (${at})`}: ${what}${advice === "" ? "" : ` ${advice}`}`
  return new Kind({ code: code ?? otherwise, message, path, retryable, cause })
}

/** What went wrong while a source was opened or read. */
export const readFailure = (place: Place, cause: unknown): SourceError =>
  cause instanceof SourceError ? cause : (failure(SourceError, "SOURCE_FAILED", place, cause) as SourceError)

/** What went wrong while a destination was opened, written or committed, and is no fault of a row. */
export const writeFailure = (place: Place, cause: unknown): DestinationError =>
  cause instanceof DestinationError ? cause : (failure(DestinationError, "OUTPUT_NOT_WRITABLE", place, cause) as DestinationError)

/** What went wrong in a store. */
export const storeFailure = (place: Place, cause: unknown): StoreError =>
  cause instanceof StoreError ? cause : (failure(StoreError, "STORE_FAILED", place, cause) as StoreError)
