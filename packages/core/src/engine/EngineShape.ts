/** The engine itself. The Effect service in `EngineLayer.ts` and the Promise API in `Engine.ts` only wrap this. */
import path from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { loadPromiseForm } from "../contract/define.ts"
import { type DefinitionError, EngineError, type PipelineError, SourceError, StoreError } from "../contract/Errors.ts"
import type { Log, PluginContext } from "../contract/Plugin.ts"
import {
  type EngineEvent,
  type EventFilter,
  isTerminal,
  type RunFailure,
  type Store,
  type StoredCheckpoint,
  type StoreTransaction,
} from "../contract/Store.ts"
import { decodeCursor, encodeCursor } from "../model/Cursor.ts"
import { newRunId } from "../model/Ids.ts"
import type { Row } from "../model/Value.ts"
import { defaultTempFolder } from "./Blocking.ts"
import { nodeFiles } from "../node/nodeFiles.ts"
import { pipelineJsonSchema } from "../pipeline/JsonSchema.ts"
import { Secrets } from "../pipeline/Secrets.ts"
import { codeGenerationWorks } from "../transform/Step.ts"
import { memoryStore } from "../store/memory.ts"
import { backfillName, overRange } from "./backfill.ts"
import { EventHub } from "./Events.ts"
import { maskError } from "./maskError.ts"
import {
  BY_HAND,
  CANCELS,
  cancelledFailure,
  closeOrphan,
  closeRun,
  executeRun,
  type Execution,
  type Finished,
  LEASE_MS,
  leaseHeld,
  PENDING_MS,
  type RunEnvironment,
  type StopSwitch,
} from "./Execution.ts"
import { dryRun } from "./DryRun.ts"
import { checkDecoded, type CheckedConnector, type ConnectorEntry, type ConnectorRole, decodeConnector, roleOf } from "./connectorCheck.ts"
import { limitOpening } from "./limitTime.ts"
import { limitedStore } from "./limitedStore.ts"
import { explainExecution, previewRows } from "./Looking.ts"
import type { EngineService, RunResult, StartedRun } from "./EngineService.ts"
import { confinedFiles } from "./confinedFiles.ts"
import type { EngineOptions, OutsideOptions, RunOptions } from "./Options.ts"
import { RunError } from "./RunError.ts"
import { decodeStepTest } from "./stepTest.ts"
import { scopedForRun } from "./scopedForRun.ts"
import { rememberingStep, withoutSteps } from "./Remembering.ts"
import { type PipelineInput, readyPipeline, resolve, validationOf } from "./Resolve.ts"
import type { ResolvedDestination, ResolvedPipeline, ResolvedSource } from "./Resolved.ts"
import type { DecodedPipeline } from "../pipeline/DecodedPipeline.ts"
import { keepPlace, leaseName, leaseOf, placesOf } from "./slots.ts"
import { logicalTimeOf } from "./logicalTime.ts"
import { keepPayload, payloadOf } from "./payload.ts"
import { messageOf } from "../model/messageOf.ts"
import {
  enqueue,
  type EnqueueOptions,
  openRuns,
  pendingRun,
  runExists,
  runOptionsOf,
  WAITING,
  type WaitingRun,
  waitingRun,
} from "./waiting.ts"

/** The service, and what only the Promise API needs: listening that starts at the call, not at the first `next`. */
export interface EngineShape extends EngineService {
  readonly listen: (filter: EventFilter, signal?: AbortSignal) => AsyncIterableIterator<EngineEvent>
}

/** Everything that is opened here ends with the scope: runs are cancelled and waited for, and the engine's own store is closed. */
export const makeEngine = (options: EngineOptions): Effect.Effect<EngineShape, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* Effect.promise(loadPromiseForm)
    const now = options.now ?? Date.now
    const store = limitedStore(
      options.store ??
        (yield* Effect.acquireRelease(
          Effect.sync(() => memoryStore({ now })),
          (it) => it.close(),
        )),
    )
    const hub = new EventHub()
    const live = new EngineRuns(options, store, hub, now)
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        live.cancelAll(),
        Effect.sync(() => hub.close()),
      ),
    )
    yield* live.closeOrphans()
    return live.shape()
  })

interface RunningRun {
  readonly fiber: Fiber.Fiber<unknown>
  readonly stop: StopSwitch
}

class EngineRuns {
  private readonly options: EngineOptions
  private readonly store: Store
  private readonly hub: EventHub
  private readonly now: () => number
  private readonly secrets: Secrets
  private readonly running = new Map<string, RunningRun>()
  /** Runs that have room, and those that wait for it. */
  private taken = 0
  private readonly queue: Array<Deferred.Deferred<void, EngineError>> = []
  private isClosed = false

  constructor(options: EngineOptions, store: Store, hub: EventHub, now: () => number) {
    this.options = options
    this.store = store
    this.hub = hub
    this.now = now
    this.secrets = options.secrets ?? new Secrets()
  }

  shape(): EngineShape {
    return {
      run: (pipeline, options = {}) => this.run(pipeline, options),
      start: (pipeline, options = {}) => this.start(pipeline, options),
      enqueueRun: (options) => this.enqueueRun(options),
      validate: (pipeline, options = {}) => Effect.map(this.decode(pipeline, options), validationOf),
      explain: (pipeline, options = {}) =>
        Effect.map(this.looking(pipeline, options, explainExecution), (explanation) => this.secrets.maskAll(explanation)),
      preview: (pipeline, options = {}) => this.looking(pipeline, options, (execution) => previewRows(execution, options)),
      cancel: (runId) => this.cancel(runId),
      events: (filter = {}) => this.events(filter),
      listen: (filter, signal) => this.hub.listen(filter, signal),
      getRun: (id) => this.store.getRun(id),
      listRuns: (filter = {}) => this.store.listRuns(filter),
      listEvents: (filter = {}) => this.store.listEvents(filter),
      getState: (pipeline) =>
        Effect.map(this.store.getCheckpoints(pipeline), (stored) =>
          stored.map((checkpoint) => ({ ...checkpoint, cursors: withoutSteps(checkpoint.cursors) })),
        ),
      resetState: (pipeline, definition) => this.resetState(pipeline, definition),
      setState: (pipeline, source, cursor) => this.setState(pipeline, source, cursor),
      decode: (pipeline, options = {}) => this.decode(pipeline, options),
      checkConnector: (entry, role = roleOf(entry.type, this.options.plugins), options = {}) => this.checkConnector(entry, role, options),
      closeLostRuns: this.closeOrphans(),
      room: () => Math.max(0, (this.options.concurrency ?? Infinity) - this.taken),
      refuseRun: (runId, { code, message }) =>
        this.endWaiting(runId, "failed", () => ({ code, message, stage: null, step: null, hint: null })),
      testStep: (step, rows, options = {}) => this.testStep(step, rows, options),
      store: this.store,
      plugins: this.options.plugins,
      mask: (text) => this.secrets.mask(text),
      jsonSchema: Effect.sync(() => pipelineJsonSchema(this.options.plugins)),
    }
  }

  /** A run that ends with the fiber that waits for it. */
  private run(
    pipeline: PipelineInput,
    options: RunOptions,
  ): Effect.Effect<RunResult, DefinitionError | EngineError | RunError | StoreError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const started = yield* this.start(pipeline, options)
        const result = yield* restore(started.done).pipe(Effect.onInterrupt(() => started.cancel))
        return result.failure === undefined ? result : yield* Effect.fail(new RunError(result, result.failure))
      }),
    )
  }

  private start(pipeline: PipelineInput, given: RunOptions): Effect.Effect<StartedRun, DefinitionError | EngineError | StoreError> {
    return Effect.gen({ self: this }, function* () {
      const { runId } = given
      const waiting = runId === undefined ? undefined : yield* waitingRun(this.store, runId)
      const asked = waiting === undefined ? given : { ...runOptionsOf(waiting), ...given }
      const resolved = yield* this.decode(pipeline, asked)
      const logicalTime = yield* logicalTimeOf(this.store, resolved, asked, this.now())
      const payload = yield* payloadOf(this.store, asked)
      const options = { ...asked, ...(logicalTime === undefined ? {} : { logicalTime }), ...(payload === undefined ? {} : { payload }) }
      const made = yield* Effect.try({
        try: () => this.execution(resolved, options),
        catch: (cause) => {
          if (cause instanceof EngineError) return cause
          throw cause
        },
      })
      yield* this.takeRoom(made)
      const execution = yield* this.admit(made, resolved.scheduler.concurrency ?? 1, waiting).pipe(
        Effect.onExit((exit) => Effect.sync(() => Exit.isFailure(exit) && this.leaveRoom())),
      )
      if (payload !== undefined) yield* keepPayload(this.store, execution.run.id, payload, this.now())
      const stop: StopSwitch = { stopping: false, onStop: undefined }
      const body = options.dryRun === true ? dryRun(execution) : executeRun(execution, stop)
      const done = Deferred.makeUnsafe<Finished, StoreError>()
      // An interrupted fiber ends as interrupted whatever it gave, so the finished run takes another way out.
      const whole = Effect.uninterruptible(Effect.flatMap(Effect.exit(body), (exit) => Deferred.done(done, exit)))
      // With the clock, the tracer and all else of whoever starts it.
      const fiber = Effect.runForkWith(yield* Effect.context<never>())(whole)
      const { id } = execution.run
      this.running.set(id, { fiber, stop })
      fiber.addObserver(() => {
        this.running.delete(id)
        this.leaveRoom()
      })
      this.cancelOnAbort(fiber, options.signal)
      return {
        id,
        pipeline: execution.run.pipeline,
        done: Effect.map(Deferred.await(done), toResult),
        cancel: Effect.asVoid(Effect.exit(Fiber.interrupt(fiber))),
        stop: Effect.suspend(() => stopGracefully(execution, stop, fiber)),
      }
    }).pipe(Effect.uninterruptible)
  }

  private enqueueRun(
    options: EnqueueOptions & { readonly pipeline: PipelineInput },
  ): Effect.Effect<{ readonly id: string; readonly pipeline: string }, DefinitionError | EngineError | StoreError> {
    return Effect.gen({ self: this }, function* () {
      const { tx, priority = null, tenant = null, trigger = "api", runAt, runId } = options
      const createdAt = this.now()
      const store = tx === undefined ? this.store : yield* transactionOf(this.store, tx)
      const pipeline = isName(options.pipeline)
        ? yield* storedName(store, options.pipeline)
        : (yield* this.decode(options.pipeline, options)).name
      const id = runId ?? (this.options.newRunId ?? newRunId)(createdAt)
      const { fullRefresh, variables, payload, retryOf, attempt, logicalTime } = options
      const kept = { fullRefresh, variables, payload, retryOf, attempt, logicalTime }
      const given = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined))
      yield* enqueue(store, { id, pipeline, createdAt, runAt: runAt ?? createdAt, priority, tenant, trigger, options: given })
      return { id, pipeline }
    })
  }

  /** Waits until there is room for one more run, or fails where it must not wait. */
  private takeRoom({ options, pipeline }: Execution): Effect.Effect<void, EngineError> {
    return Effect.suspend(() => {
      if (this.isClosed) return Effect.fail(engineClosed())
      const { concurrency = Infinity } = this.options
      if (this.taken < concurrency) {
        this.taken++
        return Effect.void
      }
      if (options.refusesWhileRunning === true) return Effect.fail(engineBusy(pipeline.name, concurrency))
      const room = Deferred.makeUnsafe<void, EngineError>()
      this.queue.push(room)
      return Effect.onInterrupt(Effect.interruptible(Deferred.await(room)), () =>
        Effect.sync(() => {
          const at = this.queue.indexOf(room)
          // One that was let in just now passes its room on.
          if (at < 0) this.leaveRoom()
          else this.queue.splice(at, 1)
        }),
      )
    })
  }

  private leaveRoom(): void {
    const next = this.queue.shift()
    if (next === undefined) this.taken--
    else Deferred.doneUnsafe(next, Effect.void)
  }

  /** Puts the run into the store, or takes it from those that wait. */
  private admit(made: Execution, concurrency: number, waiting: WaitingRun | undefined): Effect.Effect<Execution, EngineError | StoreError> {
    return Effect.gen({ self: this }, function* () {
      const { options, run } = made
      // Before a lease is taken, which would be that of the run that goes on, by its id, and would keep one alive that is lost.
      if (waiting === undefined && options.runId !== undefined && (yield* this.store.getRun(run.id)) !== undefined)
        return yield* Effect.fail(runExists(run.id))
      const isEarly = options.refusesWhileRunning === true || waiting !== undefined || concurrency > 1
      const execution = isEarly && options.dryRun !== true ? yield* this.takeLease(made, concurrency) : made
      yield* keepPlace(this.store, run, execution.pipeline.name, this.now())
      if (waiting !== undefined) {
        const isMine = yield* this.store.deleteEntry(WAITING, run.id)
        const stored = isMine ? yield* this.store.getRun(run.id) : undefined
        if (!isMine || (stored !== undefined && stored.status !== "pending")) return yield* this.refuseTwin(execution)
        if (stored !== undefined) {
          yield* this.store.updateRun(run.id, { revision: run.revision, logicalTime: run.logicalTime })
          return { ...execution, run: { ...run, createdAt: stored.createdAt } }
        }
      }
      const created = yield* Effect.exit(this.store.createRun(run))
      if (Exit.isSuccess(created)) return execution
      if (options.runId !== undefined && (yield* this.store.getRun(run.id)) !== undefined) return yield* this.refuseTwin(execution)
      return yield* Effect.andThen(created, Effect.succeed(execution))
    })
  }

  /** Another process has the run of this id, and with it the lease, which goes by the id: only where that run has ended is it ours. */
  private refuseTwin({ pipeline, run }: Execution): Effect.Effect<never, EngineError | StoreError> {
    return Effect.gen({ self: this }, function* () {
      const stored = yield* this.store.getRun(run.id)
      const lease = yield* this.store.getLease(leaseName(pipeline.name))
      if (stored !== undefined && isTerminal(stored.status) && lease?.owner === run.id) yield* this.store.releaseLease(lease)
      return yield* Effect.fail(runExists(run.id))
    })
  }

  /** Before there is a run; it is the run's own lease, which takes it once more. */
  private takeLease(execution: Execution, concurrency: number): Effect.Effect<Execution, EngineError | StoreError> {
    const { pipeline, run } = execution
    // A backfill has a name of its own, and one place.
    const places = placesOf(pipeline.name, pipeline.name === run.pipeline && pipeline.range === undefined ? concurrency : 1)
    return Effect.gen({ self: this }, function* () {
      for (let waited = 0; ; waited += RELEASE_LOOK_MS) {
        let isLettingGo = false
        for (const place of places) {
          const name = leaseName(place)
          const lease = yield* this.store.acquireLease(name, run.id, LEASE_MS)
          if (lease !== undefined) return { ...execution, pipeline: { ...pipeline, name: place }, lease }
          const held = yield* this.store.getLease(name)
          const holder = held === undefined ? undefined : yield* this.store.getRun(held.owner)
          // A run is stored as ended before it lets go of its lease, which it does next.
          isLettingGo ||= held === undefined || (holder !== undefined && isTerminal(holder.status))
        }
        if (!isLettingGo || waited >= RELEASE_MS) return yield* Effect.fail(leaseHeld(pipeline.name))
        yield* Effect.sleep(RELEASE_LOOK_MS)
      }
    })
  }

  private checkConnector(
    entry: ConnectorEntry,
    role: ConnectorRole,
    options: OutsideOptions,
  ): Effect.Effect<CheckedConnector, PipelineError> {
    return Effect.gen({ self: this }, function* () {
      const decoded = yield* decodeConnector(entry, role, this.options, this.secrets)
      const execution = this.execution(decoded, options)
      const { environment, pipeline } = execution
      const began = performance.now()
      const name = role === "source" ? pipeline.sources[0]!.name : pipeline.destinations[0]!.name
      const slow = () =>
        new EngineError({
          code: "STEP_TIMEOUT",
          message: `${entry.type}: there was no answer within ${CHECK_MS / 1000} s. See whether the address is right and can be reached.`,
          path: [entry.type],
          retryable: true,
        })
      const facts = yield* scopedForRun(
        (signal) =>
          checkDecoded(pipeline, role, environment.context(name, signal, environment.now(), {})).pipe(limitOpening(CHECK_MS, slow)),
        () => environment.log.warn(`${entry.type}: the connection that was tried does not close`),
      ).pipe(Effect.tapError((error) => Effect.sync(() => maskError(error, environment))))
      return { role, latencyMs: Math.round(performance.now() - began), facts }
    })
  }

  private testStep(
    step: Readonly<Record<string, unknown>>,
    rows: ReadonlyArray<Row>,
    { limit = rows.length * 100 + 100 }: { readonly limit?: number },
  ): Effect.Effect<ReadonlyArray<Row>, PipelineError> {
    const decoded = decodeStepTest(step, rows, this.options, this.secrets)
    return Effect.flatMap(decoded, (pipeline) =>
      Effect.map(
        this.looking(pipeline, {}, (execution) => previewRows(execution, { limit })),
        (preview) => preview.rows,
      ),
    )
  }

  private events(filter: EventFilter): Stream.Stream<EngineEvent> {
    const listening = Effect.acquireRelease(
      Effect.sync(() => this.hub.listen(filter)),
      (listener) => Effect.promise(async () => void (await listener.return?.())),
    )
    return Stream.unwrap(Effect.map(listening, (listener) => Stream.orDie(Stream.fromAsyncIterable(listener, (cause) => cause))))
  }

  private cancelOnAbort(fiber: Fiber.Fiber<unknown>, signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    const abort = () => void Effect.runFork(Fiber.interrupt(fiber))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    fiber.addObserver(() => signal.removeEventListener("abort", abort))
  }

  private looking<A>(
    pipeline: PipelineInput,
    options: Pick<RunOptions, "variables"> & OutsideOptions,
    look: (execution: Execution) => Effect.Effect<A, PipelineError>,
  ): Effect.Effect<A, PipelineError> {
    const ready = Effect.gen({ self: this }, function* () {
      const resolved = yield* this.decode(pipeline, options)
      const logicalTime = yield* logicalTimeOf(this.store, resolved, {}, this.now())
      return this.execution(resolved, logicalTime === undefined ? options : { ...options, logicalTime })
    })
    return Effect.flatMap(ready, (execution) => {
      return Effect.tapCause(look(execution), ({ reasons }) =>
        Effect.sync(() => {
          for (const reason of reasons) {
            if (reason._tag === "Fail") maskError(reason.error, execution.environment)
            if (reason._tag === "Die") maskError(reason.defect, execution.environment)
          }
        }),
      )
    })
  }

  private decode(pipeline: PipelineInput, { variables }: Pick<RunOptions, "variables">): Effect.Effect<DecodedPipeline, DefinitionError> {
    return resolve(pipeline, this.options, this.secrets, variables)
  }

  private execution(decoded: DecodedPipeline, options: RunOptions): Execution {
    const createdAt = this.now()
    const id = options.runId ?? (this.options.newRunId ?? newRunId)(createdAt)
    const run = pendingRun(id, options.range === undefined ? decoded.name : backfillName(decoded.name), createdAt, options)
    const environment = this.options.environment ?? "development"
    const runtime = { pipeline_name: decoded.name, run_id: run.id, environment }
    const { pipeline, functions } = readyPipeline(decoded, this.options, runtime, options)
    const ready = options.range === undefined ? pipeline : overRange(pipeline, options.range)
    return { pipeline: ready, functions, run, options, environment: this.environment(run, options) }
  }

  private environment(run: Execution["run"], { allowsAddress, confinesFiles = false }: RunOptions): RunEnvironment {
    const { options } = this
    const projectRoot = options.projectRoot ?? process.cwd()
    const files = options.files ?? nodeFiles()
    const shared = {
      projectRoot,
      log: maskedLog(options.log, this.secrets),
      ...(confinesFiles
        ? { files: confinedFiles(files, projectRoot), allowOutside: false }
        : {
            files,
            allowOutside: options.allowOutside ?? false,
            ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
            ...(options.stdout === undefined ? {} : { stdout: options.stdout }),
          }),
      ...(allowsAddress === undefined ? {} : { allowsAddress }),
    }
    return {
      store: this.store,
      now: this.now,
      mask: (text) => this.secrets.mask(text),
      maskAll: (data) => this.secrets.maskAll(data),
      publish: (event) => this.hub.publish(event),
      log: shared.log,
      context: (name, signal, startedAt, runtimeValues): PluginContext => ({
        ...shared,
        pipeline: run.pipeline,
        runId: run.id,
        name,
        signal,
        startedAt,
        runtimeValues,
      }),
      sql: options.plugins.find((plugin) => plugin.kind === "sql"),
      spill: { files, folder: path.resolve(projectRoot, options.tempFolder ?? defaultTempFolder()), now: this.now },
      environment: options.environment ?? "development",
      backend: options.backend ?? (codeGenerationWorks() ? "code" : "closure"),
      loadModule: options.loadModule ?? ((url) => import(/* @vite-ignore */ url) as Promise<Record<string, unknown>>),
    }
  }

  private cancel(runId: string): Effect.Effect<boolean, StoreError> {
    return Effect.suspend(() => {
      const running = this.running.get(runId)
      return running === undefined ? this.cancelElsewhere(runId) : Effect.as(Effect.exit(Fiber.interrupt(running.fiber)), true)
    })
  }

  /** One that waits, or that another process runs, which looks now and then whether it is to end. */
  private cancelElsewhere(runId: string): Effect.Effect<boolean, StoreError> {
    return Effect.gen({ self: this }, function* () {
      if (yield* this.endWaiting(runId, "cancelled", cancelledFailure)) return true
      const isOpen = Effect.map(this.store.getRun(runId), (run) => run !== undefined && !isTerminal(run.status))
      if (!(yield* isOpen)) return false
      yield* this.store.saveEntry({ collection: CANCELS, key: runId, value: true, expiresAt: this.now() + CANCEL_KEPT_MS })
      for (let waited = 0; waited < CANCEL_MS; waited += CANCEL_LOOK_MS) {
        if (!(yield* isOpen)) return true
        yield* Effect.sleep(CANCEL_LOOK_MS)
      }
      return false
    })
  }

  /** Who takes the entry away decides what becomes of the run. */
  private endWaiting(
    runId: string,
    status: "cancelled" | "failed",
    failure: (pipeline: string) => RunFailure,
  ): Effect.Effect<boolean, StoreError> {
    return Effect.gen({ self: this }, function* () {
      if (!(yield* this.store.deleteEntry(WAITING, runId))) return false
      const run = yield* this.store.getRun(runId)
      const environment = { store: this.store, now: this.now, publish: (event: EngineEvent) => this.hub.publish(event) }
      if (run !== undefined) yield* closeRun(environment, run, status, failure(run.pipeline))
      return true
    })
  }

  cancelAll(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isClosed = true
      for (const room of this.queue.splice(0)) Deferred.doneUnsafe(room, Effect.fail(engineClosed()))
      return Fiber.interruptAll([...this.running.values()].map((run) => run.fiber))
    })
  }

  /** Invariant 8: what an earlier process left running is closed at the next start. */
  closeOrphans(): Effect.Effect<void, StoreError> {
    return Effect.gen({ self: this }, function* () {
      // Whoever starts one that waits has the lease before it takes the entry away, so entries are looked at first.
      for (const run of yield* openRuns(this.store, undefined, () => true)) {
        // By the store's clock, and not by this process's, which may be another.
        const isAlive = (yield* leaseOf(this.store, run)) !== undefined
        // A pending run may be about to take its lease. One from the future was made by a clock that is wrong.
        const isYoung = run.status === "pending" && Math.abs(this.now() - run.createdAt) < PENDING_MS
        if (!isAlive && !isYoung) yield* closeOrphan({ store: this.store, now: this.now, publish: (event) => this.hub.publish(event) }, run)
      }
    })
  }

  private resetState(
    pipeline: string,
    definition: PipelineInput | undefined,
  ): Effect.Effect<void, DefinitionError | EngineError | SourceError | StoreError> {
    const reset = (destinations: ReadonlyArray<ResolvedDestination>) =>
      this.changeCheckpoints(pipeline, (stored) =>
        [...stored, ...notStored(pipeline, destinations, stored)].map((checkpoint) => ({ ...checkpoint, cursors: {}, state: null })),
      )
    if (definition === undefined) return reset([])
    return Effect.gen({ self: this }, function* () {
      const decoded = yield* this.decode(definition, {})
      const execution = this.execution(decoded, {})
      yield* reset(execution.pipeline.destinations)
      // Behind the cursors: what is given back without them would leave cursors that lead nowhere.
      yield* Effect.forEach(execution.pipeline.sources, (source) => forgetSource(execution, source), { discard: true })
    })
  }

  private setState(input: PipelineInput, name: string, text: string): Effect.Effect<void, DefinitionError | EngineError | StoreError> {
    return Effect.gen({ self: this }, function* () {
      const decoded = yield* this.decode(input, {})
      const { pipeline } = readyPipeline(decoded, this.options, { pipeline_name: decoded.name, run_id: "", environment: "" }, {})
      const source = pipeline.sources.find((candidate) => candidate.name === name)
      if (source?.incremental === undefined) return yield* Effect.fail(noSuchCursor(pipeline, name))
      const remembering = rememberingStep(pipeline)
      if (remembering !== undefined) return yield* Effect.fail(cursorOfStates(pipeline, name, remembering))
      const cursor = yield* Effect.try({
        try: () => encodeCursor(decodeCursor(text)),
        catch: (cause) => wrongCursor(pipeline.name, name, cause),
      })
      yield* this.changeCheckpoints(pipeline.name, (stored) =>
        pipeline.destinations.map((destination) => {
          const known =
            stored.find((checkpoint) => checkpoint.destination === destination.name) ?? firstCheckpoint(pipeline.name, destination.name)
          return {
            ...known,
            cursors: { ...known.cursors, [name]: cursor },
            cursorVersions: { ...known.cursorVersions, [name]: source.plugin.cursorVersion ?? 1 },
            fingerprints: { ...known.fingerprints, [name]: source.fingerprint },
          }
        }),
      )
    })
  }

  /** Stores checkpoints with a new epoch, so that a destination that keeps its own is overruled too. */
  private changeCheckpoints(
    pipeline: string,
    change: (stored: ReadonlyArray<StoredCheckpoint>) => ReadonlyArray<StoredCheckpoint>,
  ): Effect.Effect<void, EngineError | StoreError> {
    return Effect.gen({ self: this }, function* () {
      const lease = yield* this.store.acquireLease(leaseName(pipeline), newRunId(this.now()), RESET_MS)
      if (lease === undefined) return yield* Effect.fail(stateHeld(pipeline))
      const stored = yield* this.store.getCheckpoints(pipeline)
      const highest = Math.max(0, ...stored.map((checkpoint) => checkpoint.epoch))
      const raised =
        lease.epoch > highest ? lease : ((yield* this.store.acquireLease(lease.name, lease.owner, RESET_MS, highest + 1)) ?? lease)
      const save = Effect.forEach(change(stored), (checkpoint) =>
        this.store.saveCheckpoint({ ...checkpoint, runId: BY_HAND, epoch: raised.epoch, updatedAt: this.now() }, raised),
      )
      const saved = yield* save.pipe(Effect.ensuring(Effect.ignore(this.store.releaseLease(raised))))
      if (saved.includes(false)) return yield* Effect.fail(stateHeld(pipeline))
    })
  }
}

const isName = (pipeline: PipelineInput): pipeline is string => typeof pipeline === "string" && /^[a-z0-9][a-z0-9_-]{0,63}$/.test(pipeline)

const storedName = (store: Pick<Store, "getDefinition">, name: string): Effect.Effect<string, EngineError | StoreError> =>
  Effect.flatMap(store.getDefinition(name), (stored) => {
    if (stored !== undefined) return Effect.succeed(name)
    const message = `${name}: there is no pipeline of this name in the store. Save it, start a scheduler that has it, or give its definition.`
    return Effect.fail(new EngineError({ code: "UNKNOWN_PIPELINE", message, path: [name] }))
  })

const transactionOf = (store: Store, tx: unknown): Effect.Effect<StoreTransaction, StoreError> =>
  Effect.try({
    try: () => {
      if (store.inTransaction !== undefined) return store.inTransaction(tx)
      const message = "store: it takes no transaction of the host, so a run cannot be part of one. Use a PostgreSQL store for `tx`."
      throw new StoreError({ code: "STORE_FAILED", message })
    },
    catch: (cause) => {
      if (cause instanceof StoreError) return cause
      throw cause
    },
  })

const engineBusy = (pipeline: string, concurrency: number): EngineError =>
  new EngineError({
    code: "ENGINE_BUSY",
    message: `${pipeline}: ${concurrency} runs go on, as many as the engine may have at once. Wait until one has ended.`,
    path: [pipeline],
    retryable: true,
  })

const engineClosed = (): EngineError =>
  new EngineError({ code: "RUN_CANCELLED", message: "the engine was closed before the run began.", path: [] })

const forgetSource = (
  { environment, pipeline }: Execution,
  { plugin, name, config, timeout }: ResolvedSource,
): Effect.Effect<void, SourceError> =>
  Effect.suspend(() => {
    const context = environment.context(name, new AbortController().signal, environment.now(), {})
    const slow = () =>
      new SourceError({
        code: "STEP_TIMEOUT",
        message: `${pipeline.name} / ${name}: the source did not give back what it keeps within ${timeout / 1000} s. The cursors are forgotten; reset the state again.`,
        path: [pipeline.name, name],
      })
    return plugin.forget?.({ ...context, config }).pipe(limitOpening(timeout, slow)) ?? Effect.void
  })

/** Of destinations that may hold a checkpoint which the store does not know, to overrule it. */
const notStored = (
  pipeline: string,
  destinations: ReadonlyArray<ResolvedDestination>,
  stored: ReadonlyArray<StoredCheckpoint>,
): ReadonlyArray<StoredCheckpoint> =>
  destinations
    .filter(({ name, plugin }) => plugin.checkpoint !== undefined && stored.every(({ destination }) => destination !== name))
    .map(({ name }) => firstCheckpoint(pipeline, name))

const firstCheckpoint = (pipeline: string, destination: string): StoredCheckpoint => ({
  pipeline,
  destination,
  runId: BY_HAND,
  epoch: 0,
  batchId: 0,
  cursors: {},
  cursorVersions: {},
  fingerprints: {},
  state: null,
  updatedAt: 0,
})

const noSuchCursor = (pipeline: ResolvedPipeline, name: string): EngineError => {
  const known = pipeline.sources.filter((source) => source.incremental !== undefined).map((source) => source.name)
  const choice = known.length === 0 ? "No source of it has `incremental`." : `Choose ${known.join(" or ")}.`
  return new EngineError({
    code: "CURSOR_INVALID",
    message: `${pipeline.name}: no source named ${name} keeps a cursor. ${choice}`,
    path: [pipeline.name, name],
  })
}

const cursorOfStates = ({ name: pipeline, steps }: ResolvedPipeline, name: string, step: number): EngineError =>
  new EngineError({
    code: "CURSOR_INVALID",
    message: `${pipeline} / ${name}: the step ${steps[step]!.type} keeps what it has seen up to the cursor that is stored, and knows of no other. Reset the state, or run with --full-refresh.`,
    path: [pipeline, name],
    hint: "deltaflow state reset",
  })

const wrongCursor = (pipeline: string, name: string, cause: unknown): EngineError =>
  new EngineError({
    code: "CURSOR_INVALID",
    message: `${pipeline} / ${name}: the cursor is no JSON: ${messageOf(cause)}. Write it as \`state show\` prints it.`,
    path: [pipeline, name],
    cause,
  })

const RESET_MS = 60_000

/** How long a run of another process may take to end, milliseconds, and between two looks. */
const CANCEL_MS = 10_000
const CANCEL_LOOK_MS = 50

/** How long it is kept that a run is to end: longer than a process stands still and lives. */
const CANCEL_KEPT_MS = 3_600_000

/** How long a run that has ended may take to let go of its lease, milliseconds, and between two looks. */
const RELEASE_MS = 2000
const RELEASE_LOOK_MS = 10

/** The longest that a test of a connection may take, milliseconds. */
const CHECK_MS = 10_000

const stateHeld = (pipeline: string): EngineError =>
  new EngineError({
    code: "LEASE_HELD",
    message: `${pipeline}: the pipeline runs now. Change its state when the run has ended.`,
    path: [pipeline],
  })

const toResult = ({ run, progress, error }: Finished): RunResult => ({ ...run, progress, failure: error })

const stopGracefully = (execution: Execution, stop: StopSwitch, fiber: Fiber.Fiber<unknown>): Effect.Effect<void> => {
  stop.stopping = true
  stop.onStop?.()
  const isIncremental = execution.pipeline.sources.every((source) => source.incremental !== undefined)
  return Effect.asVoid(Effect.exit(isIncremental ? Fiber.await(fiber) : Fiber.interrupt(fiber)))
}

const maskedLog = (log: Log | undefined, secrets: Secrets): Log => {
  const write = (level: keyof Log) => (message: string, fields?: Record<string, unknown>) =>
    log?.[level](secrets.mask(message), fields === undefined ? undefined : secrets.maskAll(fields))
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") }
}
