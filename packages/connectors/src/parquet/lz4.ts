/** LZ4 blocks, as https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md says. */

/** Fills `into` with one block. Throws `RangeError` where the block does not give just as many bytes. */
export const lz4Uncompress = (block: Uint8Array, into: Uint8Array): void => {
  let at = 0
  let to = 0
  /** A length of 15 or more goes on in the bytes that follow, up to the first below 255. */
  const lengthFrom = (nibble: number): number => {
    let length = nibble
    if (nibble < 15) return length
    for (;;) {
      if (at >= block.length) throw new RangeError("it ends within a length")
      const more = block[at++]!
      length += more
      if (more < 255) return length
    }
  }
  while (at < block.length) {
    const token = block[at++]!
    const literals = lengthFrom(token >> 4)
    if (at + literals > block.length || to + literals > into.length) throw new RangeError("literals lead past the end")
    into.set(block.subarray(at, at + literals), to)
    at += literals
    to += literals
    // The last sequence has no match.
    if (at === block.length) break
    if (at + 2 > block.length) throw new RangeError("it ends within an offset")
    const offset = block[at]! | (block[at + 1]! << 8)
    at += 2
    to = copyMatch(into, to, offset, lengthFrom(token & 15) + SHORTEST_MATCH)
  }
  if (to !== into.length) throw new RangeError(`it gives ${to} bytes, not ${into.length}`)
}

const SHORTEST_MATCH = 4

const copyMatch = (into: Uint8Array, to: number, offset: number, length: number): number => {
  if (offset === 0 || offset > to || to + length > into.length) throw new RangeError("a match leads out of the block")
  if (offset >= length) into.copyWithin(to, to - offset, to - offset + length)
  else for (let i = 0; i < length; i++) into[to + i] = into[to - offset + i]!
  return to + length
}

/** The older form: blocks with both of their lengths before them, or, from other writers, one bare block. */
export const lz4Frames = (bytes: Uint8Array, into: Uint8Array): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames = framesOf(view, into.length)
  if (frames === undefined) return lz4Uncompress(bytes, into)
  let to = 0
  for (const { at, length, plain } of frames) {
    lz4Uncompress(bytes.subarray(at, at + length), into.subarray(to, to + plain))
    to += plain
  }
}

/** Undefined where the bytes are not just frames of this many bytes in all. */
const framesOf = (view: DataView, total: number) => {
  const frames: Array<{ readonly at: number; readonly length: number; readonly plain: number }> = []
  let at = 0
  let sum = 0
  while (at + 8 <= view.byteLength) {
    const frame = { plain: view.getUint32(at), length: view.getUint32(at + 4), at: at + 8 }
    frames.push(frame)
    at = frame.at + frame.length
    sum += frame.plain
  }
  return at === view.byteLength && sum === total ? frames : undefined
}
