import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { DestinationError } from "../contract/Errors.ts"
import type { ResolvedDestination, ResolvedPipeline } from "./Resolved.ts"

/** Fails with `error()` where the effect takes longer; interrupts it then. */
export const limitTime =
  <E>(milliseconds: number, error: () => E) =>
  <A, E2, R>(effect: Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2, R> =>
    Number.isFinite(milliseconds) ? Effect.timeoutOrElse(effect, { duration: milliseconds, orElse: () => Effect.fail(error()) }) : effect

/** How long a run waits for what it has interrupted or closes, before it ends without it, milliseconds. */
export const CLOSE_MS = 5000

/**
 * The same for opening something, which cannot be interrupted half-way. Where it does not end in time, or within `CLOSE_MS` after an
 * interruption, it is left behind: the scope is closed by then, so that what it opens later is closed at once.
 */
export const limitOpening =
  <E>(milliseconds: number, error: () => E) =>
  <A, E2, R>(effect: Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), (fiber) => {
        const leave = Effect.suspend(() =>
          fiber.pollUnsafe() === undefined ? Effect.timeoutOption(Fiber.interrupt(fiber), CLOSE_MS) : Effect.void,
        )
        return restore(limitTime(milliseconds, error)(Fiber.join(fiber))).pipe(Effect.ensuring(leave))
      }),
    )

/** The error of a destination that took longer than the pipeline lets it. */
export const timeLimit = (
  pipeline: Pick<ResolvedPipeline, "name" | "timeout">,
  destination: Pick<ResolvedDestination, "name">,
  what: string,
): DestinationError =>
  new DestinationError({
    code: "STEP_TIMEOUT",
    message: `${pipeline.name} / ${destination.name}: the destination ${what} within ${pipeline.timeout / 1000} s. Raise timeout, or see what it waits for.`,
    path: [pipeline.name, destination.name],
  })
