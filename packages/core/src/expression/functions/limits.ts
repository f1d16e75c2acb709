/** How large a value may grow. Expressions repeat and join texts, and steps follow each other, so without a limit memory has none. */
import { ExpressionError } from "../ExpressionError.ts"

/** Characters of a text, bytes of bytes. */
export const LONGEST = 2 ** 27
/** Items of an array. */
const MOST_ITEMS = 2 ** 24

export const withinLimit = (length: number, what: string): void => {
  if (length > LONGEST)
    throw new ExpressionError("INVALID_ARGUMENT", `${what} would have ${length} characters. At most ${LONGEST} are made.`)
}

export const withinItems = (length: number, what: string): void => {
  if (length > MOST_ITEMS)
    throw new ExpressionError("INVALID_ARGUMENT", `${what} would have ${length} items. At most ${MOST_ITEMS} are made.`)
}

/** `texts.join(separator)` within the limit. */
export const joinWithin = (texts: ReadonlyArray<string>, separator: string, what: string): string => {
  let length = texts.length * separator.length
  for (const text of texts) length += text.length
  withinLimit(length, what)
  return texts.join(separator)
}
