/**
 * Transforms of the host's own, beside the built-in steps: a function over rows, a patch, or a batch.
 *
 * - `row`: gets a plain object, gives a row, several rows, or null to filter it out. The engine cannot know what it leaves untouched.
 * - `patch`: gets a lazy row, whose values are decoded when read, and gives only what changes. All else goes through as bytes.
 * - `batch`: gets an array of plain objects and gives one.
 * All may be async. A row function must not keep the lazy row after it has returned.
 */
import type { Row } from "../model/Value.ts"
import type { Log, StandardSchema } from "./Plugin.ts"

export interface TransformContext<Config = unknown> {
  readonly config: Config
  readonly log: Log
  readonly signal: AbortSignal
  readonly runId: string
  readonly pipeline: string
}

export type RowFunction<Config = unknown> = (row: Row, context: TransformContext<Config>) => RowResult | Promise<RowResult>

export type RowResult = Row | ReadonlyArray<Row> | null | undefined

export type PatchFunction<Config = unknown> = (
  row: Readonly<Row>,
  context: TransformContext<Config>,
) => Row | null | undefined | Promise<Row | null | undefined>

export type BatchFunction<Config = unknown> = (
  rows: ReadonlyArray<Row>,
  context: TransformContext<Config>,
) => ReadonlyArray<Row> | Promise<ReadonlyArray<Row>>

export type TransformFunction<Config = any> =
  | { readonly mode: "row"; readonly run: RowFunction<Config> }
  | { readonly mode: "patch"; readonly run: PatchFunction<Config> }
  | { readonly mode: "batch"; readonly run: BatchFunction<Config> }

/** A transform as a plugin: registered on an engine, used by its type. */
export interface Transform<Config = any> {
  readonly kind: "transform"
  readonly type: string
  readonly summary: string
  readonly config: StandardSchema<any, Config>
  readonly jsonSchema?: unknown
  readonly apply: TransformFunction<Config>
}
