/** The definition as a test runs it: what moves rows, without what sources and destinations are connected to. */
import { destinationFields, sourceFields } from "../ConnectorDefinition.ts"
import { isMapping } from "../path.ts"

/** Type of the destination that a test puts in place of the dead letter. */
export const TEST_DEAD_LETTER = "test_dead_letter"

const kept = ["name", "version", "description", "mode", "defaults", "sources", "transforms", "schema", "destinations", "error_handling"]

/**
 * Keeps of sources and destinations only the keys that all of them share, so that no variable of a connector needs a value. What is wrong
 * in the definition stays, to be found when it is decoded. Rows are tried again at once.
 */
export const withoutEnds = (definition: unknown): unknown => {
  if (!isMapping(definition)) return definition
  const part = keysOf(definition, kept)
  const { sources, destinations, error_handling: errors } = part
  return {
    ...part,
    ...(sources === undefined ? {} : { sources: each(sources, Object.keys(sourceFields)) }),
    ...(destinations === undefined ? {} : { destinations: each(destinations, Object.keys(destinationFields)) }),
    ...(errors === undefined || isMapping(errors)
      ? { error_handling: { ...errors, retry_delay: 0, dead_letter: { type: TEST_DEAD_LETTER } } }
      : {}),
  }
}

const each = (list: unknown, keys: ReadonlyArray<string>): unknown =>
  Array.isArray(list) ? list.map((entry: unknown) => (isMapping(entry) ? keysOf(entry, keys) : entry)) : list

const keysOf = (mapping: Readonly<Record<string, unknown>>, keys: ReadonlyArray<string>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(mapping).filter(([key]) => keys.includes(key)))
