/** Pages as they were before compression. */
import { promisify } from "node:util"
import { brotliDecompress, gunzip, zstdDecompress } from "node:zlib"
import type { CompressionCodec } from "hyparquet"
import { snappyUncompress } from "hyparquet/src/snappy.js"
import { lz4Frames, lz4Uncompress } from "./lz4.ts"
import { damaged, ParquetProblem } from "./problem.ts"
import { messageOf } from "@deltaflow/core"

const gunzipLater = promisify(gunzip)
const brotliLater = promisify(brotliDecompress)
const zstdLater = promisify(zstdDecompress)

/** Neither LZ4 nor Snappy makes more of a byte. */
const MOST = 256

/** Gives exactly `length` bytes, or throws `ParquetProblem`. */
export const decompressPage = async (codec: CompressionCodec, bytes: Uint8Array, length: number): Promise<Uint8Array> => {
  const plain = await uncompressed(codec, bytes, length)
  if (plain.length !== length) throw damaged(`a page has ${plain.length} bytes where its header says ${length}`)
  return plain
}

const uncompressed = async (codec: CompressionCodec, bytes: Uint8Array, length: number): Promise<Uint8Array> => {
  const options = { maxOutputLength: Math.max(1, length) }
  try {
    switch (codec) {
      case "UNCOMPRESSED":
        return bytes
      case "GZIP":
        return await gunzipLater(bytes, options)
      case "BROTLI":
        return await brotliLater(bytes, options)
      case "ZSTD":
        return await zstdLater(bytes, options)
      case "SNAPPY":
        return here(bytes, length, snappyUncompress)
      case "LZ4_RAW":
        return here(bytes, length, lz4Uncompress)
      case "LZ4":
        return here(bytes, length, lz4Frames)
      default:
        throw new ParquetProblem("UNSUPPORTED_FEATURE", `it is compressed with ${String(codec)}. Write it with zstd, snappy or gzip.`)
    }
  } catch (cause) {
    if (cause instanceof ParquetProblem) throw cause
    throw damaged(`a page is no ${codec.toLowerCase()} (${messageOf(cause)})`, cause)
  }
}

const here = (bytes: Uint8Array, length: number, run: (bytes: Uint8Array, into: Uint8Array) => void): Uint8Array => {
  if (length > MOST * (bytes.length + 1)) throw damaged(`a page of ${bytes.length} bytes cannot hold the ${length} that its header says`)
  const plain = new Uint8Array(length)
  run(bytes, plain)
  return plain
}
