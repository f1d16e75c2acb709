/** Data pages: levels, and a way to each value. */
import type { CompressionCodec, PageHeader } from "hyparquet"
import type { Value } from "@deltaflow/core"
import { decompressPage } from "./decompress.ts"
import type { Leaf } from "./fileColumns.ts"
import { bitsOf, readHybrid } from "./hybrid.ts"
import { readLane, readPlaces } from "./lane.ts"
import type { ReadValue } from "./leafTypes.ts"
import { damaged, ParquetProblem } from "./problem.ts"

/** Places in a page: one for each value, null, and list without items. */
export interface Page {
  readonly count: number
  /** Undefined where every place holds a value. */
  readonly definitions: Uint8Array | undefined
  /** Undefined where every place begins a row. */
  readonly repetitions: Uint8Array | undefined
  /** By the place among the values alone. */
  readonly value: ReadValue
}

export interface PageContext {
  readonly leaf: Leaf
  readonly codec: CompressionCodec
  /** Of the chunk, once its page was read. */
  readonly dictionary: Dictionary | undefined
}

export interface Dictionary {
  /** Undefined where there is a failure instead. */
  readonly values: ReadonlyArray<Value | undefined>
  readonly failures: ReadonlyMap<number, unknown>
}

/** Levels and values, still as bytes. */
interface Parts {
  readonly count: number
  readonly definitions: Uint8Array | undefined
  readonly repetitions: Uint8Array | undefined
  readonly bytes: Uint8Array
  readonly encoding: string
}

export const readPage = async (header: PageHeader, bytes: Uint8Array, context: PageContext): Promise<Page> => {
  const parts = header.type === "DATA_PAGE" ? await firstForm(header, bytes, context) : await secondForm(header, bytes, context)
  const { count, definitions, repetitions } = parts
  return { count, definitions, repetitions, value: valuesOf(parts, context) }
}

/** Decoded at once, since most of its values are asked for again and again. What fails, fails in the row that has it. */
export const readDictionary = async (header: PageHeader, bytes: Uint8Array, { leaf, codec }: PageContext): Promise<Dictionary> => {
  const count = header.dictionary_page_header?.num_values ?? -1
  if (count < 0) throw damaged("a dictionary does not say how many values it has")
  const plain = await decompressPage(codec, bytes, header.uncompressed_page_size)
  const value = leaf.read(readLane(plain, "PLAIN", count, leaf.physical))
  const failures = new Map<number, unknown>()
  const values = Array.from({ length: count }, (_, i) => {
    try {
      return value(i)
    } catch (cause) {
      failures.set(i, cause)
      return undefined
    }
  })
  return { values, failures }
}

/** All of the page is compressed; levels have their lengths before them. */
const firstForm = async (header: PageHeader, bytes: Uint8Array, { leaf, codec }: PageContext): Promise<Parts> => {
  const head = header.data_page_header
  if (head === undefined) throw damaged("a page has no header of its kind")
  const plain = await decompressPage(codec, bytes, header.uncompressed_page_size)
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength)
  let at = 0
  const levels = (highest: number, encoding: string): Uint8Array | undefined => {
    if (highest === 0) return undefined
    if (encoding !== "RLE")
      throw new ParquetProblem(
        "UNSUPPORTED_FEATURE",
        `levels are encoded as ${encoding}, which is not read. Write the file with a newer program.`,
      )
    const end = at + 4 + (at + 4 <= plain.length ? view.getUint32(at, true) : Infinity)
    if (end > plain.length) throw damaged("a page ends within its levels")
    const found = readLevels(plain, at + 4, end, highest, head.num_values)
    at = end
    return found
  }
  const repetitions = levels(leaf.repetition, head.repetition_level_encoding)
  const definitions = levels(leaf.definition, head.definition_level_encoding)
  return { count: head.num_values, repetitions, definitions, bytes: plain.subarray(at), encoding: head.encoding }
}

/** Only the values are compressed, if anything. */
const secondForm = async (header: PageHeader, bytes: Uint8Array, { leaf, codec }: PageContext): Promise<Parts> => {
  const head = header.data_page_header_v2
  if (head === undefined) throw damaged("a page has no header of its kind")
  const { num_values: count, repetition_levels_byte_length: first, definition_levels_byte_length: second } = head
  const start = first + second
  if (first < 0 || second < 0 || start > bytes.length) throw damaged("a page ends within its levels")
  const repetitions = leaf.repetition === 0 ? undefined : readLevels(bytes, 0, first, leaf.repetition, count)
  const definitions = leaf.definition === 0 ? undefined : readLevels(bytes, first, start, leaf.definition, count)
  const packed = bytes.subarray(start)
  const length = header.uncompressed_page_size - start
  const values = head.is_compressed === false || packed.length === 0 ? packed : await decompressPage(codec, packed, length)
  return { count, repetitions, definitions, bytes: values, encoding: head.encoding }
}

const readLevels = (bytes: Uint8Array, at: number, end: number, highest: number, count: number): Uint8Array => {
  if (count < 0 || count > MOST_PLACES) throw damaged(`a page holds ${count} values`)
  const levels = new Uint8Array(count)
  readHybrid(bytes, at, end, bitsOf(highest), levels)
  for (let i = 0; i < count; i++) if (levels[i]! > highest) throw damaged(`a page has level ${levels[i]}, above ${highest}`)
  return levels
}

/** More would not be one page but an attack. */
const MOST_PLACES = 2 ** 28

const valuesOf = ({ count, definitions, bytes, encoding }: Parts, { leaf, dictionary }: PageContext): ReadValue => {
  const values = definitions === undefined ? count : countOf(definitions, leaf.definition)
  if (values < 0 || values > MOST_PLACES) throw damaged(`a page holds ${values} values`)
  if (encoding !== "PLAIN_DICTIONARY" && encoding !== "RLE_DICTIONARY")
    return leaf.read(readLane(bytes, encoding as Parameters<typeof readLane>[1], values, leaf.physical))
  if (dictionary === undefined) throw damaged("a page names values of a dictionary that is not there")
  const { values: known, failures } = dictionary
  const places = readPlaces(bytes, values, known.length)
  return (i) => {
    const value = known[places[i]!]
    if (value === undefined) throw failures.get(places[i]!)
    return value
  }
}

const countOf = (levels: Uint8Array, wanted: number): number => {
  let count = 0
  for (let i = 0; i < levels.length; i++) if (levels[i] === wanted) count++
  return count
}
