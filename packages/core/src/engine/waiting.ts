/**
 * Runs that wait to be started, by whichever process is first. See docs/decisions/0025-runs-that-wait.md.
 *
 * A run that waits is an entry of the store, and a pending run beside it for those who look. Who takes the entry away starts the run.
 */
import * as Effect from "effect/Effect"
import { EngineError, type StoreError } from "../contract/Errors.ts"
import type { LogicalTime, Run, RunTrigger, Store, StoreReader } from "../contract/Store.ts"
import type { RunOptions } from "./Options.ts"

/** The entries of runs that wait; their keys are the ids of the runs. */
export const WAITING = "runs.waiting"

export interface EnqueueOptions extends Pick<RunOptions, "runId" | "fullRefresh" | "variables" | "payload" | "retryOf" | "attempt"> {
  /**
   * An open transaction of the host, on a store that takes it: the run is there when the host commits, and never was where it rolls back.
   * Default: the run waits when the promise resolves.
   */
  readonly tx?: unknown
  /** Not before this time, milliseconds since 1970. Default: now. */
  readonly runAt?: number
  /** Of several that could start, the one with the highest comes first. Default: that of the pipeline, else 0. */
  readonly priority?: number
  /** Whom the run is for: those with the same priority take turns by it. Default: that of the pipeline, else nobody. */
  readonly tenant?: string
  /** Default `api`. */
  readonly trigger?: RunTrigger
  readonly logicalTime?: LogicalTime
}

/** What is stored. The values of variables stand in the store for as long as the run waits. */
export interface WaitingRun {
  readonly id: string
  readonly pipeline: string
  readonly createdAt: number
  readonly runAt: number
  readonly priority: number | null
  readonly tenant: string | null
  readonly trigger: RunTrigger
  readonly options: Pick<RunOptions, "fullRefresh" | "variables" | "payload" | "retryOf" | "attempt" | "logicalTime">
}

/** What a run is before it has started. */
export const pendingRun = (id: string, pipeline: string, createdAt: number, options: RunOptions): Run => ({
  id,
  pipeline,
  revision: options.revision ?? 1,
  status: "pending",
  trigger: options.trigger ?? (options.retryOf === undefined ? "manual" : "retry"),
  createdAt,
  startedAt: null,
  completedAt: null,
  fullRefresh: options.fullRefresh ?? false,
  dryRun: options.dryRun ?? false,
  rowsExtracted: 0,
  rowsFiltered: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  stages: [],
  error: null,
  attempt: options.attempt ?? 1,
  retryOf: options.retryOf ?? null,
  variables: Object.keys(options.variables ?? {}),
  logicalTime: options.logicalTime ?? null,
})

export const enqueue = (
  store: Pick<Store, "createRun" | "saveEntry"> & Partial<Pick<Store, "getRun">>,
  waiting: WaitingRun,
): Effect.Effect<void, EngineError | StoreError> =>
  Effect.gen(function* () {
    if (store.getRun !== undefined && (yield* store.getRun(waiting.id)) !== undefined) return yield* Effect.fail(runExists(waiting.id))
    // The entry comes first: whoever finds it without its run makes the run, and a run without an entry would wait for nobody.
    const added = yield* store.saveEntry({ collection: WAITING, key: waiting.id, value: waiting, expiresAt: null }, 0)
    if (added === undefined) return yield* Effect.fail(runExists(waiting.id))
    yield* store.createRun(pendingRun(waiting.id, waiting.pipeline, waiting.createdAt, runOptionsOf(waiting)))
  })

export const waitingRun = (store: StoreReader, id: string): Effect.Effect<WaitingRun | undefined, StoreError> =>
  Effect.map(store.getEntry(WAITING, id), (entry) => entry?.value as WaitingRun | undefined)

export const runOptionsOf = ({ options, trigger }: WaitingRun): RunOptions => ({ ...options, trigger })

export const runExists = (id: string): EngineError =>
  new EngineError({
    code: "RUN_EXISTS",
    message: `${id}: there is a run with this id already. Look at that run, or give another id.`,
    path: [id],
  })

const PAGE = 1000

const waitingIds = (store: StoreReader): Effect.Effect<ReadonlySet<string>, StoreError> =>
  Effect.gen(function* () {
    const ids = new Set<string>()
    for (let after: string | undefined; ;) {
      const page = yield* store.listEntries({ collection: WAITING, limit: PAGE, ...(after === undefined ? {} : { after }) })
      for (const { key } of page) ids.add(key)
      if (page.length < PAGE) return ids
      after = page.at(-1)!.key
    }
  })

/**
 * Runs that have begun, or are about to, and have not ended, of those that `isWanted`. Runs that wait are none of them, and hide none,
 * however many they are.
 */
export const openRuns = (
  store: StoreReader,
  pipeline: string | undefined,
  isWanted: (run: Run) => boolean,
): Effect.Effect<ReadonlyArray<Run>, StoreError> =>
  Effect.gen(function* () {
    const filter = pipeline === undefined ? { limit: PAGE } : { pipeline, limit: PAGE }
    const { runs } = yield* store.listRuns({ ...filter, status: ["pending", "running"] })
    const all = runs.length < PAGE ? runs : [...runs.filter(isPending), ...(yield* store.listRuns({ ...filter, status: ["running"] })).runs]
    const wanted = all.filter(isWanted)
    if (!wanted.some(isPending)) return wanted
    const waiting = yield* waitingIds(store)
    return wanted.filter(({ id }) => !waiting.has(id))
  })

const isPending = ({ status }: Run): boolean => status === "pending"
