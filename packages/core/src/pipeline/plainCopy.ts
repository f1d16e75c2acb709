/** A definition as plain data of its own: what the caller changes later changes nothing here. */
import { isMapping, type Path } from "./path.ts"
import type { Problem } from "./problem.ts"

/** As deep as a file may be. */
export const DEEPEST_LEVEL = 64

/**
 * Copies mappings and lists; keys without a value (`schedule: undefined`) go. Anything else is kept as it is: a host may hand iterables
 * and functions to a connector in code.
 */
export const plainCopy = (value: unknown, report: (problems: ReadonlyArray<Problem>) => void): unknown => {
  let isTooDeep = false
  const copy = (inner: unknown, path: Path): unknown => {
    if (path.length > DEEPEST_LEVEL && !isTooDeep) {
      report([
        {
          code: "YAML_LIMIT",
          message: `the definition is more than ${DEEPEST_LEVEL} levels deep, or holds itself.`,
          path: path.slice(0, 3),
        },
      ])
      isTooDeep = true
    }
    // A list that holds itself twice would go on for ever.
    if (isTooDeep) return undefined
    if (Array.isArray(inner)) return inner.map((item, i) => copy(item, [...path, i]))
    if (!isMapping(inner)) return inner
    const entries = Object.entries(inner).filter(([, item]) => item !== undefined)
    return Object.fromEntries(entries.map(([key, item]) => [key, copy(item, [...path, key])]))
  }
  return copy(value, [])
}
