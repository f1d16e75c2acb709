/** Every function that compiled expressions call, by name. All of them are pure. */
import { castRuntime } from "./casts.ts"
import { compareFunctions, pick, quantify } from "./comparison.ts"
import { decimalRuntime } from "./decimals.ts"
import { doubleRuntime } from "./doubles.ts"
import { integerRuntime } from "./integers.ts"
import { stringRuntime } from "./strings.ts"

export type RuntimeFunction = (...args: Array<unknown>) => unknown

const all: Readonly<Record<string, unknown>> = {
  ...castRuntime,
  ...compareFunctions,
  ...decimalRuntime,
  ...doubleRuntime,
  ...integerRuntime,
  ...stringRuntime,
  pick,
  quantify,
}

/** Has no prototype, so that no name of it reaches anything else. */
export const runtime: Readonly<Record<string, RuntimeFunction>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, RuntimeFunction>, all),
)

/** The function of this name; every node that names one was made by the checker. */
export const runtimeFunction = (name: string): RuntimeFunction => {
  const found = runtime[name]
  if (found === undefined) throw new Error(`The expression names the function ${name}, which this version does not have.`)
  return found
}
