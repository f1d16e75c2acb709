/**
 * Files, stores, sources and destinations that fail on purpose: the n-th operation, before or after it took effect, once or for ever.
 *
 * Run once without a plan to learn how many operations there are; then run once for each of them. All is deterministic. Give several of
 * them the same `Faults` and their operations are counted together, in the order in which a run asks for them.
 */
import type {
  ChunkStream,
  Destination,
  Files,
  Load,
  ReadHandle,
  RowStream,
  Source,
  SourceRead,
  SourceReader,
  Store,
  WriteHandle,
} from "@deltaflow/core"
import { DestinationError, SourceError, StoreError } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fileError } from "./memoryFiles.ts"

export interface FaultPlan {
  /** Number of the operation, from 1. Without it nothing fails and operations are only counted. */
  readonly at?: number
  /**
   * - `before`: the operation fails and has done nothing.
   * - `after`: the operation is done, and fails nevertheless: the outcome that a caller cannot know.
   * - `hangs`: the operation never ends.
   * - `short`: a write puts half of its bytes and fails; other operations fail before.
   * - `crash`: the process is gone: neither this operation nor any later one takes effect, or ends.
   */
  readonly how?: "before" | "after" | "hangs" | "short" | "crash"
  /** Whether all operations from then on fail too, as with a disk that is full. Default false. */
  readonly forever?: boolean
  /** Default `EIO` for files, else `STORE_FAILED`, `SOURCE_FAILED` and, before it took effect, `DESTINATION_FAILED`. */
  readonly code?: string
  /** Which operations count, by name. Default: all but `close`. */
  readonly only?: ReadonlyArray<string>
  /** Called when the fault strikes, before anything else: for crashes. */
  readonly onFault?: (operation: string) => void
}

/** One operation that was asked for: `write /out/a.csv.tmp`. */
export interface Operation {
  readonly name: string
  readonly target: string
}

export interface FaultLog {
  /** Those that count, in order. */
  readonly operations: ReadonlyArray<Operation>
  /** Handles that were opened and not closed, by path. Empty at the end, or there is a leak. */
  readonly openHandles: () => ReadonlyArray<string>
  /** Whether the fault has struck. */
  readonly struck: () => boolean
}

export interface FaultyFiles extends Files, FaultLog {}

export interface FaultyStore extends Store, Omit<FaultLog, "openHandles"> {}

/** One count of operations, for several that fail under one plan. */
export class Faults {
  readonly operations: Array<Operation> = []
  readonly plan: FaultPlan
  private hasStruck = false

  constructor(plan: FaultPlan = {}) {
    this.plan = plan
  }

  /** Whether the fault has struck. */
  struck = (): boolean => this.hasStruck

  /** Whether the process is gone. */
  get isCrashed(): boolean {
    return this.hasStruck && this.plan.how === "crash"
  }

  /** How the operation that is asked for ends; undefined where it ends well. */
  next(name: string, target: string): How | undefined {
    if (this.isCrashed) return "crash"
    const { at, how = "before", forever = false, only, onFault } = this.plan
    if (only === undefined ? name === "close" : !only.includes(name)) return undefined
    this.operations.push({ name, target })
    const number = this.operations.length
    if (at === undefined || number < at || (number > at && !forever)) return undefined
    this.hasStruck = true
    onFault?.(name)
    return how
  }
}

const faultsOf = (plan: FaultPlan | Faults): Faults => (plan instanceof Faults ? plan : new Faults(plan))

/** The same files, under a plan. */
export const faultyFiles = (files: Files, given: FaultPlan | Faults = {}): FaultyFiles => {
  const faults = faultsOf(given)
  const { plan } = faults
  const open = new Map<object, string>()
  const call = <A>(name: string, target: string, run: () => Promise<A>, ends: Ends<A> = {}): Promise<A> =>
    underFault(faults.next(name, target), run, () => fileError(plan.code ?? "EIO", name, target), ends)
  // An open that fails after it took effect leaves nobody with the handle, so it is closed here, as the system does.
  const discard = { discard: (handle: { readonly close: () => Promise<void> }) => handle.close() }
  const tracked = <H extends object>(handle: H, target: string): H => {
    open.set(handle, target)
    return handle
  }
  const closing = (handle: ReadHandle | WriteHandle, target: string) => async (): Promise<void> => {
    open.delete(handle)
    // A handle is closed also where closing fails.
    await call("close", target, () => handle.close(), { before: () => handle.close() })
  }
  const reading = (handle: ReadHandle, target: string): ReadHandle => ({
    read: (buffer, position) => call("read", target, () => handle.read(buffer, position)),
    close: closing(tracked(handle, target), target),
  })
  const writing = (handle: WriteHandle, target: string): WriteHandle => ({
    write: (bytes) => call("write", target, () => handle.write(bytes), { short: () => handle.write(bytes.subarray(0, bytes.length >> 1)) }),
    sync: () => call("sync", target, () => handle.sync()),
    truncate: (size) => call("truncate", target, () => handle.truncate(size)),
    close: closing(tracked(handle, target), target),
  })
  return {
    stat: (path) => call("stat", path, () => files.stat(path)),
    realPath: (path) => call("realPath", path, () => files.realPath(path)),
    list: (path) => call("list", path, () => files.list(path)),
    makeDirectory: (path) => call("makeDirectory", path, () => files.makeDirectory(path)),
    openRead: async (path) => reading(await call("openRead", path, () => files.openRead(path), discard), path),
    openWrite: async (path, mode) => writing(await call("openWrite", path, () => files.openWrite(path, mode), discard), path),
    rename: (from, to) => call("rename", to, () => files.rename(from, to)),
    remove: (path) => call("remove", path, () => files.remove(path)),
    syncDirectory: (path) => call("syncDirectory", path, () => files.syncDirectory(path)),
    operations: faults.operations,
    openHandles: () => [...open.values()],
    struck: faults.struck,
  }
}

export const STORE_CALLS: ReadonlyArray<Exclude<keyof Store, "close">> = [
  "getRun",
  "listRuns",
  "listEvents",
  "getCheckpoints",
  "getDefinition",
  "listDefinitions",
  "countDefinitions",
  "definitionsVersion",
  "getLease",
  "createRun",
  "updateRun",
  "appendEvents",
  "acquireLease",
  "renewLease",
  "releaseLease",
  "saveCheckpoint",
  "deleteCheckpoints",
  "getStepStates",
  "lastStepVersion",
  "saveStepStates",
  "pruneStepStates",
  "saveDefinition",
  "setPaused",
  "deleteDefinition",
  "getEntry",
  "listEntries",
  "saveEntry",
  "deleteEntry",
]

/** The same store, under a plan. `short` fails before. */
export const faultyStore = (store: Store, given: FaultPlan | Faults = {}): FaultyStore => {
  const faults = faultsOf(given)
  const { plan } = faults
  const failed = (name: string) =>
    Effect.fail(
      new StoreError({
        code: (plan.code ?? "STORE_FAILED") as StoreError["code"],
        message: `store: ${name} failed, as the test planned. Nothing to do.`,
      }),
    )
  const wrapped =
    (name: Exclude<keyof Store, "close">) =>
    (...given: ReadonlyArray<unknown>): Effect.Effect<unknown, StoreError> =>
      Effect.suspend(() => {
        const method = store[name] as (...given: ReadonlyArray<unknown>) => Effect.Effect<unknown, StoreError>
        return underEffectFault(faults.next(name, String(given[0] ?? "")), method(...given), failed(name))
      })
  const calls = Object.fromEntries(STORE_CALLS.map((name) => [name, wrapped(name)])) as unknown as Store
  return { ...calls, close: () => store.close(), operations: faults.operations, struck: faults.struck }
}

/**
 * The same source, under a plan: `open`, and `read` for each batch or chunk that it gives. A read has no effect, so `after` is as `before`:
 * the rows were taken and nobody got them.
 */
export const faultySource = <Config>(source: Source<Config>, given: FaultPlan | Faults = {}): Source<Config> => {
  const faults = faultsOf(given)
  const failed = (name: string) =>
    Effect.fail(
      new SourceError({
        code: (faults.plan.code ?? "SOURCE_FAILED") as SourceError["code"],
        message: `${source.type}: ${name} failed, as the test planned. Nothing to do.`,
      }),
    )
  const pulled = <A>(item: A): Effect.Effect<A, SourceError> =>
    Effect.suspend(() => underEffectFault(faults.next("read", source.type), Effect.succeed(item), failed("read")))
  const faultyRows = (rows: RowStream | ChunkStream): RowStream | ChunkStream =>
    rows.kind === "batches"
      ? { ...rows, stream: Stream.mapEffect(rows.stream, pulled) }
      : { ...rows, stream: Stream.mapEffect(rows.stream, pulled) }
  const faultyReader = (reader: SourceReader): SourceReader => ({
    ...reader,
    read: (offer): SourceRead => {
      const read = reader.read(offer)
      return { ...read, rows: faultyRows(read.rows) }
    },
  })
  return {
    ...source,
    open: (request) =>
      Effect.suspend(() => underEffectFault(faults.next("open", source.type), source.open(request), failed("open"))).pipe(
        Effect.map(faultyReader),
      ),
  }
}

/**
 * The same destination, under a plan: `checkpoint`, `open`, `write` and `commit`. A `write` that fails after it took effect has left
 * rows in the load, so the run must not commit what it held.
 */
export const faultyDestination = <Config>(destination: Destination<Config>, given: FaultPlan | Faults = {}): Destination<Config> => {
  const faults = faultsOf(given)
  const { checkpoint } = destination
  const attempt = <A, R>(name: string, effect: () => Effect.Effect<A, DestinationError, R>): Effect.Effect<A, DestinationError, R> =>
    Effect.suspend(() => {
      const failed = Effect.fail(
        new DestinationError({
          // What may have taken effect is as a time limit that was passed: nobody may try it again row by row.
          code: (faults.plan.code ?? (faults.plan.how === "after" ? "STEP_TIMEOUT" : "DESTINATION_FAILED")) as DestinationError["code"],
          message: `${destination.type}: ${name} failed, as the test planned. Nothing to do.`,
        }),
      )
      return underEffectFault(faults.next(name, destination.type), Effect.suspend(effect), failed)
    })
  const faultyLoad = (load: Load): Load => ({
    ...load,
    write: (batch) => attempt("write", () => load.write(batch)),
    commit: (stored, final) => attempt("commit", () => load.commit(stored, final)),
    ...(load.encoded === undefined
      ? {}
      : {
          encoded: {
            ...load.encoded,
            write: (bytes, rows, schema) => attempt("write", () => load.encoded!.write(bytes, rows, schema)),
          },
        }),
  })
  return {
    ...destination,
    ...(checkpoint === undefined ? {} : { checkpoint: (context) => attempt("checkpoint", () => checkpoint(context)) }),
    open: (request) =>
      Effect.map(
        attempt("open", () => destination.open(request)),
        faultyLoad,
      ),
  }
}

type How = NonNullable<FaultPlan["how"]>

const underEffectFault = <A, E, R>(
  how: How | undefined,
  effect: Effect.Effect<A, E, R>,
  failed: Effect.Effect<never, E>,
): Effect.Effect<A, E, R> => {
  if (how === undefined) return effect
  if (how === "hangs" || how === "crash") return Effect.never
  return how === "after" ? Effect.andThen(effect, failed) : failed
}

/** What else an operation can end in. */
interface Ends<A> {
  /** In place of nothing, where it fails before. */
  readonly before?: () => Promise<unknown>
  /** Half of it. */
  readonly short?: () => Promise<unknown>
  /** For a result that nobody gets, because the operation failed after it took effect. */
  readonly discard?: (result: A) => Promise<unknown>
}

const underFault = async <A>(how: How | undefined, run: () => Promise<A>, error: () => Error, ends: Ends<A>): Promise<A> => {
  if (how === undefined) return await run()
  if (how === "hangs" || how === "crash") return await new Promise<never>(() => undefined)
  if (how === "after") {
    const result = await run()
    await ends.discard?.(result)
  } else await (how === "short" ? (ends.short ?? ends.before) : ends.before)?.()
  throw error()
}
