/** The store and the files of a simulated process: each call goes through the world. */
import { type Files, type Lease, type ReadHandle, type Run, type Store, StoreError, type WriteHandle } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import { STORE_CALLS } from "../faults.ts"
import { fileError } from "../memoryFiles.ts"
import type { Call, Outcome, Process, World } from "./World.ts"

/** A call as an effect. Where nobody waits any more, it may take effect nevertheless. */
export const asEffect = <A, E>(world: World, process: Process, call: Call<A>, failed: () => E): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    const stop = world.send(process, call, (outcome) =>
      resume(outcome === undefined ? Effect.fail(failed()) : outcome.ok ? Effect.succeed(outcome.value) : Effect.fail(outcome.error as E)),
    )
    return Effect.sync(stop)
  })

/** What an effect that waits for nothing ends with. */
export const outcomeOf = <A, E>(effect: Effect.Effect<A, E>): Outcome<A> => {
  const exit = Effect.runSyncExit(effect)
  return Exit.isSuccess(exit) ? { ok: true, value: exit.value } : { ok: false, error: Cause.squash(exit.cause) }
}

export const simulatedStore = (world: World, process: Process, store: Store): Store => {
  const owners: Owners = new Map()
  const called =
    (name: Exclude<keyof Store, "close">) =>
    (...given: ReadonlyArray<unknown>): Effect.Effect<unknown, StoreError> =>
      Effect.suspend(() => {
        const method = store[name] as (...given: ReadonlyArray<unknown>) => Effect.Effect<unknown, StoreError>
        const perform = () => {
          if (name === "updateRun") noteClosed(world, store, owners, given)
          const outcome = outcomeOf(method(...given))
          if (outcome.ok && (name === "getLease" || name === "acquireLease"))
            owners.set(String(given[0]), (outcome.value as Lease | undefined)?.owner)
          return outcome
        }
        const call = { what: `store ${name}`, isRemote: true, perform }
        const message = `store: ${name} failed, as the simulation wanted. Nothing to do.`
        return asEffect(world, process, call, () => new StoreError({ code: "STORE_FAILED", message }))
      })
  const calls = Object.fromEntries(STORE_CALLS.map((name) => [name, called(name)])) as unknown as Store
  return { ...calls, close: () => Effect.void }
}

/** Who was seen to hold a lease, by a process that has looked. */
type Owners = Map<string, string | undefined>

/** Only a run that holds no lease, by the store's clock, may be taken for one that was lost. */
const noteClosed = (world: World, store: Store, owners: Owners, [id, change]: ReadonlyArray<unknown>): void => {
  if ((change as Partial<Run>).error?.code !== "RUN_INTERRUPTED") return
  const run = outcomeOf(store.getRun(id as string))
  if (!run.ok || run.value === undefined || run.value.completedAt !== null) return
  if (owners.get(`pipeline:${run.value.pipeline}`) === id) world.violate(`${String(id)} was closed by who saw that it holds its lease`)
}

/** Handles that a process has open, by path. */
export type OpenHandles = Map<object, string>

export const simulatedFiles = (world: World, process: Process, files: Files, open: OpenHandles): Files => {
  const call = <A>(what: string, path: string, run: () => Promise<A>, more: Pick<Call<A>, "performHalf" | "discard"> = {}): Promise<A> =>
    new Promise((resolve, reject) => {
      const perform = () => run().then(succeeded, refused)
      const answer = (outcome: Outcome<A> | undefined): void => {
        if (outcome === undefined) reject(fileError("EIO", what, path))
        else if (outcome.ok) resolve(outcome.value)
        else reject(outcome.error)
      }
      world.send(process, { what: `${what} ${path}`, isRemote: false, perform, ...more }, answer)
    })
  const closing = (handle: ReadHandle | WriteHandle, path: string) => async (): Promise<void> => {
    open.delete(handle)
    await call("close", path, () => handle.close(), { performHalf: () => handle.close() })
  }
  const discard = (handle: ReadHandle | WriteHandle): void => void handle.close()
  return {
    stat: (path) => call("stat", path, () => files.stat(path)),
    realPath: (path) => call("realPath", path, () => files.realPath(path)),
    list: (path) => call("list", path, () => files.list(path)),
    makeDirectory: (path) => call("makeDirectory", path, () => files.makeDirectory(path)),
    openRead: async (path) => {
      const handle = await call("openRead", path, () => files.openRead(path), { discard })
      open.set(handle, path)
      return { read: (buffer, position) => call("read", path, () => handle.read(buffer, position)), close: closing(handle, path) }
    },
    openWrite: async (path, mode) => {
      const handle = await call("openWrite", path, () => files.openWrite(path, mode), { discard })
      open.set(handle, path)
      return {
        write: (bytes) =>
          call("write", path, () => handle.write(bytes), { performHalf: () => handle.write(bytes.subarray(0, bytes.length >> 1)) }),
        sync: () => call("sync", path, () => handle.sync()),
        truncate: (size) => call("truncate", path, () => handle.truncate(size)),
        close: closing(handle, path),
      }
    },
    rename: (from, to) => call("rename", to, () => files.rename(from, to)),
    remove: (path) => call("remove", path, () => files.remove(path)),
    syncDirectory: (path) => call("syncDirectory", path, () => files.syncDirectory(path)),
  }
}

const succeeded = <A>(value: A): Outcome<A> => ({ ok: true, value })

const refused = (error: unknown): Outcome<never> => ({ ok: false, error })
