/** Waiting for a connection of the host's: not for ever, since not every pool tells those who wait that it was closed. */
import { StoreError } from "@deltaflow/core"

/** Less than the engine waits for its store, so that this is what it hears. */
const LEND_MS = 20_000

const noConnection = () =>
  new StoreError({
    code: "STORE_FAILED",
    message: `store: the pool that was lent gave no connection within ${LEND_MS / 1000} s. See whether it was closed, or all its connections are in use.`,
    retryable: true,
  })

/** What `lend` gives. Where that comes too late it is given back. */
export const lentInTime = async <A>(lend: () => Promise<A>, giveBack: (lent: A) => void, hasEnded: () => boolean): Promise<A> => {
  const waiting = new Waiting(hasEnded)
  const lent = lend().then((value) => {
    if (waiting.end()) return value
    giveBack(value)
    throw noConnection()
  })
  return await waiting.race(lent)
}

/** Runs `use` in a transaction of a library, and gives its result as it is: some libraries look into what a transaction gives back. */
export const begunInTime = async <T, A>(
  transaction: (body: (tx: T) => Promise<void>) => Promise<unknown>,
  use: (tx: T) => Promise<A>,
): Promise<A> => {
  const waiting = new Waiting(() => false)
  const kept: Array<A> = []
  const done = transaction(async (tx) => {
    // Thrown within the transaction, which so ends without a word.
    if (!waiting.end()) throw noConnection()
    kept.push(await use(tx))
  })
  await waiting.race(done)
  if (kept.length === 0) throw new Error("the transaction ended without running what was given to it")
  return kept[0]!
}

const LOOK_MS = 500

class Waiting {
  private readonly timer: NodeJS.Timeout
  private readonly late: Promise<never>
  private isLate = false

  constructor(hasEnded: () => boolean) {
    const until = performance.now() + LEND_MS
    let fail: (cause: Error) => void = () => undefined
    this.late = new Promise<never>((_, reject) => (fail = reject))
    this.timer = setInterval(() => {
      if (performance.now() < until && !hasEnded()) return
      this.isLate = true
      clearInterval(this.timer)
      fail(noConnection())
    }, LOOK_MS)
  }

  /** False where it is too late. */
  end(): boolean {
    clearInterval(this.timer)
    return !this.isLate
  }

  async race<A>(promise: Promise<A>): Promise<A> {
    try {
      return await Promise.race([promise, this.late])
    } finally {
      clearInterval(this.timer)
    }
  }
}
