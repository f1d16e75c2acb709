import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { CLOSE_MS } from "./limitTime.ts"

/**
 * Runs the effect in a scope of its own, with a signal that aborts before anything is closed: who closes a source may wait for it to stop.
 * What does not close within `CLOSE_MS` is left behind, and `onSlow` is called: a disk that hangs must not keep a run from ending, nor
 * another plugin from being closed.
 */
export const scopedForRun = <A, E, R>(
  body: (signal: AbortSignal) => Effect.Effect<A, E, R>,
  onSlow: () => void,
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make("parallel")
      const controller = new AbortController()
      const running = yield* Effect.forkDetach(Scope.provide(body(controller.signal), scope), { startImmediately: true })
      const exit = yield* Effect.exit(restore(Fiber.join(running)))
      controller.abort()
      // A stream closes its own parts while it is interrupted, and these may hang as all others.
      const ended = yield* Effect.timeoutOption(Fiber.interrupt(running), CLOSE_MS)
      const closing = yield* Effect.forkDetach(Scope.close(scope, exit), { startImmediately: true })
      const closed = yield* Effect.timeoutOption(Fiber.await(closing), CLOSE_MS)
      if (Option.isNone(ended) || Option.isNone(closed)) onSlow()
      else if (Exit.isSuccess(exit)) yield* closed.value
      return yield* exit
    }),
  )

/**
 * Opens one plugin in a scope of its own below the run's: its parts are closed in order, plugins at the same time. What a try that failed
 * had opened is closed before the next one: it may hold what that one needs.
 */
export const withOwnScope =
  (scope: Scope.Scope) =>
  <A, E>(open: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
    Effect.flatMap(Scope.fork(scope, "sequential"), (own) =>
      Scope.provide(open, own).pipe(Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit)))),
    )
