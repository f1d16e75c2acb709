/**
 * The engine for people who do not know Effect: promises, async iterables, `await using`.
 *
 * It writes nothing to stdout, installs no signal handler, never ends the process, and keeps nothing global: two engines in one process do
 * not meet.
 */
import type * as Effect from "effect/Effect"
import { EngineError } from "../contract/Errors.ts"
import { isPlugin } from "../contract/isPlugin.ts"
import type { EngineEvent, EventFilter, Run, RunFilter, StoredCheckpoint } from "../contract/Store.ts"
import type { Row } from "../model/Value.ts"
import type { PipelineInput, Validation } from "./Resolve.ts"
import type { DecodedPipeline } from "../pipeline/DecodedPipeline.ts"
import type { CheckedConnector, ConnectorEntry, ConnectorRole } from "./connectorCheck.ts"
import type { EngineService, Preview, PreviewOptions, RunResult } from "./EngineService.ts"
import type { EngineScope } from "./EngineScope.ts"
import type { EngineShape } from "./EngineShape.ts"
import type { Explanation } from "../pipeline/explain.ts"
import type { EngineOptions, RunOptions } from "./Options.ts"
import type { EnqueueOptions } from "./waiting.ts"

/** A run that goes on. */
export interface RunHandle {
  readonly id: string
  readonly pipeline: string
  /** The finished run, whatever its status: this promise rejects only where the store fails. */
  readonly done: Promise<RunResult>
  /** Ends the run at once; everything is closed when the promise resolves. */
  readonly cancel: () => Promise<void>
  /** Ends the run at its next cursor, so that the rows read so far count. Without `incremental` it is the same as `cancel`. */
  readonly stop: () => Promise<void>
}

export class Engine implements AsyncDisposable {
  private readonly options: EngineOptions
  private loaded: Promise<EngineScope> | undefined

  constructor(options: EngineOptions) {
    this.options = options
  }

  /**
   * Runs a pipeline to its end. Rejects with `RunError` where it fails or is cancelled, and with `DefinitionError` where the definition is
   * wrong.
   */
  async run(pipeline: PipelineInput, options: RunOptions = {}): Promise<RunResult> {
    return await this.call((engine) => engine.run(pipeline, options))
  }

  /** Starts a run and gives a handle to it. Rejects with `DefinitionError` where the definition is wrong. */
  async start(pipeline: PipelineInput, options: RunOptions = {}): Promise<RunHandle> {
    const scope = await this.scope()
    const engine = await scope.engine()
    const started = await scope.toPromise(engine.start(pipeline, options))
    return {
      id: started.id,
      pipeline: started.pipeline,
      done: scope.toPromise(started.done),
      cancel: () => scope.toPromise(started.cancel),
      stop: () => scope.toPromise(started.stop),
    }
  }

  /**
   * Makes a run that waits, which a scheduler on the same store starts when there is room. `pipeline` is a definition, or the name of one
   * in the store. Rejects with `RUN_EXISTS` where the `runId` is taken.
   */
  async enqueueRun(
    options: EnqueueOptions & { readonly pipeline: PipelineInput },
  ): Promise<{ readonly id: string; readonly pipeline: string }> {
    return await this.call((engine) => engine.enqueueRun(options))
  }

  /** Checks a definition without reading a row: its keys, its plugins' configs, its expressions where the columns are known. */
  async validate(pipeline: PipelineInput, options: Pick<RunOptions, "variables"> = {}): Promise<Validation> {
    return await this.call((engine) => engine.validate(pipeline, options))
  }

  /**
   * The plan: what is read, what is pushed down, what is fused, which types each step gives, which guarantee holds. Opens the sources,
   * reads at most a sample.
   */
  async explain(pipeline: PipelineInput, options: Pick<RunOptions, "variables"> = {}): Promise<Explanation> {
    return await this.call((engine) => engine.explain(pipeline, options))
  }

  /** The first rows after a step. Writes nothing and moves no state. */
  async preview(pipeline: PipelineInput, options: PreviewOptions = {}): Promise<Preview> {
    return await this.call((engine) => engine.preview(pipeline, options))
  }

  /**
   * Cancels a run and waits until it has ended; also one that waits to be started, and one that another process runs on the same store.
   * False where there is none to cancel, or where the other process has not ended it within 10 s.
   */
  async cancel(runId: string): Promise<boolean> {
    return await this.call((engine) => engine.cancel(runId))
  }

  /** Events from now on, in order. Leave the loop, abort the signal or close the engine to end it. */
  events(filter: EventFilter & { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<EngineEvent> {
    return lazily(async () => (await (await this.scope()).engine()).listen(filter, filter.signal))
  }

  async getRun(id: string): Promise<Run | undefined> {
    return await this.call((engine) => engine.getRun(id))
  }

  /** Newest first. */
  async listRuns(filter: RunFilter = {}): Promise<{ readonly runs: ReadonlyArray<Run>; readonly total: number }> {
    return await this.call((engine) => engine.listRuns(filter))
  }

  /** Oldest first. */
  async listEvents(filter: EventFilter = {}): Promise<ReadonlyArray<EngineEvent>> {
    return await this.call((engine) => engine.listEvents(filter))
  }

  /** The checkpoints of a pipeline, one per destination. */
  async getState(pipeline: string): Promise<ReadonlyArray<StoredCheckpoint>> {
    return await this.call((engine) => engine.getState(pipeline))
  }

  /**
   * Forgets the cursors of a pipeline, so that the next run reads all. With its definition its sources give back what they keep for it,
   * such as a replication slot. Rejects while it runs.
   */
  async resetState(pipeline: string, definition?: PipelineInput): Promise<void> {
    return await this.call((engine) => engine.resetState(pipeline, definition))
  }

  /**
   * Sets the cursor of one source for every destination of the pipeline, as text that `getState` gives. Works before the first run too.
   * Rejects while the pipeline runs, and where the source keeps no cursor.
   */
  async setState(pipeline: PipelineInput, source: string, cursor: string): Promise<void> {
    return await this.call((engine) => engine.setState(pipeline, source, cursor))
  }

  /** The definition, checked and with its defaults; `written` is what it was, as data. Rejects with `DefinitionError`. */
  async decode(pipeline: PipelineInput, options: Pick<RunOptions, "variables"> = {}): Promise<DecodedPipeline> {
    return await this.call((engine) => engine.decode(pipeline, options))
  }

  /**
   * Tries one connector by itself, without reading or writing a row: `{ type: "postgres", connection: "…" }`. `role` is that of its plugin;
   * where there are two, a source. Rejects where it cannot be reached, and with `DefinitionError` for a wrong config.
   */
  async checkConnector(entry: ConnectorEntry, role?: ConnectorRole): Promise<CheckedConnector> {
    return await this.call((engine) => engine.checkConnector(entry, role))
  }

  /** What one step, with its config, makes of these rows: `{ type: "filter", condition: "age >= 18" }`. */
  async testStep(step: Readonly<Record<string, unknown>>, rows: ReadonlyArray<Row>): Promise<ReadonlyArray<Row>> {
    return await this.call((engine) => engine.testStep(step, rows))
  }

  /** The engine as the Effect service has it, for adapters that mount it. */
  async service(): Promise<EngineService> {
    return await (await this.scope()).engine()
  }

  /** JSON Schema (draft-07) of a pipeline file with this engine's plugins. */
  async jsonSchema(): Promise<unknown> {
    return await this.call((engine) => engine.jsonSchema)
  }

  /** Cancels what runs, waits for it, and closes what the engine opened itself. */
  async close(): Promise<void> {
    await (await this.scope()).close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async call<A>(use: (engine: EngineShape) => Effect.Effect<A, unknown>): Promise<A> {
    const scope = await this.scope()
    return await scope.toPromise(use(await scope.engine()))
  }

  private scope(): Promise<EngineScope> {
    // A program that has an engine may never use it, so what runs pipelines is loaded by the first call.
    this.loaded ??= import("./EngineScope.ts").then(({ EngineScope }) => new EngineScope(this.options))
    return this.loaded
  }
}

/**
 * The entry point of the library. Nothing is opened before the first call. Throws `EngineError` where `plugins` is no list of plugins; of
 * two that have the same kind and type, the first counts.
 */
export const createEngine = (options: EngineOptions): Engine => {
  const plugins: unknown = (options as Partial<EngineOptions> | undefined)?.plugins
  if (!Array.isArray(plugins))
    throw misuse("`plugins` is missing. Give a list of the sources, destinations and transforms that pipelines may name.")
  const wrong = plugins.findIndex((plugin) => !isPlugin(plugin))
  if (wrong >= 0)
    throw misuse(`plugins[${wrong}] is no plugin with a type. Give what defineSource, defineDestination or defineTransform makes.`)
  return new Engine(options)
}

const misuse = (what: string): EngineError => new EngineError({ code: "INVALID_VALUE", message: `createEngine: ${what}` })

const lazily = <A>(make: () => Promise<AsyncIterableIterator<A>>): AsyncIterableIterator<A> => {
  // Listening starts at the call, not at the first `next`, so that no event in between is missed.
  const made = make()
  made.catch(() => undefined) // house-rules: allow, met by whoever calls next
  return {
    next: async () => await (await made).next(),
    return: async () => {
      const iterator = await made
      return (await iterator.return?.()) ?? { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
