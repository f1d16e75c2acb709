/**
 * Transforms of the host's own, beside the built-in steps: a function over rows, a patch, or a batch.
 *
 * - `row`: gets a plain object, gives a row, several rows, or null to filter it out. The engine cannot know what it leaves untouched.
 * - `patch`: gets a lazy row, whose values are decoded when read, and gives only what changes. All else goes through as bytes.
 * - `batch`: gets an array of plain objects and gives one.
 * All may be async. A function must not keep a lazy row after it has returned: reading it then throws.
 *
 * With `setup` the step has a state; see `StateFunctions`.
 */
import type { Row } from "../model/Value.ts"
import type { Log, StandardSchema } from "./Plugin.ts"

/** What a function that makes the state gets. */
export interface SetupContext<Config = unknown> {
  readonly config: Config
  readonly log: Log
  /** Aborts when the run ends early, and when a call beside this one has failed. */
  readonly signal: AbortSignal
  readonly runId: string
  readonly pipeline: string
}

export interface TransformContext<Config = unknown, State = unknown> extends SetupContext<Config> {
  /** What `setup` gave; undefined without it. */
  readonly state: State
}

export type RowFunction<Config = unknown, State = unknown> = (
  row: Row,
  context: TransformContext<Config, State>,
) => RowResult | Promise<RowResult>

export type RowResult = Row | ReadonlyArray<Row> | null

export type PatchFunction<Config = unknown, State = unknown> = (
  row: Readonly<Row>,
  context: TransformContext<Config, State>,
) => Row | null | undefined | Promise<Row | null | undefined>

export type BatchFunction<Config = unknown, State = unknown> = (
  rows: ReadonlyArray<Row>,
  context: TransformContext<Config, State>,
) => ReadonlyArray<Row> | Promise<ReadonlyArray<Row>>

/** The last rows: one, several, as many as an iterable gives, or none. */
export type FinishResult = Row | Iterable<Row> | AsyncIterable<Row> | null | undefined | void

/** What a stateful step does beside its row, patch or batch function. It runs in the main thread and sees all rows in order. */
export interface StateFunctions<Config = unknown, State = unknown> {
  /** Makes the state, once for each reading of the sources and before the first row. */
  readonly setup: (context: SetupContext<Config>) => State | PromiseLike<State>
  /**
   * Gives the last rows, after all rows have gone through; they come behind all others. Not called after a failure or a cancel. Until it
   * has ended, nothing is committed.
   */
  readonly finish?: (context: TransformContext<Config, State>) => FinishResult | Promise<FinishResult>
  /** Called once at the end of the run, however it ended, where `setup` had succeeded. The signal has aborted before. */
  readonly close?: (context: TransformContext<Config, State>) => unknown
  /**
   * Whether what `finish` gives in one run depends on no row of an earlier one. Default false: the step is then refused where a source is
   * incremental.
   */
  readonly eachRun?: boolean
}

export type TransformFunction<Config = any, State = any> = (
  | { readonly mode: "row"; readonly run: RowFunction<Config, State> }
  | { readonly mode: "patch"; readonly run: PatchFunction<Config, State> }
  | { readonly mode: "batch"; readonly run: BatchFunction<Config, State> }
) & {
  readonly state?: StateFunctions<Config, State>
  /** Calls of an async function that may be under way at once, where the step says nothing. */
  readonly concurrency?: number
}

/** A transform as a plugin: registered on an engine, used by its type. */
export interface Transform<Config = any> {
  readonly kind: "transform"
  readonly type: string
  readonly summary: string
  readonly config: StandardSchema<any, Config>
  readonly jsonSchema?: unknown
  readonly apply: TransformFunction<Config>
}
