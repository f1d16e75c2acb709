/** What commands share that go on until they are interrupted. */
import type { Log } from "@deltaflow/core"
import { formatDuration, parseDuration } from "@deltaflow/core/adapter"
import { type Invocation, textFlag, UsageError } from "./Command.ts"
import type { Session } from "./session.ts"

const SIGNALS = ["SIGINT", "SIGTERM"] as const

const SHUTDOWN_MS = 30_000

/** Milliseconds. Throws `UsageError` where it is no duration. */
export const shutdownTimeout = (invocation: Invocation): number => {
  const flag = textFlag(invocation, "shutdown-timeout")
  const written = flag ?? invocation.env["DELTAFLOW_SHUTDOWN_TIMEOUT"]
  if (written === undefined) return SHUTDOWN_MS
  const timeout = parseDuration(written)
  if (timeout !== undefined) return timeout
  const name = flag === undefined ? "DELTAFLOW_SHUTDOWN_TIMEOUT" : "--shutdown-timeout"
  throw new UsageError(`${name} takes a duration such as 30s or 5m, not ${JSON.stringify(written)}.`)
}

/**
 * Waits for Ctrl-C or the end that a supervisor asks for, then for `close`, which gets the time that runs still have; a second signal ends
 * it at once. Gives the exit code. What still runs then is cancelled when the session closes, and goes on from its checkpoint next time.
 */
export const ended = async (invocation: Invocation, close: (timeoutMs: number) => Promise<unknown>): Promise<number> => {
  const { terminal } = invocation
  const timeout = shutdownTimeout(invocation)
  const signal = await interrupted()
  terminal.say(`Waiting for runs that go on, ${formatDuration(timeout)} at most. Press Ctrl-C again to stop at once.`)
  await Promise.race([close(timeout), again(signal)])
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
