import { constants, gzipSync, type InputType, zstdCompressSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { ArchiveError, type ArchiveLimits, type Compression, compressionOf, Compressor, decompress } from "./compression.ts"

const unlimited: ArchiveLimits = { size: Number.POSITIVE_INFINITY, ratio: Number.POSITIVE_INFINITY }

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const content = async (bytes: Uint8Array, compression: Exclude<Compression, "none">, size = 1000, limits = unlimited): Promise<string> => {
  const parts: Array<Uint8Array> = []
  for await (const part of decompress(pieces(bytes, size), compression, limits)) parts.push(part)
  return Buffer.concat(parts).toString()
}

const text = Array.from({ length: 800 }, (_, i) => `row ${i * 7919}\n`).join("")

const compress = {
  gzip: gzipSync,
  zstd: (input: InputType) => zstdCompressSync(input, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
}

describe.each(["gzip", "zstd"] as const)("%s", (kind) => {
  const archive = compress[kind](text)

  it("comes back, in pieces of any size", async () => {
    for (const size of [1, 7, 1000, 1_000_000]) expect(await content(archive, kind, size)).toBe(text)
  })

  it("may have several members behind each other", async () => {
    const many = Buffer.concat([archive, compress[kind]("between\n"), archive])
    for (const size of [5, archive.length, 1_000_000]) expect(await content(many, kind, size)).toBe(`${text}between\n${text}`)
  })

  it("is refused where it ends early, is damaged, or has something else behind it", async () => {
    await expect(content(archive.subarray(0, -5), kind)).rejects.toThrow(ArchiveError)
    await expect(content(archive.subarray(0, -5), kind)).rejects.toThrow(/damaged or ends early/)
    const damaged = Buffer.from(archive)
    damaged[archive.length >> 1]! ^= 0xff
    await expect(content(damaged, kind)).rejects.toThrow(ArchiveError)
    await expect(content(Buffer.concat([archive, Buffer.from("something else")]), kind)).rejects.toThrow(ArchiveError)
    await expect(content(Buffer.from("no archive at all"), kind)).rejects.toThrow(ArchiveError)
  })

  it("is refused where it grows past a limit", async () => {
    await expect(content(archive, kind, 1000, { ...unlimited, size: 1000 })).rejects.toThrow("larger than 1000 bytes")
    const zeros = compress[kind](Buffer.alloc(80 * 1024 * 1024))
    await expect(content(zeros, kind, 1000, { ...unlimited, ratio: 100 })).rejects.toThrow("more than 100 times")
  })

  it("gives the failure of the reader as it is", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield archive.subarray(0, 10)
      throw new Error("the disk is gone")
    }
    const read = async () => {
      for await (const part of decompress(failing(), kind, unlimited)) void part
    }
    await expect(read()).rejects.toThrow("the disk is gone")
  })

  it("closes its input when it is left early", async () => {
    let closed = false
    async function* input(): AsyncGenerator<Uint8Array> {
      try {
        yield* pieces(archive, 100)
      } finally {
        closed = true
      }
    }
    for await (const part of decompress(input(), kind, unlimited)) {
      void part
      break
    }
    expect(closed).toBe(true)
  })

  it("is written in pieces, a member at a time", async () => {
    const written: Array<Uint8Array> = []
    for (let member = 0; member < 2; member++) {
      const compressor = new Compressor(kind, async (bytes) => void written.push(bytes))
      await compressor.write(Buffer.from(text))
      await compressor.write(Buffer.from("end\n"))
      await compressor.end()
    }
    expect(await content(Buffer.concat(written), kind)).toBe(`${text}end\n${text}end\n`)
  })

  it("hands on the failure of who takes the bytes", async () => {
    const compressor = new Compressor(kind, () => Promise.reject(new Error("full")))
    const written = async () => {
      await compressor.write(Buffer.from("x"))
      await compressor.end()
    }
    await expect(written()).rejects.toThrow("full")
    compressor.close()
  })
})

describe("a file's name", () => {
  it("tells how it is compressed", () => {
    expect(["a.csv", "a.csv.gz", "A.CSV.GZ", "a.ndjson.zst", "gz"].map(compressionOf)).toEqual(["none", "gzip", "gzip", "zstd", "none"])
  })
})
