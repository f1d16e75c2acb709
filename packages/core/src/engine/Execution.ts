/**
 * The life of one run: pending → running → success | failed | cancelled, under a lease, each transition durable before it is announced.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { Checkpoint } from "../contract/Destination.ts"
import { type PipelineError, EngineError, SourceError, TransformError, DestinationError, type StoreError } from "../contract/Errors.ts"
import type { Log, PluginContext } from "../contract/Plugin.ts"
import type { SqlEngine } from "../contract/Sql.ts"
import { type EngineEvent, type Lease, type Run, type RunFailure, type Store, type StoredCheckpoint } from "../contract/Store.ts"
import { decodeCursor, encodeCursor } from "../model/Cursor.ts"
import { newEventId } from "../model/Ids.ts"
import type { CustomFunction } from "../transform/Step.ts"
import { Counters } from "./Counters.ts"
import { CLOSE_MS, limitOpening, timeLimit } from "./limitTime.ts"
import { backoffDelay, leaseLost, makeLoads } from "./Loads.ts"
import type { RunOptions, RunProgress } from "./Options.ts"
import { type OpenedSource, openSources, runPass } from "./Pass.ts"
import { type Origins, readOrigins, withoutOrigins, withOrigins } from "./origins.ts"
import { preparePlan, prepareWorkers } from "./Prepare.ts"
import { openRemembering, STEPS, withoutSteps } from "./Remembering.ts"
import { isIncremental, type ResolvedDestination, type ResolvedPipeline } from "./Resolved.ts"
import { RunState } from "./RunState.ts"
import type { SpillPlace } from "./Steps.ts"
import { scopedForRun } from "./scopedForRun.ts"
import { maskError } from "./maskError.ts"
import { paceOf, type StageNews } from "./stageEvents.ts"
import { messageOf } from "../model/messageOf.ts"
import { forgetPlace, leaseName, leaseOf } from "./slots.ts"
import { openRuns } from "./waiting.ts"

/** What the engine lends to a run. */
export interface RunEnvironment {
  readonly store: Store
  readonly now: () => number
  readonly mask: (text: string) => string
  readonly maskAll: <A>(data: A) => A
  readonly publish: (event: EngineEvent) => void
  readonly log: Log
  readonly context: (name: string, signal: AbortSignal, startedAt: number, runtime: Readonly<Record<string, unknown>>) => PluginContext
  /** For rows that do not fit into memory. */
  readonly spill: SpillPlace
  /** Runs queries; undefined where no plugin does. */
  readonly sql: SqlEngine | undefined
  readonly environment: string
  readonly backend: "code" | "closure"
  readonly loadModule: (url: string) => Promise<Record<string, unknown>>
}

export interface Execution {
  readonly pipeline: ResolvedPipeline
  /** Functions of steps that live in this process. */
  readonly functions: ReadonlyMap<string, CustomFunction>
  readonly run: Run
  /** Taken before there was a run; undefined where the run takes it itself. */
  readonly lease?: Lease
  readonly options: RunOptions
  readonly environment: RunEnvironment
}

/** The finished run, with the last counts. */
export interface Finished {
  readonly run: Run
  readonly progress: RunProgress
  /** The error itself, for who runs the engine in the same process. */
  readonly error: PipelineError | undefined
}

/** How long a lease holds that nobody renews, milliseconds. */
export const LEASE_MS = 12_000

/** In the place of a run's id: a checkpoint that no run has stored, but a reset of the state or somebody who set it. */
export const BY_HAND = ""

const isByHand = ({ runId }: StoredCheckpoint): boolean => runId === BY_HAND

/** How long a run may be about to take its lease, milliseconds. */
export const PENDING_MS = 60_000

/** Asks a run to stop at its next cursor. */
export interface StopSwitch {
  stopping: boolean
  onStop: (() => void) | undefined
}

export const executeRun = (execution: Execution, stop: StopSwitch): Effect.Effect<Finished, StoreError> =>
  Effect.gen(function* () {
    const { pipeline, run, environment } = execution
    const state = newRunState(execution)
    const startedAt = environment.now()
    const body = Effect.gen(function* () {
      const lease = execution.lease ?? (yield* environment.store.acquireLease(leaseName(pipeline.name), run.id, LEASE_MS))
      if (lease === undefined) return yield* Effect.fail(leaseHeld(pipeline.name))
      const holder: LeaseHolder = { lease, checkpoints: new Map() }
      yield* closeOrphans(execution)
      state.counters.begin("extract")
      const started = [runEvent(execution, "pipeline.started", {}), ...stageEvents(execution, state.stages.begun())]
      const isOpen = yield* transition(execution, { status: "running", startedAt }, started)
      if (!isOpen) return yield* Effect.fail(closedByAnother(pipeline.name))
      const running = withTimeout(execution, attempts(execution, state, stop, holder, startedAt))
      yield* withKeepAlive(execution, holder, withCancel(execution, withStageEvents(execution, state, running)))
    })
    const exit = yield* Effect.exit(Effect.interruptible(body))
    const finished = yield* finishRun(execution, state, stop, exit, startedAt)
    yield* releaseOwnLease(execution)
    return finished
  }).pipe(Effect.uninterruptible)

/** Also where the call that took it seemed to fail. A lease that cannot be released expires by itself. */
const releaseOwnLease = ({ environment, pipeline, run }: Execution): Effect.Effect<void> =>
  Effect.gen(function* () {
    const lease = yield* environment.store.getLease(leaseName(pipeline.name))
    if (lease?.owner === run.id) yield* environment.store.releaseLease(lease)
    yield* forgetPlace(environment.store, run, pipeline.name)
  }).pipe(
    Effect.catch((error) =>
      Effect.sync(() => environment.log.warn(`${pipeline.name}: the lease could not be released: ${error.message}`, { code: error.code })),
    ),
  )

export const newRunState = ({ pipeline, run, options }: Execution): RunState => {
  const counters = new Counters({
    sources: pipeline.sources.map((source) => source.name),
    steps: pipeline.steps.map((step) => ({ name: step.name ?? step.type, type: step.type })),
    destinations: pipeline.destinations.map((destination) => destination.name),
  })
  return new RunState(run.id, counters, pipeline.errorHandling, options.onProgress)
}

interface LeaseHolder {
  lease: Lease
  /** What stands beside the rows of each destination that keeps it there, as far as this run knows. */
  readonly checkpoints: Map<string, Checkpoint | null>
}

export const leaseHeld = (pipeline: string): EngineError =>
  new EngineError({
    code: "LEASE_HELD",
    message: `${pipeline}: another process runs this pipeline. Wait until it has ended; a crashed one is released after ${LEASE_MS / 1000} s.`,
    path: [pipeline],
    retryable: true,
  })

/** Another process took the run for one that was lost, and has closed it. */
const closedByAnother = (pipeline: string): EngineError =>
  new EngineError({
    code: "LEASE_LOST",
    message:
      `${pipeline}: this process stood still for so long, or its clock is so far off, that another one took its run for lost, and closed it. ` +
      "Run it again: it goes on from the last checkpoint.",
    path: [pipeline],
    retryable: true,
  })

/** Renews the lease while the body runs, and ends the body when the lease is lost. */
const withKeepAlive = <A>(
  execution: Execution,
  holder: LeaseHolder,
  body: Effect.Effect<A, PipelineError>,
): Effect.Effect<A, PipelineError> => {
  const renew = Effect.gen(function* () {
    yield* Effect.sleep(LEASE_MS / 3)
    // One call that fails is no reason to end a run: the lease holds for two more.
    const renewed = yield* Effect.retry(execution.environment.store.renewLease(holder.lease, LEASE_MS), {
      times: 2,
      schedule: Schedule.spaced(LEASE_MS / 15),
    })
    if (renewed === undefined) return yield* Effect.fail(leaseLost(execution.pipeline.name))
    holder.lease = renewed
  })
  return Effect.raceFirst(body, Effect.forever(renew))
}

/** Entries of runs that another process wants to end; their keys are the ids of the runs. */
export const CANCELS = "runs.cancels"

const CANCEL_LOOK_MS = 1000

/** Ends the body where another process asks for it. */
const withCancel = <A>(execution: Execution, body: Effect.Effect<A, PipelineError>): Effect.Effect<A, PipelineError> => {
  const { environment, pipeline, run } = execution
  const look = Effect.gen(function* () {
    yield* Effect.sleep(CANCEL_LOOK_MS)
    // A look that fails is no reason to end a run; the next one is soon.
    const asked = yield* Effect.catch(environment.store.getEntry(CANCELS, run.id), () => Effect.undefined)
    if (asked === undefined) return
    yield* Effect.catch(environment.store.deleteEntry(CANCELS, run.id), () => Effect.succeed(false))
    yield* Effect.fail(cancelled(pipeline.name))
  })
  return Effect.raceFirst(body, Effect.forever(look))
}

/** Tells how the stages go on for as long as the body runs. */
const withStageEvents = <A>(
  execution: Execution,
  state: RunState,
  body: Effect.Effect<A, PipelineError>,
): Effect.Effect<A, PipelineError> => {
  const { now } = execution.environment
  const started = now()
  const tell = Effect.gen(function* () {
    const isDue = yield* state.stages.wait(paceOf(now() - started))
    const news = isDue ? [...state.stages.begun(), ...state.stages.moved()] : state.stages.begun()
    if (news.length === 0) return
    // What was told is stored and published as a whole, also when the body ends meanwhile.
    yield* Effect.uninterruptible(transition(execution, countsOf(state), stageEvents(execution, news)))
  })
  return Effect.raceFirst(body, Effect.forever(tell))
}

const stageEvents = (execution: Execution, news: ReadonlyArray<StageNews>): ReadonlyArray<EngineEvent> =>
  news.map(({ type, data }) => runEvent(execution, type, data))

const withTimeout = <A>(execution: Execution, body: Effect.Effect<A, PipelineError>): Effect.Effect<A, PipelineError> => {
  const { timeout } = execution.options
  if (timeout === undefined) return body
  const error = () =>
    new EngineError({
      code: "RUN_TIMEOUT",
      message: `${execution.pipeline.name}: the run took longer than its timeout of ${timeout / 1000} s. Give it more time, or run it again: it goes on from the last checkpoint.`,
      path: [execution.pipeline.name],
    })
  return Effect.timeoutOrElse(body, { duration: timeout, orElse: () => Effect.fail(error()) })
}

/** Invariant 8: whoever holds the lease knows that no other run of this pipeline can still be alive. */
const closeOrphans = (execution: Execution): Effect.Effect<void, EngineError | StoreError> =>
  Effect.gen(function* () {
    const { store } = execution.environment
    const mine = execution.run
    // A pending run that is younger waits for this one's lease, unless it is from the future: then its clock is wrong.
    const isLost = ({ status, createdAt }: Run): boolean =>
      status === "running" || createdAt < mine.createdAt || createdAt > mine.createdAt + PENDING_MS
    const gone = yield* openRuns(store, mine.pipeline, (run) => run.id !== mine.id && isLost(run))
    if (gone.length === 0) return
    // Who stood still since it took the lease may look at the run of who has it now.
    const lease = yield* store.getLease(leaseName(execution.pipeline.name))
    if (lease?.owner !== mine.id) return yield* Effect.fail(leaseLost(mine.pipeline))
    const lost = yield* Effect.filter(gone, (run) => Effect.map(leaseOf(store, run), (held) => held === undefined))
    yield* Effect.forEach(lost, (run) => closeOrphan(execution.environment, run), { discard: true })
  })

/** Ends a run whose process is gone. */
export const closeOrphan = (environment: Pick<RunEnvironment, "store" | "now" | "publish">, run: Run): Effect.Effect<void, StoreError> => {
  const error: RunFailure = {
    code: "RUN_INTERRUPTED",
    message: `${run.pipeline}: the process ended while the run was going on. Run it again: it goes on from the last checkpoint.`,
    stage: null,
    step: null,
    hint: "deltaflow run --retry",
  }
  return closeRun(environment, run, "failed", error)
}

/** Ends a run that nobody executes. */
export const closeRun = (
  environment: Pick<RunEnvironment, "store" | "now" | "publish">,
  run: Run,
  status: "failed" | "cancelled",
  error: RunFailure,
): Effect.Effect<void, StoreError> => {
  const now = environment.now()
  const event = makeEvent(now, run.pipeline, run.id, `pipeline.${status}`, { code: error.code, message: error.message })
  return Effect.gen(function* () {
    const changed = yield* environment.store.updateRun(run.id, { status, completedAt: now, error }, [event])
    if (changed) environment.publish(event)
  })
}

export const cancelledFailure = (pipeline: string): RunFailure => {
  const { code, message } = cancelled(pipeline)
  return { code, message, stage: null, step: null, hint: null }
}

const makeEvent = (now: number, pipeline: string, runId: string, type: string, data: Readonly<Record<string, unknown>>): EngineEvent => ({
  id: newEventId(now),
  type,
  timestamp: now,
  pipeline,
  runId,
  data,
})

/** Names of steps and labels of destinations may come from variables, and messages from plugins. */
export const runEvent = ({ environment, run }: Execution, type: string, data: Readonly<Record<string, unknown>>): EngineEvent =>
  makeEvent(environment.now(), run.pipeline, run.id, type, environment.maskAll(data))

/** Invariant of the store: a transition is durable before anybody hears of it. Nobody hears of one that the store does not take. */
export const transition = (
  { environment, run }: Execution,
  change: Partial<Omit<Run, "id" | "pipeline">>,
  events: ReadonlyArray<EngineEvent>,
): Effect.Effect<boolean, StoreError> =>
  Effect.gen(function* () {
    const changed = yield* environment.store.updateRun(run.id, change, events)
    if (changed) for (const event of events) environment.publish(event)
    return changed
  })

/** Passes until one succeeds, under the strategy `retry`; each starts from the last checkpoint. */
const attempts = (
  execution: Execution,
  state: RunState,
  stop: StopSwitch,
  holder: LeaseHolder,
  startedAt: number,
): Effect.Effect<void, PipelineError> => {
  const { errorHandling } = execution.pipeline
  let attempt = 0
  let commits = 0
  const once: Effect.Effect<void, PipelineError> = Effect.suspend(() => passes(execution, state, stop, holder, startedAt))
  const step: Effect.Effect<void, PipelineError> = Effect.catch(once, (error) => {
    // A run that goes on for months may fail now and then: only failures without a commit in between count.
    if (execution.pipeline.isStreaming && state.commits > commits) attempt = 0
    commits = state.commits
    if (errorHandling.strategy !== "retry" || !error.retryable || attempt >= errorHandling.maxRetries || stop.stopping)
      return Effect.fail(error)
    attempt++
    const delay = backoffDelay(errorHandling, attempt)
    return announceRetry(execution, attempt, delay, error).pipe(
      Effect.andThen(Effect.sleep(delay)),
      Effect.andThen(Effect.sync(() => state.restart())),
      Effect.andThen(Effect.suspend(() => step)),
    )
  })
  return step
}

const announceRetry = (
  execution: Execution,
  attempt: number,
  delayMs: number,
  error: PipelineError,
): Effect.Effect<void, PipelineError> => {
  const { environment } = execution
  const data = { attempt, delay_ms: delayMs, code: error.code, message: error.message }
  const event = runEvent(execution, "pipeline.retrying", data)
  return Effect.tap(environment.store.appendEvents([event]), () => Effect.sync(() => environment.publish(event)))
}

interface PassGroup {
  readonly cursors: Readonly<Record<string, string>>
  readonly destinations: ReadonlyArray<ResolvedDestination>
  /** Where the pass ends; undefined for the end of the sources. */
  readonly until?: Readonly<Record<string, string>>
}

/** One pass per distinct checkpoint, so that a destination that is behind catches up and none gets rows twice. */
const passes = (
  execution: Execution,
  state: RunState,
  stop: StopSwitch,
  holder: LeaseHolder,
  startedAt: number,
): Effect.Effect<void, PipelineError> =>
  Effect.gen(function* () {
    const { pipeline, environment } = execution
    const stored = yield* environment.store.getCheckpoints(pipeline.name)
    const groups = yield* groupByCheckpoint(execution, holder, stored, startedAt)
    for (const group of groups) {
      yield* onePass(execution, state, stop, holder, startedAt, group, stored)
      if (state.stopping) break
    }
  })

const groupByCheckpoint = (
  execution: Execution,
  holder: LeaseHolder,
  stored: ReadonlyArray<StoredCheckpoint>,
  startedAt: number,
): Effect.Effect<ReadonlyArray<PassGroup>, PipelineError> =>
  Effect.gen(function* () {
    const { pipeline, options } = execution
    if (!isIncremental(pipeline) || options.fullRefresh === true) {
      for (const destination of pipeline.destinations) yield* ownCheckpoint(execution, holder, destination, startedAt)
      return [{ cursors: {}, destinations: pipeline.destinations }]
    }
    const groups = new Map<string, { cursors: Readonly<Record<string, string>>; destinations: Array<ResolvedDestination> }>()
    for (const destination of pipeline.destinations) {
      const cursors = yield* checkpointOf(execution, holder, destination, stored, startedAt)
      const key = JSON.stringify(Object.entries(cursors).sort(([a], [b]) => (a < b ? -1 : 1)))
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { cursors, destinations: [destination] })
      else group.destinations.push(destination)
    }
    return gathering(pipeline, [...groups.values()])
  })

/**
 * Where a source can say which cursor comes first, the destination that is furthest behind reads up to the next one, and both go on
 * together: the last pass has them all.
 */
const gathering = ({ sources }: ResolvedPipeline, groups: ReadonlyArray<PassGroup>): ReadonlyArray<PassGroup> => {
  const [source] = sources
  const compare = source?.plugin.compareCursors
  if (groups.length < 2 || sources.length > 1 || source === undefined || compare === undefined) return groups
  const cursorOf = ({ cursors }: PassGroup): string | undefined => cursors[source.name]
  const ordered = groups.toSorted((a, b) => {
    const [first, second] = [cursorOf(a), cursorOf(b)]
    if (first === undefined || second === undefined) return Number(first !== undefined) - Number(second !== undefined)
    return compare(decodeCursor(first), decodeCursor(second))
  })
  return ordered.map((group, i) => {
    const next = ordered[i + 1]
    const destinations = ordered.slice(0, i + 1).flatMap((one) => one.destinations)
    return { cursors: group.cursors, destinations, ...(next === undefined ? {} : { until: next.cursors }) }
  })
}

const checkpointOf = (
  execution: Execution,
  holder: LeaseHolder,
  destination: ResolvedDestination,
  stored: ReadonlyArray<StoredCheckpoint>,
  startedAt: number,
): Effect.Effect<Readonly<Record<string, string>>, PipelineError> =>
  Effect.gen(function* () {
    const { pipeline } = execution
    const mine = stored.find((checkpoint) => checkpoint.destination === destination.name)
    // Invariant 2: what stands beside the rows is true, whatever the store says.
    const own = yield* ownCheckpoint(execution, holder, destination, startedAt)
    // What somebody set by hand goes over it, until a run has committed since. A higher epoch alone would not say so: the destination may
    // be a backup that was put back, and what it lost is to be loaded again.
    const isReset = mine !== undefined && own !== undefined && isByHand(mine) && mine.epoch > own.epoch
    const isOwn = destination.plugin.checkpoint !== undefined && !isReset
    const cursors = isOwn ? own?.cursors : mine?.cursors
    if (cursors === undefined) return {}
    const origins = (isOwn ? readOrigins(cursors) : undefined) ?? mine
    if (origins === undefined) return cursors
    yield* sameDefinition(pipeline, origins)
    return yield* migrated(pipeline, withoutOrigins(cursors), origins)
  })

/** What the destination keeps beside its rows. From then on the run has a higher epoch, so that it may commit. */
const ownCheckpoint = (
  execution: Execution,
  holder: LeaseHolder,
  destination: ResolvedDestination,
  startedAt: number,
): Effect.Effect<Checkpoint | undefined, PipelineError> =>
  Effect.gen(function* () {
    const { pipeline, environment, run } = execution
    const { plugin, name, config } = destination
    if (plugin.checkpoint === undefined) return undefined
    const context = environment.context(name, new AbortController().signal, startedAt, {})
    const own = yield* plugin
      .checkpoint({ ...context, pipeline: pipeline.name, runId: run.id, config })
      .pipe(limitOpening(pipeline.timeout, () => timeLimit(pipeline, destination, "did not say where it stands")))
    holder.checkpoints.set(name, own ?? null)
    if (own !== undefined && own.epoch >= holder.lease.epoch) yield* raiseEpoch(execution, holder, own.epoch + 1)
    return own
  })

/** A store that was made anew starts its epochs from one, and the destination refuses what is older than its own. */
const raiseEpoch = (execution: Execution, holder: LeaseHolder, epoch: number): Effect.Effect<void, PipelineError> =>
  Effect.gen(function* () {
    const raised = yield* execution.environment.store.acquireLease(holder.lease.name, holder.lease.owner, LEASE_MS, epoch)
    if (raised === undefined) return yield* Effect.fail(leaseLost(execution.pipeline.name))
    holder.lease = raised
  })

const sameDefinition = (pipeline: ResolvedPipeline, origins: Origins): Effect.Effect<void, PipelineError> => {
  const changed = pipeline.sources.find((source) => {
    const known = origins.fingerprints[source.name]
    return known !== undefined && known !== source.fingerprint
  })
  if (changed === undefined) return Effect.void
  return Effect.fail(
    new EngineError({
      code: "DEFINITION_CHANGED",
      message: `${pipeline.name} / ${changed.name}: the source's definition changed since its cursor was stored, so the cursor may be wrong. Run once with --full-refresh, or reset the state.`,
      path: [pipeline.name, changed.name],
      hint: "deltaflow run --full-refresh",
    }),
  )
}

/** Cursors as the sources have them now. One that a source cannot know is never handed to it. */
const migrated = (
  pipeline: ResolvedPipeline,
  cursors: Readonly<Record<string, string>>,
  origins: Origins,
): Effect.Effect<Readonly<Record<string, string>>, PipelineError> =>
  Effect.gen(function* () {
    const now: Record<string, string> = {}
    for (const [name, cursor] of Object.entries(cursors)) {
      const source = pipeline.sources.find((one) => one.name === name)
      const version = origins.cursorVersions[name] ?? 1
      const known = source?.plugin.cursorVersion ?? 1
      now[name] = source === undefined || version === known ? cursor : yield* migratedCursor(pipeline, source, cursor, version, known)
    }
    return now
  })

const migratedCursor = (
  pipeline: ResolvedPipeline,
  { name, plugin }: ResolvedPipeline["sources"][number],
  cursor: string,
  version: number,
  known: number,
): Effect.Effect<string, PipelineError> => {
  const { migrateCursor } = plugin
  const wrong = (what: string, cause?: unknown) =>
    new SourceError({
      code: "CURSOR_INVALID",
      message: `${pipeline.name} / ${name}: ${what} Or run once with --full-refresh.`,
      path: [pipeline.name, name],
      hint: "deltaflow run --full-refresh",
      cause,
    })
  if (version > known)
    return Effect.fail(
      wrong(
        `its cursor was stored by a newer version of the source \`${plugin.type}\`, as ${version}, and this one knows ${known}. Update it.`,
      ),
    )
  if (migrateCursor === undefined)
    return Effect.fail(
      wrong(
        `its cursor was stored as version ${version}, the source \`${plugin.type}\` has ${known}, and cannot bring it forward. Use the source that stored it.`,
      ),
    )
  return Effect.try({
    try: () => encodeCursor(migrateCursor(decodeCursor(cursor), version)),
    catch: (cause) =>
      wrong(
        `its cursor of version ${version} could not be brought to ${known}: ${messageOf(cause)}. Use the source that stored it.`,
        cause,
      ),
  })
}

const onePass = (
  execution: Execution,
  state: RunState,
  stop: StopSwitch,
  holder: LeaseHolder,
  startedAt: number,
  group: PassGroup,
  stored: ReadonlyArray<StoredCheckpoint>,
): Effect.Effect<void, PipelineError> =>
  scopedForRun(
    (signal) =>
      Effect.gen(function* () {
        const { pipeline, environment, options } = execution
        stop.onStop = () => state.stop()
        if (stop.stopping) state.stop()
        const runtime = runtimeValues(execution, stored)
        const context = (name: string): PluginContext => environment.context(name, signal, startedAt, runtime)
        const opened = yield* openSources(pipeline, group.cursors, context, {
          follow: pipeline.isStreaming && group.until === undefined,
          ...(group.until === undefined ? {} : { until: group.until }),
        })
        const isMeasured = options.profile === true
        const onTime = (step: number, milliseconds: number): void => void (state.counters.steps[step]!.durationMs += milliseconds)
        const planning = { opened, context: context(pipeline.name), ...(isMeasured ? { onTime } : {}) }
        const plan = yield* Effect.catchTag(preparePlan(execution, planning), "DefinitionError", (error) =>
          // An increment without rows may not know its columns, and there is nothing that the steps could do.
          opened.every(({ reader }) => reader.isEmpty === true)
            ? preparePlan({ ...execution, pipeline: { ...pipeline, steps: [] } }, planning)
            : Effect.fail(error),
        )
        const remembering = yield* openRemembering({
          pipeline,
          destinations: group.destinations,
          cursors: group.cursors,
          store: environment.store,
          lease: () => holder.lease,
        })
        const loads = yield* makeLoads({
          pipeline,
          destinations: group.destinations,
          cursors: {
            ...withOrigins(withoutSteps(group.cursors), pipeline),
            ...(remembering === undefined ? {} : { [STEPS]: remembering.version }),
          },
          states: new Map(stored.map((checkpoint) => [checkpoint.destination, checkpoint.state])),
          context,
          store: environment.store,
          lease: () => holder.lease,
          checkpoints: holder.checkpoints,
          state,
          fullRefresh: options.fullRefresh ?? false,
          incremental: isIncremental(pipeline),
          commitsOnce: remembering !== undefined,
          schema: plan.output,
          expressions: plan.spec,
          isPartial: plan.spec.isPartial === true,
          childSchemas: plan.steps.children,
          now: environment.now,
          mask: environment.mask,
          ...(group.destinations.length < pipeline.destinations.length ? {} : { acknowledge: acknowledging(opened) }),
          onRetry: (attempt, delay, error) => announceRetry(execution, attempt, delay, error),
        })
        // With the columns known, outputs open before the first row is read: a folder that cannot be written is found at once.
        const open = plan.output === undefined ? [] : yield* loads.open(plan.output)
        const startWorkers = prepareWorkers(execution, opened, plan, open)
        const { spill, sql } = environment
        yield* runPass({
          pipeline,
          opened,
          plan,
          loads,
          state,
          startWorkers,
          spill,
          sql,
          remembering,
          overlaps: !isMeasured,
          follows: pipeline.isStreaming && group.until === undefined,
        })
      }),
    () => slowToClose(execution),
  )

/** Invariant 1: called behind the commits. */
const acknowledging =
  (opened: ReadonlyArray<OpenedSource>) =>
  (cursors: Readonly<Record<string, string>>): Effect.Effect<void, PipelineError> =>
    Effect.forEach(
      opened,
      ({ source, reader }) => {
        const cursor = cursors[source.name]
        return reader.acknowledge === undefined || cursor === undefined ? Effect.void : reader.acknowledge(decodeCursor(cursor))
      },
      { discard: true },
    )

/** The next run finds what was left behind, as after a crash. */
export const slowToClose = ({ environment, pipeline }: Execution): void =>
  environment.log.warn(
    `${pipeline.name}: something did not close within ${CLOSE_MS / 1000} s and was left open. See what the disk waits for.`,
  )

/** `:last_run` of a source without a cursor column is the start of the last successful run. */
export const runtimeValues = (execution: Execution, stored: ReadonlyArray<StoredCheckpoint>): Readonly<Record<string, unknown>> => {
  const { run, environment, options } = execution
  // One that no run has stored says nothing of when rows were read.
  const times = stored.filter((checkpoint) => !isByHand(checkpoint)).map(({ updatedAt }) => updatedAt)
  const last = options.fullRefresh === true ? 0 : Math.max(0, ...times)
  return {
    last_run: new Date(last).toISOString(),
    run_id: run.id,
    pipeline_name: run.pipeline.replace(/\/backfill$/, ""),
    environment: environment.environment,
    payload: options.payload ?? null,
    scheduled_at: timeOf(run.logicalTime?.scheduledAt),
    interval_start: timeOf(run.logicalTime?.intervalStart),
    interval_end: timeOf(run.logicalTime?.scheduledAt),
  }
}

const timeOf = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString())

/** The terminal state, stored before it is announced. */
export const finishRun = (
  execution: Execution,
  state: RunState,
  stop: StopSwitch,
  exit: Exit.Exit<void, PipelineError>,
  startedAt: number,
): Effect.Effect<Finished, StoreError> =>
  Effect.gen(function* () {
    const { environment, run, pipeline } = execution
    const { counters } = state
    const error = failureOf(exit, stop, pipeline)
    maskError(error, environment)
    const status = error === undefined ? "success" : error.code === "RUN_CANCELLED" ? "cancelled" : "failed"
    const completedAt = environment.now()
    const failure = error === undefined ? null : describeFailure(error, environment.mask)
    const change = {
      status,
      startedAt,
      completedAt,
      ...countsOf(state),
      stages: counters.stages(),
      error: failure,
    } as const
    const data = {
      rows_extracted: change.rowsExtracted,
      rows_loaded: change.rowsLoaded,
      rows_rejected: change.rowsRejected,
      duration_ms: completedAt - startedAt,
    }
    const type = status === "success" ? "pipeline.completed" : status === "cancelled" ? "pipeline.cancelled" : "pipeline.failed"
    const stages = stageEvents(execution, state.stages.ended(status, failure?.stage ?? null))
    const last = runEvent(execution, type, failure === null ? data : { ...data, code: failure.code, message: failure.message })
    const stored = yield* storeEnd(execution, change, [...stages, last])
    state.report()
    // Who ran it must not be told another thing than the stored run says.
    const told = error ?? (stored.status === "success" ? undefined : closedByAnother(pipeline.name))
    return { run: stored, progress: counters.progress(run.id), error: told }
  })

/** Stores the end of the run, more than once where that fails: without it the run would be taken for one that was lost. */
const storeEnd = (
  execution: Execution,
  change: Partial<Omit<Run, "id" | "pipeline">>,
  events: ReadonlyArray<EngineEvent>,
): Effect.Effect<Run, StoreError> =>
  Effect.gen(function* () {
    const { environment, run } = execution
    const changed = yield* Effect.retry(transition(execution, change, events), { times: 3, schedule: Schedule.spaced(END_RETRY_MS) })
    if (changed) return { ...run, ...change }
    const stored = (yield* environment.store.getRun(run.id)) ?? { ...run, ...change }
    // A call that seemed to fail may have taken effect.
    const isOurs = stored.status === change.status && stored.completedAt === change.completedAt
    if (isOurs) for (const event of events) environment.publish(event)
    return stored
  })

const END_RETRY_MS = 200

/** What is durable so far. */
const countsOf = ({ durable }: RunState) => ({
  rowsExtracted: durable.read,
  rowsFiltered: durable.filtered,
  rowsLoaded: durable.loaded,
  rowsRejected: durable.rejected,
})

const failureOf = (exit: Exit.Exit<void, PipelineError>, stop: StopSwitch, pipeline: ResolvedPipeline): PipelineError | undefined => {
  // A run that has no end of its own ends well where it was asked to.
  if (Exit.isSuccess(exit)) return stop.stopping && !pipeline.isStreaming ? cancelled(pipeline.name) : undefined
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isSome(error)) return error.value
  if (Cause.hasInterruptsOnly(exit.cause)) return cancelled(pipeline.name)
  const defect = exit.cause.reasons.find((reason) => reason._tag === "Die")?.defect
  return new EngineError({
    code: "RUN_INTERRUPTED",
    message: `${pipeline.name}: this is a bug in Deltaflow or in a plugin: ${messageOf(defect)}. Report it with the pipeline file and this message.`,
    path: [pipeline.name],
    cause: defect,
  })
}

const cancelled = (pipeline: string): EngineError =>
  new EngineError({
    code: "RUN_CANCELLED",
    message: `${pipeline}: the run was cancelled. Run it again: it goes on from the last checkpoint.`,
    path: [pipeline],
  })

const describeFailure = (error: PipelineError, mask: (text: string) => string): RunFailure => ({
  code: error.code,
  message: mask(error.message),
  stage:
    error instanceof SourceError
      ? "extract"
      : error instanceof TransformError
        ? "transform"
        : error instanceof DestinationError
          ? "load"
          : null,
  step: error.path.at(-1) ?? null,
  hint: error.hint === undefined ? null : mask(error.hint),
})
