/** One stored column of one row group, page by page, so that no more than a page of it is in memory. */
import { crc32 } from "node:zlib"
import type { ColumnMetaData, PageHeader } from "hyparquet"
import { parquetHeader } from "hyparquet/src/column.js"
import type { Leaf } from "./fileColumns.ts"
import type { FileBytes } from "./fileBytes.ts"
import { type Dictionary, type Page, readDictionary, readPage } from "./page.ts"
import { asDamage, damaged } from "./problem.ts"

/** Most headers are shorter; those with long bounds in them are not. */
const HEADER_BYTES = 256
const LONGEST_HEADER = 16 * 1024 * 1024

export class ChunkPages {
  private readonly file: FileBytes
  private readonly leaf: Leaf
  private readonly chunk: ColumnMetaData
  private at: number
  private left: number
  private dictionary: Dictionary | undefined

  constructor(file: FileBytes, leaf: Leaf, chunk: ColumnMetaData) {
    if (chunk.type !== leaf.physical.type) throw damaged(`a column is ${chunk.type}, and its schema says ${leaf.physical.type}`)
    this.file = file
    this.leaf = leaf
    this.chunk = chunk
    const dictionary = Number(chunk.dictionary_page_offset ?? 0)
    const data = Number(chunk.data_page_offset)
    this.at = dictionary > 0 && dictionary < data ? dictionary : data
    this.left = Number(chunk.num_values)
  }

  /** The next page with data; undefined behind the last. Throws `ParquetProblem`, and what the disk does. */
  async next(): Promise<Page | undefined> {
    try {
      return await this.read()
    } catch (cause) {
      throw asDamage("a page cannot be read", cause)
    }
  }

  private async read(): Promise<Page | undefined> {
    while (this.left > 0) {
      const { header, length } = await this.header()
      const bytes = await this.body(header, length)
      const context = { leaf: this.leaf, codec: this.chunk.codec, dictionary: this.dictionary }
      if (header.type === "DICTIONARY_PAGE") this.dictionary = await readDictionary(header, bytes, context)
      else if (header.type === "DATA_PAGE" || header.type === "DATA_PAGE_V2") {
        const page = await readPage(header, bytes, context)
        this.left -= page.count
        if (this.left < 0) throw damaged(`a column has more values than the ${String(this.chunk.num_values)} that the footer says`)
        if (page.count > 0) return page
      } else if (header.type !== "INDEX_PAGE") throw damaged("a page is of a kind that the format does not have")
    }
    return undefined
  }

  private async header(size = HEADER_BYTES): Promise<{ readonly header: PageHeader; readonly length: number }> {
    const bytes = await this.file.read(this.at, Math.min(size, this.file.size - this.at))
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
    try {
      return { header: parquetHeader(reader), length: reader.offset }
    } catch (cause) {
      const isAll = bytes.length < size || size > LONGEST_HEADER
      if (isAll || !(cause instanceof RangeError)) throw damaged(`the header of a page at byte ${this.at} cannot be read`, cause)
    }
    return await this.header(16 * size)
  }

  private async body({ compressed_page_size: size, uncompressed_page_size: plain, crc }: PageHeader, length: number): Promise<Uint8Array> {
    if (!(size >= 0) || !(plain >= 0)) throw damaged(`a page at byte ${this.at} has ${size} bytes, and ${plain} before compression`)
    const bytes = await this.file.read(this.at + length, size)
    if (crc !== undefined && (crc32(bytes) | 0) !== crc) throw damaged(`the checksum of the page at byte ${this.at} does not fit its bytes`)
    this.at += length + size
    return bytes
  }
}
