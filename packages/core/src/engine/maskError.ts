/** Secrets out of errors, in place, so that whoever holds the error sees none. */
import type { RunEnvironment } from "./Execution.ts"

/** Plugins put into errors what they like, clients add the request that failed, and hosts print all of it with the causes. */
export const maskError = (error: unknown, environment: Pick<RunEnvironment, "maskAll">, depth = 0): void => {
  if (!(error instanceof Error) || depth > DEEPEST_CAUSE || Object.isFrozen(error)) return
  const texts: ReadonlyArray<readonly [string, PropertyDescriptor]> = [
    // Behind getters in some classes.
    ["message", { value: error.message }],
    ["stack", { value: error.stack }],
  ]
  for (const [key, { value, configurable = true }] of [...Object.entries(Object.getOwnPropertyDescriptors(error)), ...texts]) {
    const nested: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
    for (const inner of nested) maskError(inner, environment, depth + 1)
    const shown: unknown = environment.maskAll(value)
    if (configurable && shown !== value) Object.defineProperty(error, key, { value: shown, configurable: true, writable: true })
  }
}

const DEEPEST_CAUSE = 10
