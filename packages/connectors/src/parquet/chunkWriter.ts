/** One stored column of one row group, on its way into the file. */
import { crc32 } from "node:zlib"
import type { ColumnMetaData, Encoding, Statistics } from "hyparquet"
import { Encodings, PageTypes } from "hyparquet/src/constants.js"
import { ByteWriter } from "hyparquet-writer/src/bytewriter.js"
import { serializeTCompactProtocol } from "hyparquet-writer/src/thrift.js"
import type { Compressing } from "./compress.ts"
import { GrowingBytes } from "./growingBytes.ts"
import { bitsOf, writeHybrid } from "./hybrid.ts"
import type { LeafForm, Stored } from "./leafForms.ts"

/** What rows put into a stored column: a level for each place, and the values of those places that have one. */
export interface Places {
  readonly definitions: Uint8Array
  /** Undefined where each place is a row. */
  readonly repetitions: Uint8Array | undefined
  readonly values: ReadonlyArray<Stored>
}

/** A column of the file, as far as its chunks need it. */
export interface ChunkColumn {
  readonly form: LeafForm
  readonly path: ReadonlyArray<string>
  /** Definition level of a value. */
  readonly definition: number
  readonly repetition: number
}

export interface WrittenChunk {
  /** In order, to stand behind each other. */
  readonly pieces: ReadonlyArray<Uint8Array>
  /** Where the chunk begins counts as byte 0. */
  readonly metadata: ColumnMetaData
  readonly isDictionary: boolean
  /** No place has a value. */
  readonly isNull: boolean
}

/** A page with so many bytes of values is done. */
const PAGE_BYTES = 1024 * 1024

/** Places in one page of a dictionary's. */
const PAGE_PLACES = 131_072

/** A dictionary with more is no gain any more. */
const DICTIONARY_VALUES = 65_535
const DICTIONARY_BYTES = 1024 * 1024

/** From so many values on, a dictionary must have at most half of them. */
const DICTIONARY_TRIAL = 4096

export class ChunkWriter {
  private readonly column: ChunkColumn
  private readonly compressing: Compressing
  private readonly definitions = new GrowingBytes()
  private readonly repetitions = new GrowingBytes()
  private readonly values = new GrowingBytes(4096)
  private dictionary: Dictionary | undefined
  private readonly bounds = new Bounds()
  private textBounds: LowHigh = {}
  private readonly pages: Array<Uint8Array> = []
  /** Bytes of the pages, and what they would be without compression. */
  private written = 0
  private plain = 0
  private pagedBytes = 0
  private pagedTo = 0
  private valueCount = 0

  constructor(column: ChunkColumn, compressing: Compressing, isDictionary: boolean) {
    this.column = column
    this.compressing = compressing
    this.dictionary = isDictionary && column.form.hasDictionary ? new Dictionary() : undefined
  }

  /** Bytes of values so far. */
  get byteSize(): number {
    return this.pagedBytes + this.values.length + (this.dictionary?.byteSize ?? 0) + this.definitions.length
  }

  /** Cannot fail. */
  add({ definitions, repetitions, values }: Places): void {
    this.definitions.bytes(definitions)
    if (repetitions !== undefined) this.repetitions.bytes(repetitions)
    this.valueCount += values.length
    if (this.dictionary === undefined) this.append(values)
    else {
      this.dictionary.add(values)
      if (this.dictionary.isNoGain) this.leaveDictionary(this.dictionary)
    }
  }

  /** Makes a page of what is there, where that is enough for one. */
  async flush(): Promise<void> {
    if (this.values.length >= PAGE_BYTES) await this.plainPage()
  }

  async finish(): Promise<WrittenChunk> {
    const { dictionary } = this
    if (dictionary !== undefined) await this.dictionaryPages(dictionary)
    else if (this.pagedTo < this.definitions.length || this.pages.length === 0) await this.plainPage()
    return {
      pieces: this.pages,
      metadata: this.metadata(dictionary !== undefined),
      isDictionary: dictionary !== undefined,
      isNull: this.valueCount === 0,
    }
  }

  private append(values: ReadonlyArray<Stored>): void {
    const { form } = this.column
    for (const value of values) form.append(this.values, value)
    if (form.bounds === "numbers") for (const value of values) this.bounds.add(value as number | bigint)
  }

  private leaveDictionary(dictionary: Dictionary): void {
    this.dictionary = undefined
    this.append(dictionary.all())
  }

  private async plainPage(): Promise<void> {
    const { type } = this.column.form.element
    const values = this.values.take()
    this.pagedBytes += values.length
    const to = this.definitions.length
    await this.page(this.pagedTo, to, "PLAIN", type === "BOOLEAN" ? packedBits(values) : values)
    this.pagedTo = to
  }

  private async dictionaryPages(dictionary: Dictionary): Promise<void> {
    const { form } = this.column
    for (const value of dictionary.values) form.append(this.values, value)
    await this.put("DICTIONARY_PAGE", this.values.take(), { field_7: { field_1: dictionary.values.length, field_2: encoded("PLAIN") } })
    if (form.bounds === "numbers") for (const value of dictionary.values) this.bounds.add(value as number | bigint)
    if (form.bounds === "texts") this.textBounds = textBounds(dictionary.values)
    const width = bitsOf(Math.max(0, dictionary.values.length - 1))
    const places = dictionary.places()
    let given = 0
    for (let from = 0; from < this.definitions.length || from === 0;) {
      const to = this.rowEnd(from + PAGE_PLACES)
      const count = this.valuesBetween(from, to)
      const bytes = new GrowingBytes()
      bytes.byte(width)
      writeHybrid(places, given, given + count, width, bytes)
      await this.page(from, to, "RLE_DICTIONARY", bytes.view())
      given += count
      from = Math.max(to, 1)
    }
  }

  /** The end of the row that the place before `place` is in. */
  private rowEnd(place: number): number {
    const all = this.definitions.length
    if (place >= all) return all
    if (this.column.repetition === 0) return place
    const levels = this.repetitions.view()
    let end = place
    while (end < all && levels[end]! > 0) end++
    return end
  }

  private valuesBetween(from: number, to: number): number {
    const levels = this.definitions.view()
    let count = 0
    for (let i = from; i < to; i++) if (levels[i] === this.column.definition) count++
    return count
  }

  private async page(from: number, to: number, encoding: Encoding, values: Uint8Array): Promise<void> {
    const bytes = new GrowingBytes(values.length + 64)
    const { definition, repetition } = this.column
    if (repetition > 0) bytes.bytes(levels(this.repetitions.view(), from, to, repetition))
    bytes.bytes(levels(this.definitions.view(), from, to, definition))
    bytes.bytes(values)
    const header = { field_1: to - from, field_2: encoded(encoding), field_3: encoded("RLE"), field_4: encoded("RLE") }
    await this.put("DATA_PAGE", bytes.view(), { field_5: header })
  }

  private async put(type: "DATA_PAGE" | "DICTIONARY_PAGE", plain: Buffer, header: object): Promise<void> {
    const bytes = await this.compressing.compress(plain)
    const writer = new ByteWriter(64)
    const sizes = { field_1: PageTypes.indexOf(type), field_2: plain.length, field_3: bytes.length, field_4: crc32(bytes) | 0 }
    serializeTCompactProtocol(writer, { ...sizes, ...header })
    const head = new Uint8Array(writer.getBuffer())
    this.pages.push(head, bytes)
    this.written += head.length + bytes.length
    this.plain += head.length + plain.length
  }

  private metadata(isDictionary: boolean): ColumnMetaData {
    const { form, path } = this.column
    const dictionaryBytes = isDictionary ? this.pages[0]!.length + this.pages[1]!.length : 0
    return {
      type: form.element.type!,
      encodings: isDictionary ? ["PLAIN", "RLE", "RLE_DICTIONARY"] : ["PLAIN", "RLE"],
      path_in_schema: [...path],
      codec: this.compressing.codec,
      num_values: BigInt(this.definitions.length),
      total_uncompressed_size: BigInt(this.plain),
      total_compressed_size: BigInt(this.written),
      data_page_offset: BigInt(dictionaryBytes),
      ...(isDictionary ? { dictionary_page_offset: 0n } : {}),
      // Of a list the footer would say how many of its places are null, which nobody asks for.
      ...(this.column.repetition > 0 ? {} : { statistics: this.statistics() }),
    }
  }

  private statistics(): Statistics {
    return { null_count: BigInt(this.definitions.length - this.valueCount), ...this.bounds.found(this.column.form), ...this.textBounds }
  }
}

const encoded = (encoding: Encoding): number => Encodings.indexOf(encoding)

const levels = (all: Uint8Array, from: number, to: number, highest: number): Uint8Array => {
  const bytes = new GrowingBytes()
  bytes.int32(0)
  writeHybrid(all, from, to, bitsOf(highest), bytes)
  const view = bytes.view()
  view.writeUInt32LE(view.length - 4, 0)
  return view
}

const packedBits = (booleans: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(Math.ceil(booleans.length / 8))
  for (let i = 0; i < booleans.length; i++) bytes[i >> 3]! |= booleans[i]! << (i & 7)
  return bytes
}

class Dictionary {
  readonly values: Array<Stored> = []
  private readonly known = new Map<Stored, number>()
  private numbers = new Int32Array(4096)
  private count = 0
  private textLength = 0

  get byteSize(): number {
    return 4 * this.count + 16 * this.values.length + this.textLength
  }

  get isNoGain(): boolean {
    const { length } = this.values
    if (length > DICTIONARY_VALUES || this.textLength > DICTIONARY_BYTES) return true
    return this.count >= DICTIONARY_TRIAL && 2 * length > this.count
  }

  add(values: ReadonlyArray<Stored>): void {
    if (this.count + values.length > this.numbers.length) {
      const larger = new Int32Array(Math.max(2 * this.numbers.length, this.count + values.length))
      larger.set(this.numbers)
      this.numbers = larger
    }
    for (const value of values) this.numbers[this.count++] = this.known.get(value) ?? this.learn(value)
  }

  places(): Int32Array {
    return this.numbers.subarray(0, this.count)
  }

  /** The values as they were added. */
  all(): ReadonlyArray<Stored> {
    return Array.from(this.places(), (place) => this.values[place]!)
  }

  private learn(value: Stored): number {
    const place = this.values.push(value) - 1
    this.known.set(value, place)
    if (typeof value === "string") this.textLength += value.length
    return place
  }
}

type LowHigh = Pick<Statistics, "min_value" | "max_value">

/** The least and the greatest number. */
class Bounds {
  private low: number | bigint | undefined
  private high: number | bigint | undefined

  add(value: number | bigint): void {
    if (this.low === undefined || value < this.low) this.low = value
    if (this.high === undefined || value > this.high) this.high = value
  }

  found({ element }: LeafForm): LowHigh {
    const { low, high } = this
    if (low === undefined || high === undefined) return {}
    if (element.type === "INT32") return { min_value: low, max_value: high }
    // A decimal that is no bigint would be taken for one with its point.
    return { min_value: BigInt(low), max_value: BigInt(high) }
  }
}

/** By bytes, which is another order than that of JavaScript. */
const textBounds = (texts: ReadonlyArray<Stored>): LowHigh => {
  const sorted = texts.map((text) => Buffer.from(text as string)).toSorted((a, b) => Buffer.compare(a, b))
  const [low, high] = [sorted[0], sorted.at(-1)]
  return low === undefined || high === undefined ? {} : { min_value: low, max_value: high }
}
