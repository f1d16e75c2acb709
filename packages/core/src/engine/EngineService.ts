/** What an engine does, as effects: the shape of the Effect service, and what the Promise API calls. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { DefinitionError, EngineError, PipelineError, SourceError, StoreError } from "../contract/Errors.ts"
import type { EngineEvent, EventFilter, Run, RunFilter, Store, StoredCheckpoint } from "../contract/Store.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import type { Row } from "../model/Value.ts"
import type { Explanation } from "../pipeline/explain.ts"
import type { DecodedPipeline } from "../pipeline/DecodedPipeline.ts"
import type { CheckedConnector, ConnectorEntry, ConnectorRole } from "./connectorCheck.ts"
import type { OutsideOptions, Plugin, RunOptions, RunProgress } from "./Options.ts"
import type { PipelineInput, Validation } from "./Resolve.ts"
import type { RunError } from "./RunError.ts"
import type { EnqueueOptions } from "./waiting.ts"

/** A finished run: what the store keeps, and the last counts by source, step and destination. */
export interface RunResult extends Run {
  readonly progress: RunProgress
  /** The error that ended the run; undefined after success. */
  readonly failure: PipelineError | undefined
}

/** A run that goes on by itself, whatever becomes of the fiber that started it. */
export interface StartedRun {
  readonly id: string
  readonly pipeline: string
  /** The finished run, whatever its status; fails only where the store does. Interrupting it leaves the run alone. */
  readonly done: Effect.Effect<RunResult, StoreError>
  /** Ends the run at once; everything is closed when the effect has ended. */
  readonly cancel: Effect.Effect<void>
  /** Ends the run at its next cursor, so that the rows read so far count. Without `incremental` it is the same as `cancel`. */
  readonly stop: Effect.Effect<void>
}

export interface PreviewOptions extends Pick<RunOptions, "variables" | "allowsAddress" | "confinesFiles"> {
  /** Rows at most. Default 20. */
  readonly limit?: number
  /** Rows after this many steps; default all. 0 shows the sources. */
  readonly step?: number
}

export interface Preview {
  readonly schema: BatchSchema
  readonly rows: ReadonlyArray<Row>
  /** The first rows of each child table, where the last step takes some out. */
  readonly children: ReadonlyArray<ChildPreview>
}

export interface ChildPreview {
  readonly name: string
  readonly schema: BatchSchema
  readonly rows: ReadonlyArray<Row>
}

type Variables = Pick<RunOptions, "variables">

export interface EngineService {
  /**
   * Runs a pipeline to its end. Fails with `RunError` where the run fails or is cancelled. Interrupting the effect cancels the run and
   * waits until everything is closed.
   */
  readonly run: (
    pipeline: PipelineInput,
    options?: RunOptions,
  ) => Effect.Effect<RunResult, DefinitionError | EngineError | RunError | StoreError>
  /** Starts a run and gives a handle to it. The run is cancelled when the engine's scope closes. */
  readonly start: (pipeline: PipelineInput, options?: RunOptions) => Effect.Effect<StartedRun, DefinitionError | EngineError | StoreError>
  /**
   * Makes a run that waits, which a scheduler on the same store starts when there is room; gives its id. `pipeline` is a definition, or the
   * name of one in the store.
   */
  readonly enqueueRun: (
    options: EnqueueOptions & { readonly pipeline: PipelineInput },
  ) => Effect.Effect<{ readonly id: string; readonly pipeline: string }, DefinitionError | EngineError | StoreError>
  /** Checks a definition without reading a row: its keys, its plugins' configs, what must fit together. */
  readonly validate: (pipeline: PipelineInput, options?: Variables) => Effect.Effect<Validation, DefinitionError>
  /** The plan. Opens the sources, reads at most a sample. */
  readonly explain: (pipeline: PipelineInput, options?: Variables) => Effect.Effect<Explanation, PipelineError>
  /** The first rows after a step. Writes nothing and moves no state. */
  readonly preview: (pipeline: PipelineInput, options?: PreviewOptions) => Effect.Effect<Preview, PipelineError>
  /**
   * Cancels a run and waits until it has ended; also one that waits to be started, and one that another process runs on the same store.
   * False where there is none to cancel, or where the other process has not ended it within 10 s.
   */
  readonly cancel: (runId: string) => Effect.Effect<boolean, StoreError>
  /** Events from when the stream begins, in order, until the engine's scope closes. The store has those of before. */
  readonly events: (filter?: EventFilter) => Stream.Stream<EngineEvent>
  readonly getRun: (id: string) => Effect.Effect<Run | undefined, StoreError>
  /** Newest first. */
  readonly listRuns: (filter?: RunFilter) => Effect.Effect<{ readonly runs: ReadonlyArray<Run>; readonly total: number }, StoreError>
  /** Oldest first. */
  readonly listEvents: (filter?: EventFilter) => Effect.Effect<ReadonlyArray<EngineEvent>, StoreError>
  /** The checkpoints of a pipeline, one per destination. */
  readonly getState: (pipeline: string) => Effect.Effect<ReadonlyArray<StoredCheckpoint>, StoreError>
  /**
   * Forgets the cursors of a pipeline, so that the next run reads all. With its definition its sources give back what they keep for it,
   * such as a replication slot. Fails with `LEASE_HELD` while it runs.
   */
  readonly resetState: (
    pipeline: string,
    definition?: PipelineInput,
  ) => Effect.Effect<void, DefinitionError | EngineError | SourceError | StoreError>
  /**
   * Sets the cursor of one source for every destination of the pipeline, as text that `getState` gives. Works before the first run too.
   * Fails while the pipeline runs, and where the source keeps no cursor.
   */
  readonly setState: (
    pipeline: PipelineInput,
    source: string,
    cursor: string,
  ) => Effect.Effect<void, DefinitionError | EngineError | StoreError>
  /** The definition, checked and with its defaults; `written` is what it was, as data. */
  readonly decode: (pipeline: PipelineInput, options?: Variables) => Effect.Effect<DecodedPipeline, DefinitionError>
  /**
   * Tries one connector by itself, without reading or writing a row. `role` is that of its plugin; where there are two, a source. Fails
   * with `DefinitionError` for a wrong config.
   */
  readonly checkConnector: (
    entry: ConnectorEntry,
    role?: ConnectorRole,
    options?: OutsideOptions,
  ) => Effect.Effect<CheckedConnector, PipelineError>
  /**
   * Closes runs whose process is gone. Done when an engine starts and when a pipeline runs; whoever goes on for long may do it now and
   * then.
   */
  readonly closeLostRuns: Effect.Effect<void, StoreError>
  /** Runs that could be started at once now: `Infinity` where the engine has no `concurrency`. */
  readonly room: () => number
  /** Ends a run that waits as failed, because it can never start; false where it does not wait. */
  readonly refuseRun: (runId: string, why: { readonly code: string; readonly message: string }) => Effect.Effect<boolean, StoreError>
  /**
   * What one step, with its config, makes of these rows. Fails with `DefinitionError` for a wrong step, and with the error of the first row
   * that the step cannot take.
   */
  readonly testStep: (
    step: Readonly<Record<string, unknown>>,
    rows: ReadonlyArray<Row>,
    options?: Pick<PreviewOptions, "limit">,
  ) => Effect.Effect<ReadonlyArray<Row>, PipelineError>
  /** The store that it works with, for those who show what is in it. */
  readonly store: Store
  readonly plugins: ReadonlyArray<Plugin>
  /** The text without any secret that the engine knows. */
  readonly mask: (text: string) => string
  /** JSON Schema (draft-07) of a pipeline file with this engine's plugins. */
  readonly jsonSchema: Effect.Effect<unknown>
}
