/**
 * Ids of runs and events: `run_` and `evt_`, then 10 characters of time and 16 of chance, in Crockford's base 32, lower case.
 *
 * As text they sort by time. Those made by one process are all different and each sorts after the one before, also within one
 * millisecond and when the clock is set back.
 */

/** A number from 0 to below 1, as `Math.random` gives it. */
export type Random = () => number

/** Makes ids that only grow. A simulation that must be the same again makes its own, with its own chance. */
export class IdSequence {
  private readonly prefix: string
  private readonly random: Random
  private time = -1
  private high = 0
  private low = 0

  constructor(prefix: string, random: Random = cryptoRandom) {
    this.prefix = prefix
    this.random = random
  }

  /** `now` in milliseconds since 1970. */
  next(now: number): string {
    const time = Math.min(Math.max(Math.trunc(now), 0), MAX_TIME)
    if (time > this.time) this.restart(time)
    else this.increment()
    return this.prefix + base32(this.time, 10) + base32(this.high, 8) + base32(this.low, 8)
  }

  private restart(time: number): void {
    this.time = time
    // The top bit stays free, so that counting on does not run over.
    this.high = Math.floor(this.random() * (HALF / 2))
    this.low = Math.floor(this.random() * HALF)
  }

  private increment(): void {
    this.low++
    if (this.low < HALF) return
    this.low = 0
    this.high++
  }
}

const HALF = 2 ** 40
const MAX_TIME = 2 ** 48 - 1
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"

const base32 = (value: number, length: number): string => {
  let text = ""
  let rest = value
  for (let i = 0; i < length; i++) {
    text = DIGITS[rest % 32]! + text
    rest = Math.floor(rest / 32)
  }
  return text
}

const cryptoRandom: Random = () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32

// Shared by all engines of a process: nothing passes through them but that no two ids are the same.
const runs = new IdSequence("run_")
const events = new IdSequence("evt_")

/** With `random` given, the id depends on nothing else. */
export const newRunId = (now: number, random?: Random): string => (random === undefined ? runs : new IdSequence("run_", random)).next(now)

export const newEventId = (now: number): string => events.next(now)
