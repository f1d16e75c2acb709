/** What commands share that go on until they are interrupted. */
import type { Log } from "@deltaflow/core"
import type { Invocation } from "./Command.ts"
import type { Session } from "./session.ts"

const SIGNALS = ["SIGINT", "SIGTERM"] as const

/** Waits for Ctrl-C or the end that a supervisor asks for, then for `close`; a second Ctrl-C ends it at once. Gives the exit code. */
export const ended = async ({ terminal }: Invocation, close: () => Promise<unknown>): Promise<number> => {
  const signal = await interrupted()
  terminal.say("Waiting for runs that go on. Press Ctrl-C again to stop at once.")
  await Promise.race([close(), again(signal)])
  return signal === "SIGINT" ? 130 : 0
}

/** To where a person looks, as lines. */
export const servingLog = (terminal: Invocation["terminal"], { secrets }: Session): Pick<Log, "warn" | "error"> => ({
  warn: (message) => terminal.say(`${terminal.style("yellow", "warning")}: ${message}`),
  error: (message, fields) =>
    terminal.say(`${terminal.style("red", "error")}: ${secrets.mask(message)}${fields === undefined ? "" : ` ${JSON.stringify(fields)}`}`),
})

const interrupted = (): Promise<(typeof SIGNALS)[number]> =>
  new Promise((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(signal))
  })

const again = (signal: (typeof SIGNALS)[number]): Promise<void> => new Promise((resolve) => process.once(signal, () => resolve()))
