/** CSV whose rows end now with LF and now with CRLF, brought to LF. */

const LF = 10
const CR = 13

/** A copy from `from`, where a row begins, in which no LF outside of quotes has a CR before it. */
export const unifyLineEnds = (bytes: Uint8Array, from: number, quote: number): Uint8Array => {
  const out = new Uint8Array(bytes.length - from)
  let length = 0
  let inside = false
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === quote) inside = !inside
    if (byte !== CR || inside || bytes[at + 1] !== LF) out[length++] = byte
  }
  return out.subarray(0, length)
}
