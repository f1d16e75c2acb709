/** `pg` as it is used here: loaded on first use, or brought by the host. */
import { type DeltaflowError, type ErrorFields } from "@deltaflow/core"
import { systemCode } from "../files/failures.ts"

/** Texts of one row; null is null. */
export type PgRow = Readonly<Record<string, string | null>>

export interface PgResult {
  readonly rows: ReadonlyArray<PgRow>
  readonly rowCount: number | null
  readonly fields: ReadonlyArray<PgField>
}

export interface PgField {
  readonly name: string
  /** The OID of its type, and the type's modifier or -1. */
  readonly dataTypeID: number
  readonly dataTypeModifier: number
}

/** The connection under a client, for what COPY sends and gets. */
export interface PgConnection {
  readonly stream: {
    /** `done` is called when the socket needs the bytes no more. */
    readonly write: (bytes: Uint8Array, done?: () => void) => boolean
    readonly cork: () => void
    readonly uncork: () => void
    readonly once: (event: "drain" | "close", listener: () => void) => unknown
    readonly removeListener: (event: "drain" | "close" | "data", listener: (data: Uint8Array) => void) => unknown
    readonly listeners: (event: "data") => ReadonlyArray<(data: Uint8Array) => void>
    readonly on: (event: "data", listener: (data: Uint8Array) => void) => unknown
    readonly pause: () => unknown
    readonly resume: () => unknown
    readonly destroy: () => unknown
    readonly destroyed: boolean
    /** Bytes that wait. */
    readonly writableLength: number
  }
  readonly query: (text: string) => void
  readonly sendCopyFromChunk: (bytes: Uint8Array) => void
  readonly endCopyFrom: () => void
  readonly sendCopyFail: (message: string) => void
}

/** What `pg` calls while a statement of ours runs. */
export interface Submittable {
  readonly submit: (connection: PgConnection) => void
  readonly handleError: (error: Error, connection: PgConnection) => void
  readonly handleReadyForQuery: (connection: PgConnection) => void
  readonly handleCommandComplete: () => void
  readonly handleCopyInResponse: (connection: PgConnection) => void
  readonly handleCopyData: (message: { readonly chunk: Uint8Array }, connection: PgConnection) => void
  readonly handleRowDescription: () => void
  readonly handleDataRow: () => void
  readonly handleEmptyQuery: () => void
}

/** Values come and go as texts that depend on nothing: every type as its own, whatever parsers of types a host has set. */
export const ALL_TEXT = { getTypeParser: () => (text: string) => text }

interface QueryConfig {
  readonly text: string
  readonly values?: ReadonlyArray<unknown>
  readonly types: { readonly getTypeParser: () => (text: string) => string }
}

/** A `Client` of `pg`, or one that its pool has lent. */
export interface PgClient {
  readonly connect: () => Promise<unknown>
  readonly query: ((config: QueryConfig) => Promise<PgResult | ReadonlyArray<PgResult>>) & ((statement: Submittable) => unknown)
  readonly end: () => Promise<void>
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
  readonly removeListener: (event: "error", listener: (error: Error) => void) => unknown
  readonly connection: PgConnection
  readonly host: string
  readonly port: number
  readonly processID: number | null
  readonly secretKey: number | null
  /** Of a client that a pool has lent. */
  readonly release?: (destroy?: boolean) => void
}

export type PgClientClass = new (config: Readonly<Record<string, unknown>>) => PgClient

/** A `Pool` of `pg`. */
export interface PgPool {
  readonly connect: () => Promise<PgClient>
  readonly totalCount: number
  /** Whether it was closed. */
  readonly ending?: boolean
}

/** What the host has brought: it stays the host's, and is never closed here. */
export type PgHost = PgPool | PgClient

/**
 * What the host may bring: a `Pool` of `pg`, or a `Client`. Types of `pg` do not tell all that there is and is used, so little is asked of
 * them.
 */
export type GivenHost = GivenPool | GivenClient

/** A `Pool` of `pg`. */
export interface GivenPool {
  readonly connect: () => Promise<object>
  readonly totalCount: number
}

/** A `Client` of `pg`, or one that a pool has lent. */
export interface GivenClient {
  readonly query: (...given: Array<never>) => unknown
  readonly removeListener: (...given: Array<never>) => unknown
}

export const hostOf = (given: GivenHost): PgHost => given as PgHost

/** As `pg` makes it. */
export type OwnPool = PgPool & {
  readonly end: () => Promise<void>
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
}

type PgPoolClass = new (config: Readonly<Record<string, unknown>>) => OwnPool

export const isPool = (host: PgHost): host is PgPool => "totalCount" in host

type FailureClass = new (fields: ErrorFields) => DeltaflowError

interface Pg {
  readonly Client: PgClientClass
  readonly Pool: PgPoolClass
}

/** The client of `pg`. `Failure` is the error where the package is missing. */
export const loadClient = async (name: string, Failure: FailureClass): Promise<PgClientClass> => (await loadPg(name, Failure)).Client

/** The pool of `pg`. */
export const loadPool = async (name: string, Failure: FailureClass): Promise<PgPoolClass> => (await loadPg(name, Failure)).Pool

const loadPg = async (name: string, Failure: FailureClass): Promise<Pg> => {
  try {
    // The package brings no types. A name of the type string is not looked up for them.
    const packageName: string = "pg"
    return ((await import(packageName)) as { readonly default: Pg }).default
  } catch (cause) {
    if (systemCode(cause) !== "ERR_MODULE_NOT_FOUND") throw cause
    const message = `${name}: PostgreSQL is reached with the package pg, which is not installed. Install it: npm install pg`
    throw new Failure({ code: "MODULE_FAILED", message, path: [name], cause })
  }
}
