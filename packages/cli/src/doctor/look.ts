/** Gathers what the checks look at, without changing anything. */
import { existsSync, readFileSync, statSync } from "node:fs"
import { statfs } from "node:fs/promises"
import { createRequire } from "node:module"
import { constrainedMemory, platform, versions } from "node:process"
import { createServer } from "node:net"
import { totalmem } from "node:os"
import * as zlib from "node:zlib"
import type { Lease, Run, Store } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import { textKernel } from "@deltaflow/core/text"
import * as Effect from "effect/Effect"
import { leaseOf } from "../leases.ts"
import type { Disk, Host, StoreLook } from "./Check.ts"

export const lookAtHost = (): Host => {
  return {
    nodeVersion: versions.node,
    kernel: textKernel().name,
    codeGeneration: codeGeneration(),
    zstd: typeof (zlib as { createZstdCompress?: unknown }).createZstdCompress === "function",
    sqlite: loads("node:sqlite"),
    timeZones: knowsTimeZones(),
    openFiles: openFiles(),
    memory: Math.min(totalmem(), constrained()),
    platform,
  }
}

const codeGeneration = (): boolean => {
  try {
    // What generated steps do, as an ordinary call: where the host forbids it, it throws.
    return (Reflect.construct(Function, ["return true"]) as () => boolean)()
  } catch (error) {
    if (error instanceof EvalError) return false
    throw error
  }
}

const loads = (name: string): boolean => {
  try {
    createRequire(import.meta.url)(name)
    return true
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code === "ERR_UNKNOWN_BUILTIN_MODULE" ||
      (error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND"
    )
      return false
    throw error
  }
}

const knowsTimeZones = (): boolean => {
  const at = new Date(Date.UTC(2026, 6, 1, 12))
  const hour = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", hour: "2-digit", hour12: false }).format(at)
  return hour === "14"
}

/** Linux says it in a file; elsewhere it is not known without another program. */
const openFiles = (): number | undefined => {
  const file = "/proc/self/limits"
  if (!existsSync(file)) return undefined
  const found = /^Max open files\s+(\d+)/m.exec(readFileSync(file, "utf8"))?.[1]
  return found === undefined ? undefined : Number(found)
}

/** What a container may use; without a limit the number is 0 or huge. */
const constrained = (): number => {
  const bytes = constrainedMemory()
  return bytes === undefined || bytes === 0 ? Number.POSITIVE_INFINITY : bytes
}

export const lookAtDisk = async (folder: string): Promise<Disk> => {
  const { bavail, bsize, type } = await statfs(folder)
  return { freeBytes: bavail * bsize, kind: type }
}

export const isPortFree = (port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(false) : reject(error),
    )
    server.listen(port, () => server.close(() => resolve(true)))
  })

export const lookAtStore = async (file: string): Promise<StoreLook> => {
  if (!existsSync(file)) return { exists: false, bytes: 0, runs: [], leases: new Map() }
  const bytes = sizeOf(file) + sizeOf(`${file}-wal`)
  const store = sqliteStore({ path: file, busyTimeoutMs: 2000 })
  try {
    const runs = await Effect.runPromise(Effect.result(store.listRuns({ limit: 500 })))
    if (runs._tag === "Failure") return { exists: true, problem: runs.failure, bytes, runs: [], leases: new Map() }
    const list = runs.success.runs
    return { exists: true, integrity: integrityOf(file), bytes, runs: list, leases: await leasesOf(store, list) }
  } finally {
    await Effect.runPromise(store.close())
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

const integrityOf = (file: string): string => {
  const { DatabaseSync } = createRequire(import.meta.url)("node:sqlite") as typeof import("node:sqlite")
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return String(database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"])
  } finally {
    database.close()
  }
}

const leasesOf = async (store: Store, runs: ReadonlyArray<Run>): Promise<ReadonlyMap<string, Lease>> => {
  const leases = new Map<string, Lease>()
  for (const pipeline of new Set(runs.map((run) => run.pipeline))) {
    const lease = await leaseOf(store, pipeline)
    if (lease !== undefined) leases.set(pipeline, lease)
  }
  return leases
}
