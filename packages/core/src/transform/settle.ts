/** Many calls of an async function, a bounded number at a time. */

export type Settled<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly error: unknown }

export interface SettleOptions {
  /** Calls that may be under way at once. */
  readonly limit: number
  /** Starts no further call once one has failed. */
  readonly stopsOnFailure: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Calls `call` with 0, 1, … in this order and waits for all that were started; results come in the order of the calls. After a failure or
 * an abort the list is shorter than `count`, and everything before the failure is in it.
 */
export const settle = async <A>(
  count: number,
  call: (index: number) => PromiseLike<A> | A,
  options: SettleOptions,
): Promise<ReadonlyArray<Settled<A>>> => {
  const results: Array<Settled<A>> = []
  let next = 0
  let failed = false
  const goesOn = (): boolean => next < count && !(failed && options.stopsOnFailure) && options.signal?.aborted !== true

  const callOne = async (index: number): Promise<Settled<A>> => {
    try {
      return { ok: true, value: await call(index) }
    } catch (error) {
      failed = true
      return { ok: false, error }
    }
  }

  const worker = async (): Promise<void> => {
    while (goesOn()) {
      const index = next++
      results[index] = await callOne(index)
    }
  }

  await Promise.all(Array.from({ length: Math.min(count, options.limit) }, worker))
  return results
}
