/** Strings from UTF-8 bytes. Most fields are a few ASCII characters, and for those the call into the host costs more than the work. */

interface Slicing {
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string
}

// Works on any Uint8Array, and saves making a Buffer of it first.
const { utf8Slice } = Buffer.prototype as unknown as Slicing

const { fromCharCode } = String

/** Text of UTF-8 bytes. */
export const decodeText = (buffer: Uint8Array, start: number, end: number): string => {
  const length = end - start
  return length <= 8
    ? shortText(buffer, start, end, length)
    : length <= LONGEST
      ? asciiText(buffer, start, end, length)
      : utf8Slice.call(buffer, start, end)
}

/** Longer texts are quicker in the host. */
const LONGEST = 32

// One list per length, so that nothing is allocated but the string.
const codes: ReadonlyArray<Array<number>> = Array.from({ length: LONGEST + 1 }, (_, length) => Array.from({ length }, () => 0))

const asciiText = (b: Uint8Array, start: number, end: number, length: number): string => {
  const list = codes[length]!
  let all = 0
  for (let i = 0; i < length; i++) {
    const code = b[start + i]!
    all |= code
    list[i] = code
  }
  return all > 127 ? utf8Slice.call(b, start, end) : fromCharCode.apply(null, list)
}

// Written out, because a call with a fixed number of arguments is several times quicker than any loop.
const shortText = (b: Uint8Array, s: number, end: number, length: number): string => {
  const c0 = b[s]!
  const c1 = length > 1 ? b[s + 1]! : 0
  const c2 = length > 2 ? b[s + 2]! : 0
  const c3 = length > 3 ? b[s + 3]! : 0
  if (length === 0) return ""
  if ((c0 | c1 | c2 | c3) > 127) return utf8Slice.call(b, s, end)
  switch (length) {
    case 1:
      return fromCharCode(c0)
    case 2:
      return fromCharCode(c0, c1)
    case 3:
      return fromCharCode(c0, c1, c2)
    case 4:
      return fromCharCode(c0, c1, c2, c3)
    default:
      return longerText(b, s, end, length, c0, c1, c2, c3)
  }
}

const longerText = (b: Uint8Array, s: number, end: number, length: number, c0: number, c1: number, c2: number, c3: number): string => {
  const c4 = b[s + 4]!
  const c5 = length > 5 ? b[s + 5]! : 0
  const c6 = length > 6 ? b[s + 6]! : 0
  const c7 = length > 7 ? b[s + 7]! : 0
  if ((c4 | c5 | c6 | c7) > 127) return utf8Slice.call(b, s, end)
  switch (length) {
    case 5:
      return fromCharCode(c0, c1, c2, c3, c4)
    case 6:
      return fromCharCode(c0, c1, c2, c3, c4, c5)
    case 7:
      return fromCharCode(c0, c1, c2, c3, c4, c5, c6)
    default:
      return fromCharCode(c0, c1, c2, c3, c4, c5, c6, c7)
  }
}
