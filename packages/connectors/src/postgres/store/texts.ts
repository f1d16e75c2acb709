/**
 * Texts of the store in PostgreSQL, which knows no NUL: U+0000 is written as U+0001 U+0001, and U+0001 as U+0001 U+0002.
 *
 * All other texts are written as they are. Encoded texts sort as the plain ones do.
 */
export const encodeText = (text: string): string => {
  // PostgreSQL's text is UTF-8, which has no half of a surrogate pair.
  const whole = text.toWellFormed()
  return NEEDS_CODE.test(whole)
    ? whole.replaceAll(/[\u0000\u0001]/g, (sign) => (sign === "\u0000" ? "\u0001\u0001" : "\u0001\u0002"))
    : whole
}

export const decodeText = (text: string): string =>
  text.includes("\u0001") ? text.replaceAll(/\u0001([\u0001\u0002])/g, (_, sign) => (sign === "\u0001" ? "\u0000" : "\u0001")) : text

const NEEDS_CODE = /[\u0000\u0001]/
