/**
 * The Promise form of plugins, for authors who know JavaScript and nothing of Effect: async generators, plain objects, an `AbortSignal`.
 * Built on the Effect form in `defineEffect.ts`, so that no guarantee is lost.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Batch } from "../model/Batch.ts"
import type { Row } from "../model/Value.ts"
import {
  defineDestination as destinationOf,
  defineSource as sourceOf,
  type DestinationTraits,
  type ReadRequest,
  type RowsLoad,
  type SourceTraits,
  type Yielded,
} from "./defineEffect.ts"
import type { Checkpoint, CommitResult, Destination, LoadRequest } from "./Destination.ts"
import type { PluginContext } from "./Plugin.ts"
import type { Source } from "./Source.ts"

export { anyConfig } from "./anyConfig.ts"
export { isRetryable, messageOf, type Yielded } from "./defineEffect.ts"
export { defineTransform, type TransformOptions } from "./defineTransform.ts"

export interface SourceOptions<Config, Cursor> extends SourceTraits<Config> {
  /**
   * Called once per run. Close what you opened in `finally`: it also runs when the run is cancelled. Wait for nothing longer than `signal`
   * lets you.
   */
  readonly read: (request: ReadRequest<Config, Cursor>) => AsyncIterable<Yielded> | Iterable<Yielded>
}

/** A source from an async generator. */
export const defineSource = <Config = unknown, Cursor = any>({ read, ...traits }: SourceOptions<Config, Cursor>): Source<Config> =>
  sourceOf<Config, Cursor>({ ...traits, read: (request) => yieldedBy(() => read(request)) })

/** A stream over what the iterable yields; its `finally` has run when the scope is closed. */
const yieldedBy = (start: () => AsyncIterable<Yielded> | Iterable<Yielded>) =>
  Stream.fromPull(
    Effect.gen(function* () {
      const iterator = yield* Effect.acquireRelease(Effect.try({ try: () => iterate(start()), catch: asThrown }), (it) =>
        Effect.promise(async () => void (await it.return?.(undefined))),
      )
      const next = Effect.tryPromise({ try: async () => await iterator.next(), catch: asThrown })
      return Effect.flatMap(next, (result) => (result.done === true ? Cause.done() : Effect.succeed([result.value] as const)))
    }),
  )

const asThrown = (cause: unknown): unknown => cause

const iterate = (items: AsyncIterable<Yielded> | Iterable<Yielded>): AsyncIterator<Yielded> | Iterator<Yielded> =>
  Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()

/** What a destination in the Promise form is opened with. */
export type OpenRequest<Config> = LoadRequest<Config>

export interface OpenLoad extends Pick<RowsLoad, "commitsEarly" | "label" | "location"> {
  /** Takes the rows of one batch, as plain objects. In order, one call at a time. */
  readonly write: (rows: ReadonlyArray<Row>, batch: Batch) => Promise<void> | void
  /** Makes everything durable with the checkpoint. `final` is true once, at the end. */
  readonly commit?: (checkpoint: Checkpoint, final: boolean) => Promise<CommitResult | void> | CommitResult | void
  /** Always called at the end, after the final commit or without one. */
  readonly close?: (committed: boolean) => Promise<void> | void
}

export interface DestinationOptions<Config> extends DestinationTraits<Config> {
  readonly checkpoint?: (context: PluginContext & { readonly config: Config }) => Promise<Checkpoint | undefined>
  readonly open: (request: OpenRequest<Config>) => Promise<OpenLoad> | OpenLoad
}

/** A destination from plain async functions. */
export const defineDestination = <Config = unknown>({ checkpoint, open, ...traits }: DestinationOptions<Config>): Destination<Config> =>
  destinationOf<Config>({
    ...traits,
    ...(checkpoint === undefined ? {} : { checkpoint: (context) => called(() => checkpoint(context)) }),
    open: (request) =>
      Effect.gen(function* () {
        let committed = false
        const load = yield* Effect.acquireRelease(
          called(() => open(request)),
          (opened) => Effect.promise(async () => await opened.close?.(committed)),
        )
        const { commitsEarly, label, location } = load
        return {
          ...(commitsEarly === undefined ? {} : { commitsEarly }),
          ...(label === undefined ? {} : { label }),
          ...(location === undefined ? {} : { location }),
          write: (rows, batch) => called(() => load.write(rows, batch)),
          commit: (checkpointNow, final) =>
            Effect.tap(
              called(() => load.commit?.(checkpointNow, final)),
              () => Effect.sync(() => void (committed ||= final)),
            ),
        } satisfies RowsLoad
      }),
  })

const called = <A>(run: () => Promise<A> | A): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: async () => await run(), catch: asThrown })
