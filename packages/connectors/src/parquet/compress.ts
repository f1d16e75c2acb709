/** Pages as they are stored. */
import { promisify } from "node:util"
import { brotliCompress, constants, gzip, zstdCompress } from "node:zlib"
import type { CompressionCodec } from "hyparquet"
import { snappyCompress } from "hyparquet-writer/src/snappy.js"
import type { ParquetCompression } from "./options.ts"

const gzipLater = promisify(gzip)
const brotliLater = promisify(brotliCompress)
const zstdLater = promisify(zstdCompress)

export interface Compressing {
  readonly codec: CompressionCodec
  /** The bytes may be the same. */
  readonly compress: (bytes: Buffer) => Promise<Uint8Array>
}

export const compressing = (compression: ParquetCompression): Compressing => COMPRESSINGS[compression]

/** Levels that cost little more than reading the bytes. */
const COMPRESSINGS: Record<ParquetCompression, Compressing> = {
  none: { codec: "UNCOMPRESSED", compress: async (bytes) => bytes },
  snappy: { codec: "SNAPPY", compress: async (bytes) => snappyCompress(bytes) },
  gzip: { codec: "GZIP", compress: (bytes) => gzipLater(bytes) },
  brotli: { codec: "BROTLI", compress: (bytes) => brotliLater(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }) },
  zstd: { codec: "ZSTD", compress: (bytes) => zstdLater(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }) },
}
