/** Every function that compiled expressions call, by name. All of them are pure. */
import { arrayRuntime } from "./functions/arrays.ts"
import { bytesRuntime } from "./functions/bytes.ts"
import { castRuntime } from "./functions/casts.ts"
import { compareFunctions, pick, quantify } from "./comparison.ts"
import { dateFormatRuntime } from "./functions/dateFormat.ts"
import { datePartRuntime } from "./functions/dateParts.ts"
import { dateRuntime } from "./functions/dates.ts"
import { decimalMathRuntime } from "./functions/decimalMath.ts"
import { decimalRuntime } from "./functions/decimals.ts"
import { doubleRuntime } from "./functions/doubles.ts"
import { integerRuntime } from "./functions/integers.ts"
import { jsonRuntime } from "./functions/json.ts"
import { likeRuntime } from "./functions/like.ts"
import { numberFormatRuntime } from "./functions/numberFormat.ts"
import { regexRuntime } from "./functions/regex.ts"
import { stringRuntime } from "./functions/strings.ts"
import { textFieldRuntime } from "./functions/textFields.ts"

export type RuntimeFunction = (...args: Array<unknown>) => unknown

const parts: ReadonlyArray<Readonly<Record<string, unknown>>> = [
  arrayRuntime,
  bytesRuntime,
  castRuntime,
  compareFunctions,
  dateFormatRuntime,
  datePartRuntime,
  dateRuntime,
  decimalMathRuntime,
  decimalRuntime,
  doubleRuntime,
  integerRuntime,
  jsonRuntime,
  likeRuntime,
  numberFormatRuntime,
  regexRuntime,
  stringRuntime,
  textFieldRuntime,
  { pick, quantify },
]

const collect = (): Record<string, RuntimeFunction> => {
  // Has no prototype, so that no name reaches anything else.
  const all = Object.create(null) as Record<string, RuntimeFunction>
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      if (all[name] !== undefined) throw new Error(`Two functions of the expression runtime are named ${name}.`)
      all[name] = value as RuntimeFunction
    }
  }
  return all
}

export const runtime: Readonly<Record<string, RuntimeFunction>> = Object.freeze(collect())

/** The function of this name; every node that names one was made by the checker. */
export const runtimeFunction = (name: string): RuntimeFunction => {
  const found = runtime[name]
  if (found === undefined) throw new Error(`The expression names the function ${name}, which this version does not have.`)
  return found
}
