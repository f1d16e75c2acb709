/**
 * The Promise form of plugins, for authors who know JavaScript and nothing of Effect: async generators, plain objects, an `AbortSignal`.
 * It is turned into the Effect form when a run opens it, so that no guarantee is lost, and a program that only defines plugins does not
 * load Effect.
 */
import type { Batch } from "../model/Batch.ts"
import type { Row } from "../model/Value.ts"
import type { RowsLoad } from "./defineEffect.ts"
import type { Checkpoint, CommitResult, CommittedRows, Destination, LoadRequest } from "./Destination.ts"
import type { PluginContext } from "./Plugin.ts"
import type { Source } from "./Source.ts"
import { destinationFields, type DestinationTraits, type ReadRequest, sourceFields, type SourceTraits, type Yielded } from "./traits.ts"

export { anyConfig } from "./anyConfig.ts"
export { defineTransform, type TransformOptions } from "./defineTransform.ts"
export type { Yielded } from "./traits.ts"

let promiseForm: typeof import("./promiseForm.ts") | undefined

/**
 * Loads what opens plugins in the Promise form, and Effect with it. Engines do so themselves; only who calls `open` of such a plugin
 * without an engine awaits it before.
 */
export const loadPromiseForm = async (): Promise<void> => {
  promiseForm ??= await import("./promiseForm.ts")
}

const loaded = (): typeof import("./promiseForm.ts") => {
  if (promiseForm === undefined)
    throw new Error("This plugin is opened without an engine. Await loadPromiseForm() of @deltaflow/core first.")
  return promiseForm
}

export interface SourceOptions<Config, Cursor> extends SourceTraits<Config> {
  /**
   * Called once per run. Close what you opened in `finally`: it also runs when the run is cancelled. Wait for nothing longer than `signal`
   * lets you.
   */
  readonly read: (request: ReadRequest<Config, Cursor>) => AsyncIterable<Yielded> | Iterable<Yielded>
}

/** A source from an async generator. */
export const defineSource = <Config = unknown, Cursor = any>(options: SourceOptions<Config, Cursor>): Source<Config> => ({
  ...sourceFields(options),
  open: (request) => loaded().toSource(options).open(request),
})

/** What a destination in the Promise form is opened with. */
export type OpenRequest<Config> = LoadRequest<Config>

export interface OpenLoad extends Pick<RowsLoad, "commitsEarly" | "label" | "location"> {
  /** Takes the rows of one batch, as plain objects. In order, one call at a time. */
  readonly write: (rows: ReadonlyArray<Row>, batch: Batch) => Promise<void> | void
  /** Makes everything durable with the checkpoint. `final` is true once, at the end. */
  readonly commit?: (checkpoint: Checkpoint, final: boolean, rows: CommittedRows) => Promise<CommitResult | void> | CommitResult | void
  /** Always called at the end, after the final commit or without one. */
  readonly close?: (committed: boolean) => Promise<void> | void
}

export interface DestinationOptions<Config> extends DestinationTraits<Config> {
  readonly checkpoint?: (context: PluginContext & { readonly config: Config }) => Promise<Checkpoint | undefined>
  readonly open: (request: OpenRequest<Config>) => Promise<OpenLoad> | OpenLoad
}

/** A destination from plain async functions. */
export const defineDestination = <Config = unknown>(options: DestinationOptions<Config>): Destination<Config> => {
  return {
    ...destinationFields(options),
    ...(options.checkpoint === undefined ? {} : { checkpoint: (context) => loaded().toDestination(options).checkpoint!(context) }),
    open: (request) => loaded().toDestination(options).open(request),
  }
}
