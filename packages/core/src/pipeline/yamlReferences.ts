/**
 * `${VAR}` where YAML would take the brace for a mapping: `{ connection: ${DATABASE_URL}, table: users }`.
 *
 * Before the text is read, the marks inside of references become private characters of the same length, so that every place stays where
 * it is; in the values they become themselves again.
 */

/** A reference in one line, with at most one more inside of its default. Quotes in it are YAML's. */
const REFERENCE = /\$\{[A-Za-z_]\w*(?::-(?:[^{}\n"']|\$\{[A-Za-z_]\w*(?::-[^{}\n"']*)?\})*)?\}/g

const MARKS = /[{}[\],:#&*!|>%@`]/g

const PRIVATE = 0xe000

const PRIVATE_MARKS = /[\ue021-\ue07d]/g

/** The text with its references out of YAML's sight. A text that holds such private characters itself stays as it is. */
export const shieldReferences = (text: string): string => {
  if (text.search(PRIVATE_MARKS) >= 0) return text
  return text.replaceAll(REFERENCE, (reference) => reference.replaceAll(MARKS, (mark) => String.fromCharCode(mark.charCodeAt(0) + PRIVATE)))
}

/** Turns the private characters back. `shielded` is the whole text that was read. */
export const unshield = (part: string): string =>
  part.replaceAll(PRIVATE_MARKS, (mark) => String.fromCharCode(mark.charCodeAt(0) - PRIVATE))
