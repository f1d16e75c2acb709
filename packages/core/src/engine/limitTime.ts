import * as Effect from "effect/Effect"

/** Fails with `error()` where the effect takes longer; interrupts it then. */
export const limitTime =
  <E>(milliseconds: number, error: () => E) =>
  <A, E2, R>(effect: Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2, R> =>
    Number.isFinite(milliseconds) ? Effect.timeoutOrElse(effect, { duration: milliseconds, orElse: () => Effect.fail(error()) }) : effect
