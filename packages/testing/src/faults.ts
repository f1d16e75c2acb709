/**
 * Files and stores that fail on purpose: the n-th operation, before or after it took effect, once or for ever.
 *
 * Run once without a plan to learn how many operations there are; then run once for each of them. All is deterministic.
 */
import type { Files, ReadHandle, Store, WriteHandle } from "@deltaflow/core"
import { StoreError } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import { fileError } from "./memoryFiles.ts"

export interface FaultPlan {
  /** Number of the operation, from 1. Without it nothing fails and operations are only counted. */
  readonly at?: number
  /**
   * - `before`: the operation fails and has done nothing.
   * - `after`: the operation is done, and fails nevertheless: the outcome that a caller cannot know.
   * - `hangs`: the operation never ends.
   * - `short`: a write puts half of its bytes and fails; other operations fail before.
   */
  readonly how?: "before" | "after" | "hangs" | "short"
  /** Whether all operations from then on fail too, as with a disk that is full. Default false. */
  readonly forever?: boolean
  /** Default `EIO` for files, `STORE_FAILED` for stores. */
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

/** The same files, under a plan. */
export const faultyFiles = (files: Files, plan: FaultPlan = {}): FaultyFiles => {
  const faults = new Faults(plan)
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
    struck: () => faults.struck,
  }
}

const STORE_CALLS: ReadonlyArray<Exclude<keyof Store, "close">> = [
  "getRun",
  "listRuns",
  "listEvents",
  "getCheckpoints",
  "getDefinition",
  "listDefinitions",
  "countDefinitions",
  "getLease",
  "createRun",
  "updateRun",
  "appendEvents",
  "acquireLease",
  "renewLease",
  "releaseLease",
  "saveCheckpoint",
  "deleteCheckpoints",
  "saveDefinition",
  "setPaused",
  "deleteDefinition",
]

/** The same store, under a plan. `short` fails before. */
export const faultyStore = (store: Store, plan: FaultPlan = {}): FaultyStore => {
  const faults = new Faults(plan)
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
        const how = faults.next(name, String(given[0] ?? ""))
        if (how === undefined) return method(...given)
        if (how === "hangs") return Effect.never
        return how === "after" ? Effect.andThen(method(...given), failed(name)) : failed(name)
      })
  const calls = Object.fromEntries(STORE_CALLS.map((name) => [name, wrapped(name)])) as unknown as Store
  return { ...calls, close: () => store.close(), operations: faults.operations, struck: () => faults.struck }
}

type How = NonNullable<FaultPlan["how"]>

/** Counts operations and says which of them fail. */
class Faults {
  readonly operations: Array<Operation> = []
  struck = false
  private readonly plan: FaultPlan

  constructor(plan: FaultPlan) {
    this.plan = plan
  }

  next(name: string, target: string): How | undefined {
    const { at, how = "before", forever = false, only, onFault } = this.plan
    if (only === undefined ? name === "close" : !only.includes(name)) return undefined
    this.operations.push({ name, target })
    const number = this.operations.length
    if (at === undefined || number < at || (number > at && !forever)) return undefined
    this.struck = true
    onFault?.(name)
    return how
  }
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
  if (how === "hangs") return await new Promise<never>(() => undefined)
  if (how === "after") {
    const result = await run()
    await ends.discard?.(result)
  } else await (how === "short" ? (ends.short ?? ends.before) : ends.before)?.()
  throw error()
}
