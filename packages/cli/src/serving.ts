/** What commands share that go on until they are interrupted. */
import type { Invocation } from "./Command.ts"

const SIGNALS = ["SIGINT", "SIGTERM"] as const

/** Waits for Ctrl-C or the end that a supervisor asks for, then for `close`; a second Ctrl-C ends it at once. Gives the exit code. */
export const ended = async ({ terminal }: Invocation, close: () => Promise<unknown>): Promise<number> => {
  const signal = await interrupted()
  terminal.say("Waiting for runs that go on. Press Ctrl-C again to stop at once.")
  await Promise.race([close(), again(signal)])
  return signal === "SIGINT" ? 130 : 0
}

const interrupted = (): Promise<(typeof SIGNALS)[number]> =>
  new Promise((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(signal))
  })

const again = (signal: (typeof SIGNALS)[number]): Promise<void> => new Promise((resolve) => process.once(signal, () => resolve()))
