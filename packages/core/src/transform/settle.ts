/** Many calls of an async function, a bounded number at a time. */

export type Settled<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly error: unknown }

export interface SettleOptions {
  /** Calls that may be under way at once. */
  readonly limit: number
  readonly signal: AbortSignal | undefined
  /**
   * Where one failing call fails all: hears of the first that has failed, and should make those beside it end. No further call is started.
   * Without it a failure is a result like any other.
   */
  readonly onFailure?: (error: unknown) => void
  /** How long calls before the one that failed may go on, so that the error of the first of several is told, milliseconds. */
  readonly grace: number
}

/** The first call that failed. */
export class CallError extends Error {
  readonly index: number
  constructor({ index, error }: Failure) {
    super(`call ${index} failed`, { cause: error })
    this.index = index
  }
}

interface Failure {
  readonly index: number
  readonly error: unknown
}

/**
 * Calls `call` with 0, 1, … in this order and waits for all that were started; results come in the order of the calls. After an abort the
 * list is shorter than `count`. Rejects with `CallError`, where one failure fails all.
 */
export const settle = async <A>(
  count: number,
  call: (index: number) => PromiseLike<A> | A,
  { limit, signal, onFailure, grace }: SettleOptions,
): Promise<ReadonlyArray<Settled<A>>> => {
  const results: Array<Settled<A>> = []
  const running = new Map<number, Promise<unknown>>()
  const failures: Array<Failure> = []
  const failed = Promise.withResolvers<void>()
  let next = 0
  const goesOn = (): boolean => next < count && failures.length === 0 && signal?.aborted !== true

  const callOne = async (index: number): Promise<void> => {
    try {
      results[index] = { ok: true, value: await call(index) }
    } catch (error) {
      results[index] = { ok: false, error }
      if (onFailure === undefined) return
      failures.push({ index, error })
      if (failures.length === 1) onFailure(error)
      failed.resolve()
    }
  }

  const worker = async (): Promise<void> => {
    while (goesOn()) {
      const index = next++
      const done = callOne(index)
      running.set(index, done)
      await done
      running.delete(index)
    }
  }

  await Promise.race([Promise.all(Array.from({ length: Math.min(count, limit) }, worker)), failed.promise])
  const [first] = failures
  if (first === undefined) return results
  const before = Array.from(running).flatMap(([index, done]) => (index < first.index ? [done] : []))
  await within(grace, before)
  throw new CallError(failures.filter((failure) => isOwn(failure, first)).reduce((a, b) => (a.index < b.index ? a : b)))
}

/** Whether a call failed by itself, and not because it heard of the first that did. */
const isOwn = (failure: Failure, first: Failure): boolean =>
  failure === first || (failure.error !== first.error && !(failure.error instanceof Error && failure.error.name === "AbortError"))

/** Waits until all have ended, and not for longer than this. */
export const within = async (milliseconds: number, calls: ReadonlyArray<PromiseLike<unknown>>): Promise<void> => {
  if (calls.length === 0) return
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, milliseconds)
  await Promise.race([Promise.allSettled(calls), late.promise])
  clearTimeout(timer)
}
