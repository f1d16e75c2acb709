/**
 * One run, as a process of its own that a test kills or freezes. At the point it is told it prints `at POINT` and stands still: for ever,
 * or, with `waits`, until it is told to go on. Ends with what became of the run, as JSON.
 *
 * The sources, the store and the database's driver are wrapped here; what is tested has no switch.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { once } from "node:events"
import { DatabaseSync } from "node:sqlite"
import { createEngine, defineSource, type PipelineDefinition, RunError, type Source, type Store } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import * as Effect from "effect/Effect"
import { postgresDestination } from "../src/postgres/index.ts"
import { sqliteDestination } from "../src/sqlite/index.ts"

export interface PointRun {
  readonly root: string
  readonly destination: object
  /** Where it stands still; nowhere where it is absent. */
  readonly point?: string
  /** Whether it goes on from there when a line comes. */
  readonly waits?: boolean
  /** Milliseconds by which the store's clock is ahead, so that nobody waits for a lease of a process that is gone. */
  readonly aheadMs: number
  /** Whether rows are gone once they were acknowledged. */
  readonly forgets: boolean
}

const { root, destination, point, waits, aheadMs, forgets } = JSON.parse(process.argv[2]!) as PointRun

let isPast = false
const isHere = (name: string): boolean => !isPast && name === point
const stand = async (name: string): Promise<void> => {
  isPast = true
  process.stdout.write(`at ${name}\n`)
  if (waits === true) await once(process.stdin, "data")
  else await new Promise<never>(() => setInterval(() => undefined, 1000))
}
/** The same where nothing may be waited for. */
const standSync = (name: string): void => {
  isPast = true
  writeFileSync(1, `at ${name}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
const standing = <A, E>(name: string, effect: Effect.Effect<A, E>, when: "before" | "after"): Effect.Effect<A, E> => {
  const here = Effect.suspend(() => (isHere(name) ? Effect.promise(() => stand(name)) : Effect.void))
  return when === "before" ? Effect.andThen(here, effect) : Effect.tap(effect, () => here)
}

/** `{ all, forgotten }`: rows are the numbers between. */
const logFile = `${root}/log.json`
const log = () => JSON.parse(readFileSync(logFile, "utf8")) as { readonly all: number; readonly forgotten: number }

const replayable = defineSource<unknown, { readonly at: number }>({
  type: "log",
  async *read({ cursor }) {
    const { all, forgotten } = log()
    for (let at = Math.max(cursor?.at ?? 0, forgotten); at < all; at += 10) {
      const to = Math.min(all, at + 10)
      if (at > (cursor?.at ?? 0) && isHere("second read")) await stand("second read")
      yield { rows: Array.from({ length: to - at }, (_, i) => ({ id: at + i })), cursor: { at: to } }
    }
  },
})

const acknowledge = async ({ at }: { readonly at: number }): Promise<void> => {
  if (isHere("before the acknowledgement")) await stand("before the acknowledgement")
  if (forgets) writeFileSync(logFile, JSON.stringify({ ...log(), forgotten: at }))
  if (isHere("behind the acknowledgement")) await stand("behind the acknowledgement")
}

const source: Source = {
  ...replayable,
  open: (request) =>
    Effect.map(replayable.open(request), (reader) => ({
      ...reader,
      acknowledge: (cursor) => Effect.promise(() => acknowledge(cursor as { readonly at: number })),
    })),
}

const real: Store = sqliteStore({ path: `${root}/state.db`, now: () => Date.now() + aheadMs })
const store: Store = {
  ...real,
  createRun: (...given) => standing("behind the run's creation", real.createRun(...given), "after"),
  acquireLease: (...given) => standing("behind the lease", real.acquireLease(...given), "after"),
  updateRun: (id, change, events) => {
    if (change.error?.code === "RUN_INTERRUPTED")
      return standing("while it closes a lost run", real.updateRun(id, change, events), "before")
    const isLast = change.completedAt !== undefined
    return isLast ? standing("before the run's end", real.updateRun(id, change, events), "before") : real.updateRun(id, change, events)
  },
  saveCheckpoint: (...given) =>
    standing("behind the commit", standing("behind the checkpoint", real.saveCheckpoint(...given), "after"), "before"),
  releaseLease: (...given) => standing("before the release", real.releaseLease(...given), "before"),
}

// Between the rows and the checkpoint, and between the checkpoint and the commit, within the destination's transaction.
const packageName: string = "pg"
const { Client } = ((await import(packageName)) as { readonly default: { readonly Client: { readonly prototype: object } } }).default
const prototype = Client.prototype as { query: (...given: Array<unknown>) => unknown }
const { query } = prototype
prototype.query = function (...given) {
  const [first] = given
  const text = typeof first === "string" ? first : String((first as { readonly text?: unknown } | undefined)?.text ?? "")
  if (text.includes("_deltaflow_checkpoints") && text.includes("INSERT") && isHere("behind the rows"))
    return stand("behind the rows").then(() => query.apply(this, given))
  if (text === "COMMIT" && isHere("before the commit")) return stand("before the commit").then(() => query.apply(this, given))
  return query.apply(this, given)
}
const sqlite = Object.getOwnPropertyDescriptors(DatabaseSync.prototype)
DatabaseSync.prototype.prepare = function (...given) {
  if (given[0].includes("INTO _deltaflow_checkpoints") && isHere("behind the rows")) standSync("behind the rows")
  return sqlite.prepare.value!.apply(this, given)
}
DatabaseSync.prototype.exec = function (sql) {
  if (sql === "COMMIT" && this.location()?.endsWith("out.db") === true && isHere("before the commit")) standSync("before the commit")
  sqlite.exec.value!.call(this, sql)
}

const definition: PipelineDefinition = {
  name: "killed",
  sources: [{ type: "log", incremental: true }],
  destinations: [{ ...(destination as { readonly type: string }), write_mode: "append", flush_interval: 0 }],
}

if (!existsSync(logFile)) throw new Error("there is no log to read")
if (isHere("before the run")) await stand("before the run")
await using engine = createEngine({ plugins: [source, postgresDestination, sqliteDestination], projectRoot: root, store })
try {
  const { status } = await engine.run(definition)
  process.stdout.write(`${JSON.stringify({ status })}\n`)
} catch (error) {
  if (!(error instanceof RunError)) throw error
  process.stdout.write(`${JSON.stringify({ status: "failed", code: error.code })}\n`)
}
process.stdin.destroy()
