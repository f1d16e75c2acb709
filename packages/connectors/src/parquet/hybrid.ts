/** Runs of small whole numbers, repeated or packed into bits: levels and places in dictionaries. */
import type { GrowingBytes } from "./growingBytes.ts"
import { damaged } from "./problem.ts"

export type Numbers = Uint8Array | Int32Array

/** Fills `into` from the bytes between `at` and `end`. */
export const readHybrid = (bytes: Uint8Array, at: number, end: number, width: number, into: Numbers): void => {
  let place = at
  let filled = 0
  while (filled < into.length) {
    let header = 0
    for (let shift = 0; ; shift += 7) {
      if (place >= end || shift > 28) throw damaged("a page has fewer levels or places than rows")
      const byte = bytes[place++]!
      header |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    const count = header >>> 1
    if ((header & 1) === 0) {
      const size = (width + 7) >> 3
      if (place + size > end) throw damaged("a page ends within a run")
      into.fill(littleEndian(bytes, place, size), filled, filled + count)
      place += size
      filled += count
    } else {
      const wanted = Math.min(count * 8, into.length - filled)
      if (place + Math.ceil((wanted * width) / 8) > end) throw damaged("a page ends within a run")
      unpack(bytes, place, width, into, filled, wanted)
      place += count * width
      filled += wanted
    }
  }
}

const littleEndian = (bytes: Uint8Array, at: number, size: number): number => {
  let value = 0
  for (let i = 0; i < size; i++) value |= bytes[at + i]! << (8 * i)
  return value
}

const unpack = (bytes: Uint8Array, at: number, width: number, into: Numbers, from: number, count: number): void => {
  if (width === 1) {
    for (let i = 0; i < count; i++) into[from + i] = (bytes[at + (i >> 3)]! >> (i & 7)) & 1
    return
  }
  const mask = width === 32 ? -1 : (1 << width) - 1
  for (let i = 0; i < count; i++) {
    const bit = i * width
    const byte = at + Math.floor(bit / 8)
    const shift = bit & 7
    // Past the end of the bytes there is nothing, which counts as zero and is masked away.
    let value = (bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16) | (bytes[byte + 3]! << 24)) >>> shift
    if (shift + width > 32) value |= bytes[byte + 4]! << (32 - shift)
    into[from + i] = value & mask
  }
}

/** How many bits a number takes. */
export const bitsOf = (value: number): number => 32 - Math.clz32(value)

/** Numbers that are the same so many times are written once. */
const RUN = 8

/** Writes `numbers` from `from` to before `to`, each below 2^width; a width of at most 24. */
export const writeHybrid = (numbers: Numbers, from: number, to: number, width: number, out: GrowingBytes): void => {
  let packedFrom = from
  let at = from
  while (at < to) {
    let end = at + 1
    while (end < to && numbers[end] === numbers[at]) end++
    if (end - at < RUN) {
      // Packed numbers come in eights.
      at += RUN
      continue
    }
    if (at > packedFrom) writePacked(numbers, packedFrom, at, width, out)
    out.varint((end - at) * 2)
    for (let bits = 0; bits < width; bits += 8) out.byte((numbers[at]! >>> bits) & 255)
    at = end
    packedFrom = end
  }
  if (to > packedFrom) writePacked(numbers, packedFrom, to, width, out)
}

/** The last group is filled up with zeros. */
const writePacked = (numbers: Numbers, from: number, to: number, width: number, out: GrowingBytes): void => {
  const groups = Math.ceil((to - from) / RUN)
  out.varint(groups * 2 + 1)
  let bits = 0
  let held = 0
  for (let i = 0; i < groups * RUN; i++) {
    bits |= (from + i < to ? numbers[from + i]! : 0) << held
    held += width
    while (held >= 8) {
      out.byte(bits & 255)
      bits >>>= 8
      held -= 8
    }
  }
}
