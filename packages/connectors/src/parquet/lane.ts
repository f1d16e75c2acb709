/** The values of one page as the file has them, by their place in it; nulls are not among them. */
import { deltaBinaryUnpack } from "hyparquet/src/delta.js"
import { byteStreamSplit } from "hyparquet/src/encoding.js"
import type { Encoding, ParquetType } from "hyparquet"
import { readHybrid } from "./hybrid.ts"
import { damaged, ParquetProblem } from "./problem.ts"

export type Lane =
  | { readonly kind: "boolean"; readonly values: Uint8Array }
  | { readonly kind: "int32"; readonly values: Int32Array }
  /** Two words for each value, the lower one first. */
  | { readonly kind: "int64"; readonly words: Int32Array }
  | { readonly kind: "double"; readonly values: Float32Array | Float64Array }
  | Spans

/** Byte arrays, those of one length too. */
export interface Spans {
  readonly kind: "bytes"
  readonly bytes: Buffer
  readonly starts: Int32Array
  readonly ends: Int32Array
}

/** What of a column says how its values are stored. */
export interface Physical {
  readonly type: ParquetType
  /** Of byte arrays of one length. */
  readonly width: number
}

const WIDTHS: Partial<Record<ParquetType, number>> = { INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8, INT96: 12 }

const widthOf = ({ type, width }: Physical): number => WIDTHS[type] ?? width

/** Reads `count` values from all of `bytes`. Throws `ParquetProblem`, and whatever damaged bytes lead to. */
export const readLane = (bytes: Uint8Array, encoding: Encoding, count: number, physical: Physical): Lane => {
  switch (encoding) {
    case "PLAIN":
      return plainLane(bytes, count, physical)
    case "RLE":
      if (physical.type === "BOOLEAN") return booleanRuns(bytes, count)
      break
    case "DELTA_BINARY_PACKED":
      if (physical.type === "INT32" || physical.type === "INT64") return deltaNumbers(bytes, count, physical.type)
      break
    case "DELTA_LENGTH_BYTE_ARRAY":
      if (physical.type === "BYTE_ARRAY") return deltaLengths(bytes, count)
      break
    case "DELTA_BYTE_ARRAY":
      if (physical.type === "BYTE_ARRAY" || physical.type === "FIXED_LEN_BYTE_ARRAY") return deltaBytes(bytes, count)
      break
    case "BYTE_STREAM_SPLIT":
      return splitStreams(bytes, count, physical)
    default:
      break
  }
  throw new ParquetProblem(
    "UNSUPPORTED_FEATURE",
    `values of type ${physical.type} are encoded as ${String(encoding)}, which is not read. Write the file with plain or dictionary encoding.`,
  )
}

/** The places in a dictionary of `size` values. */
export const readPlaces = (bytes: Uint8Array, count: number, size: number): Int32Array => {
  const places = new Int32Array(count)
  if (count === 0) return places
  const width = bytes[0] ?? 0
  if (width > 32) throw damaged(`a page has places of ${width} bits`)
  readHybrid(bytes, 1, bytes.length, width, places)
  for (let i = 0; i < count; i++)
    if (places[i]! < 0 || places[i]! >= size) throw damaged(`a page names value ${places[i]} of a dictionary with ${size}`)
  return places
}

const plainLane = (bytes: Uint8Array, count: number, physical: Physical): Lane => {
  const { type } = physical
  if (type === "BOOLEAN") return booleanBits(bytes, count)
  if (type === "BYTE_ARRAY") return plainSpans(bytes, count)
  const length = count * widthOf(physical)
  if (length > bytes.length) throw damaged(`a page of ${bytes.length} bytes does not hold ${count} values of type ${type}`)
  return fixedLane(bytes.subarray(0, length), count, physical)
}

const fixedLane = (bytes: Uint8Array, count: number, physical: Physical): Lane => {
  switch (physical.type) {
    case "INT32":
      return { kind: "int32", values: new Int32Array(ownBuffer(bytes), 0, count) }
    case "INT64":
      return { kind: "int64", words: new Int32Array(ownBuffer(bytes), 0, 2 * count) }
    case "FLOAT":
      return { kind: "double", values: new Float32Array(ownBuffer(bytes), 0, count) }
    case "DOUBLE":
      return { kind: "double", values: new Float64Array(ownBuffer(bytes), 0, count) }
    default:
      return evenSpans(bytes, count, widthOf(physical))
  }
}

/** The bytes at the start of a buffer of their own. */
const ownBuffer = (bytes: Uint8Array): ArrayBuffer => {
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return copy
}

const evenSpans = (bytes: Uint8Array, count: number, width: number): Spans => {
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    starts[i] = i * width
    ends[i] = (i + 1) * width
  }
  return { kind: "bytes", bytes: bufferOf(bytes), starts, ends }
}

const plainSpans = (bytes: Uint8Array, count: number): Spans => {
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    const length = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
    at += 4
    if (at + length > bytes.length) throw damaged(`value ${i + 1} of a page leads past the page's end`)
    starts[i] = at
    at += length
    ends[i] = at
  }
  return { kind: "bytes", bytes: bufferOf(bytes), starts, ends }
}

const booleanBits = (bytes: Uint8Array, count: number): Lane => {
  if (Math.ceil(count / 8) > bytes.length) throw damaged(`a page of ${bytes.length} bytes does not hold ${count} booleans`)
  const values = new Uint8Array(count)
  for (let i = 0; i < count; i++) values[i] = (bytes[i >> 3]! >> (i & 7)) & 1
  return { kind: "boolean", values }
}

const booleanRuns = (bytes: Uint8Array, count: number): Lane => {
  const values = new Uint8Array(count)
  if (count === 0) return { kind: "boolean", values }
  if (bytes.length < 4) throw damaged("a page ends within a length")
  const length = bufferOf(bytes).readUInt32LE(0)
  if (4 + length > bytes.length) throw damaged("a page ends within a run")
  readHybrid(bytes, 4, 4 + length, 1, values)
  return { kind: "boolean", values }
}

interface Reader {
  readonly view: DataView
  offset: number
}

const readerOf = (bytes: Uint8Array): Reader => ({ view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 })

const deltaNumbers = (bytes: Uint8Array, count: number, type: "INT32" | "INT64"): Lane => {
  const reader = readerOf(bytes)
  if (type === "INT32") return { kind: "int32", values: unpacked(reader, count) }
  const values = new BigInt64Array(count)
  if (count > 0) deltaBinaryUnpack(reader, count, values)
  return { kind: "int64", words: new Int32Array(values.buffer) }
}

const unpacked = (reader: Reader, count: number): Int32Array => {
  const values = new Int32Array(count)
  if (count > 0) deltaBinaryUnpack(reader, count, values)
  return values
}

const deltaLengths = (bytes: Uint8Array, count: number): Spans => {
  const reader = readerOf(bytes)
  const lengths = unpacked(reader, count)
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  let at = reader.offset
  for (let i = 0; i < count; i++) {
    starts[i] = at
    at += lengths[i]!
    if (lengths[i]! < 0 || at > bytes.length) throw damaged(`value ${i + 1} of a page leads past the page's end`)
    ends[i] = at
  }
  return { kind: "bytes", bytes: bufferOf(bytes), starts, ends }
}

/** More would not be one page but an attack. */
const LARGEST = 2 ** 30

/** Each value begins as the one before. */
const deltaBytes = (bytes: Uint8Array, count: number): Spans => {
  const reader = readerOf(bytes)
  const shared = unpacked(reader, count)
  const lengths = unpacked(reader, count)
  let total = 0
  for (let i = 0; i < count; i++) total += shared[i]! + lengths[i]!
  if (total > LARGEST || total < 0) throw damaged(`a page holds values of ${total} bytes`)
  const all = Buffer.alloc(total)
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  let from = reader.offset
  let at = 0
  for (let i = 0; i < count; i++) {
    const [same, length] = [shared[i]!, lengths[i]!]
    const before = i === 0 ? 0 : ends[i - 1]! - starts[i - 1]!
    if (same < 0 || length < 0 || same > before || from + length > bytes.length)
      throw damaged(`value ${i + 1} of a page cannot be put together`)
    starts[i] = at
    if (same > 0) all.copyWithin(at, starts[i - 1]!, starts[i - 1]! + same)
    all.set(bytes.subarray(from, from + length), at + same)
    from += length
    at += same + length
    ends[i] = at
  }
  return { kind: "bytes", bytes: all, starts, ends }
}

/** The first bytes of all values stand first, then the second ones, and so on. */
const splitStreams = (bytes: Uint8Array, count: number, physical: Physical): Lane => {
  const width = widthOf(physical)
  if (count * width > bytes.length) throw damaged(`a page of ${bytes.length} bytes does not hold ${count} values of type ${physical.type}`)
  if (count === 0) return fixedLane(bytes.subarray(0, 0), 0, physical)
  const { buffer } = byteStreamSplit(readerOf(bytes), count, "FIXED_LEN_BYTE_ARRAY", width)[0] as Uint8Array
  return fixedLane(new Uint8Array(buffer, 0, count * width), count, physical)
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
