/**
 * Definitions as they are shown to others and come back from them: a secret that stands in one reads `***`, and who sends `***` back at
 * that place means the secret that is there.
 */
import type { Plugin } from "./decodeConnectors.ts"
import type { PipelineDefinition } from "./Definition.ts"
import { type Path, valueAt, withValueAt } from "./path.ts"
import { literalSecrets } from "./secretFields.ts"
import { MASK } from "./Secrets.ts"
import { readYaml } from "./yamlDocument.ts"
import { findNode, rangeOf, toValue } from "./yamlValue.ts"

/** The text with its comments and its form, secrets left out. */
export const hiddenText = (text: string, definition: PipelineDefinition, plugins: ReadonlyArray<Plugin>): string =>
  withTexts(
    text,
    literalSecrets(definition, plugins).map((path) => [path, MASK]),
  )

export interface Restored {
  readonly definition: PipelineDefinition
  readonly text: string | null
  /** Where `***` stands and no secret stood before. */
  readonly unknown: ReadonlyArray<Path>
}

/** The definition, and the text that it came from, with the secrets that stood at the same places before. */
export const restoreSecrets = (
  definition: PipelineDefinition,
  text: string | null,
  before: PipelineDefinition | undefined,
  plugins: ReadonlyArray<Plugin>,
): Restored => {
  const hidden = literalSecrets(definition, plugins).filter((path) => valueAt(definition, path) === MASK)
  const known = hidden.flatMap((path): ReadonlyArray<readonly [Path, string]> => {
    const value = before === undefined ? undefined : valueAt(before, path)
    return typeof value === "string" && value !== MASK ? [[path, value]] : []
  })
  const isKnown = new Set(known.map(([path]) => path))
  return {
    definition: known.reduce<unknown>((copy, [path, value]) => withValueAt(copy, path, value), definition) as PipelineDefinition,
    text: text === null ? null : withTexts(text, known),
    unknown: hidden.filter((path) => !isKnown.has(path)),
  }
}

/** The text with other texts at these places; all else stays as it is written. */
const withTexts = (text: string, changes: ReadonlyArray<readonly [Path, string]>): string => {
  if (changes.length === 0) return text
  const { root, lines } = readYaml(text)
  const { targets } = toValue(root, text, lines)
  const places = changes.flatMap(([path, value]) => {
    const { value: node, depth } = findNode(root, path, targets)
    return node === undefined || depth < path.length ? [] : [{ range: rangeOf(targets.get(node) ?? node), value }]
  })
  // From the end, so that the places before stay where they are. An alias leads to a place that is there already.
  const ordered = places.toSorted((a, b) => b.range[0] - a.range[0]).filter(({ range }, i, all) => range[0] !== all[i - 1]?.range[0])
  return ordered.reduce((changed, { range: [from, to], value }) => {
    // A block of text ends with its line.
    const end = changed.slice(from, to).endsWith("\n") ? "\n" : ""
    return changed.slice(0, from) + JSON.stringify(value) + end + changed.slice(to)
  }, text)
}
