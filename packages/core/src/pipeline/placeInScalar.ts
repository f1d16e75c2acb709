/** Where a character of a value stands in the text that it was read from: quoted, folded or indented as YAML allows. */

/**
 * Index within `written` of the character `position` of `value`; undefined where the two do not go together, as where a variable was filled
 * in. A position at the end of the value is that of its last character.
 */
export const placeInScalar = (written: string, value: string, position: number): number | undefined => {
  const wanted = Math.min(position, value.length - 1)
  let at = startOfContent(written)
  for (let i = 0; i < value.length; i++) {
    at = skipTo(written, at, value[i]!)
    if (at < 0) return undefined
    if (i === wanted) return at
    // Of what is folded, a line end is written where the value has a space.
    at++
  }
  return undefined
}

/** Behind the header of a block, which takes the rest of its line. */
const startOfContent = (written: string): number => (/^[|>]/.test(written) ? written.indexOf("\n") + 1 : 0)

/** The next place of the character, past what YAML adds: indentation, line ends, quotes and the signs of escapes. */
const skipTo = (written: string, from: number, wanted: string): number => {
  let at = from
  while (at < written.length && !isWritten(written[at]!, wanted) && ADDED.test(written[at]!)) at++
  return at < written.length && isWritten(written[at]!, wanted) ? at : -1
}

/** Escaped control characters and folded line ends are written with other ones. */
const isWritten = (found: string, wanted: string): boolean =>
  found === wanted || (wanted === "\n" && found === "n") || (wanted === "\t" && found === "t") || (wanted === " " && found === "\n")

const ADDED = /[\s"'\\]/
