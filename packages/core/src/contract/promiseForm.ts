/** From the Promise form of plugins to the Effect form. `define.ts` loads this when the first of them is opened. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { DestinationOptions, SourceOptions } from "./define.ts"
import { defineDestination, defineSource, type RowsLoad } from "./defineEffect.ts"
import type { Destination } from "./Destination.ts"
import type { PluginContext } from "./Plugin.ts"
import type { Source } from "./Source.ts"
import { messageOf } from "../model/messageOf.ts"
import type { Yielded } from "./traits.ts"

export const toSource = <Config, Cursor>({ read, ...traits }: SourceOptions<Config, Cursor>): Source<Config> =>
  defineSource<Config, Cursor>({ ...traits, read: (request) => yieldedBy(() => read(request), request) })

/** A stream over what the iterable yields; its `finally` has run when the scope is closed. */
const yieldedBy = (start: () => AsyncIterable<Yielded> | Iterable<Yielded>, context: PluginContext) =>
  Stream.fromPull(
    Effect.gen(function* () {
      const iterator = yield* Effect.acquireRelease(Effect.try({ try: () => iterate(start()), catch: asThrown }), (it) =>
        closing(context, () => it.return?.(undefined)),
      )
      const next = Effect.tryPromise({ try: async () => await iterator.next(), catch: asThrown })
      return Effect.flatMap(next, (result) => (result.done === true ? Cause.done() : Effect.succeed([result.value] as const)))
    }),
  )

/** What cannot be closed is told and left: all rows have been read or written by now, or the run has failed for another reason. */
const closing = ({ log, name }: PluginContext, close: () => unknown): Effect.Effect<void> =>
  called(async () => void (await close())).pipe(
    Effect.catch((cause) => Effect.sync(() => log.warn(`${name}: it could not be closed: ${messageOf(cause)}`))),
  )

const asThrown = (cause: unknown): unknown => cause

const iterate = (items: AsyncIterable<Yielded> | Iterable<Yielded>): AsyncIterator<Yielded> | Iterator<Yielded> =>
  Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()

export const toDestination = <Config>({ checkpoint, open, ...traits }: DestinationOptions<Config>): Destination<Config> =>
  defineDestination<Config>({
    ...traits,
    ...(checkpoint === undefined ? {} : { checkpoint: (context) => called(() => checkpoint(context)) }),
    open: (request) =>
      Effect.gen(function* () {
        let committed = false
        let lastCall: Promise<unknown> = Promise.resolve()
        const calling = <A>(run: () => Promise<A> | A) =>
          called(() => {
            const call = (async () => await run())()
            lastCall = call
            return call
          })
        const load = yield* Effect.acquireRelease(
          called(() => open(request)),
          (opened) =>
            // A run that is interrupted leaves a call that goes on; nothing is closed under it before it had time to end.
            Effect.andThen(
              Effect.timeoutOption(
                Effect.promise(() => Promise.allSettled([lastCall])),
                GRACE_MS,
              ),
              closing(request, () => opened.close?.(committed)),
            ),
        )
        const { commitsEarly, label, location } = load
        return {
          ...(commitsEarly === undefined ? {} : { commitsEarly }),
          ...(label === undefined ? {} : { label }),
          ...(location === undefined ? {} : { location }),
          write: (rows, batch) => calling(() => load.write(rows, batch)),
          commit: (checkpointNow, final, rows) =>
            Effect.tap(
              calling(() => load.commit?.(checkpointNow, final, rows)),
              () => Effect.sync(() => void (committed ||= final)),
            ),
        } satisfies RowsLoad
      }),
  })

const called = <A>(run: () => Promise<A> | A): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: async () => await run(), catch: asThrown })

/** How long a call that nobody waits for any more may go on before the load is closed, milliseconds. */
const GRACE_MS = 1000
