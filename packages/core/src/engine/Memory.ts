/** Bounds the bytes that are between the source and the end of the load. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

export interface Memory {
  /** Waits until there is room, and gives the amount to release. What is larger than the whole is taken alone. */
  readonly take: (bytes: number) => Effect.Effect<number>
  readonly release: (amount: number) => Effect.Effect<void>
}

/** Counted in KiB, so that the semaphore's numbers stay small. */
export const makeMemory = (bytes: number): Memory => {
  const total = Math.max(1, Math.floor(bytes / 1024))
  const semaphore = Semaphore.makeUnsafe(total)
  return {
    take: (size) => {
      const amount = Math.max(1, Math.min(total, Math.ceil(size / 1024)))
      return Effect.as(semaphore.take(amount), amount)
    },
    release: (amount) => Effect.asVoid(semaphore.release(amount)),
  }
}
