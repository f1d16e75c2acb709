import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { byteOrderMark, checkUtf8, type Encoding, EncodingError, toUtf8 } from "./encoding.ts"

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const decoded = async (bytes: Uint8Array, encoding: Encoding, size: number): Promise<string> => {
  const parts: Array<Uint8Array> = []
  for await (const part of toUtf8(pieces(bytes, size), encoding)) parts.push(part)
  return Buffer.concat(parts).toString()
}

describe("text in other encodings", () => {
  it("comes out the same however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 20 }), fc.integer({ min: 1, max: 7 }), async (text, size) => {
        expect(await decoded(Buffer.from(text, "utf16le"), "utf-16le", size)).toBe(text)
        expect(await decoded(Buffer.from(text, "utf16le").swap16(), "utf-16be", size)).toBe(text)
      }),
    )
    expect(await decoded(Buffer.from("naïve £5", "latin1"), "latin1", 3)).toBe("naïve £5")
  })

  it("says at which byte UTF-16 is broken", async () => {
    const broken = Buffer.concat([Buffer.from("ab", "utf16le"), Buffer.from([0x00, 0xdc]), Buffer.from("c", "utf16le")])
    await expect(decoded(broken, "utf-16le", 100)).rejects.toMatchObject({ name: "EncodingError", byte: 5 })
    await expect(decoded(broken, "utf-16le", 1)).rejects.toBeInstanceOf(EncodingError)
    await expect(decoded(Buffer.from("abc"), "utf-16le", 100)).rejects.toMatchObject({ byte: 3 })
  })
})

describe("UTF-8", () => {
  it("is checked, with line and byte of the first thing that is none", () => {
    expect(() => checkUtf8(Buffer.from("naïve 𝄞"))).not.toThrow()
    const bad = [[0x80], [0xc3], [0xe2, 0x82], [0xf8, 0x88], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]
    for (const bytes of bad) {
      expect(() => checkUtf8(Buffer.concat([Buffer.from("é\nab"), Buffer.from(bytes), Buffer.from("c\n")]))).toThrow(
        /byte 3 of the line is no UTF-8/,
      )
    }
  })
})

describe("a byte order mark", () => {
  it("tells the encoding", () => {
    expect(byteOrderMark(Buffer.from("\ufeffa"))).toEqual({ encoding: "utf-8", length: 3 })
    expect(byteOrderMark(Buffer.from("\ufeffa", "utf16le"))).toEqual({ encoding: "utf-16le", length: 2 })
    expect(byteOrderMark(Buffer.from("\ufeffa", "utf16le").swap16())).toEqual({ encoding: "utf-16be", length: 2 })
    expect(byteOrderMark(Buffer.from("abc"))).toBeUndefined()
    expect(byteOrderMark(new Uint8Array(0))).toBeUndefined()
  })
})
