/** Ways of storing values that programs of today read and no longer write. */
import { Decimal, type Value } from "@deltaflow/core"
import fc from "fast-check"
import type { SchemaElement } from "hyparquet"
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js"
import { describe, expect, it } from "vitest"
import { fileColumns } from "./fileColumns.ts"
import { GrowingBytes } from "./growingBytes.ts"
import { bitsOf, readHybrid, writeHybrid } from "./hybrid.ts"
import { readLane } from "./lane.ts"
import { leafType } from "./leafTypes.ts"
import { lz4Frames, lz4Uncompress } from "./lz4.ts"

type Element = Omit<SchemaElement, "name">

const read = (element: Element, bytes: Uint8Array, as?: "string"): Value => {
  const leaf = leafType({ ...element, name: "a" })!
  const lane = readLane(bytes, "PLAIN", 1, { type: element.type!, width: element.type_length ?? 0 })
  return (as === undefined ? leaf.read : leaf.readAs![as]!)(lane)(0)
}

const bytesOf = (write: (bytes: Buffer) => void, size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  write(bytes)
  return bytes
}

const old = (day: number, nanos: bigint) =>
  bytesOf((bytes) => {
    bytes.writeBigInt64LE(nanos, 0)
    bytes.writeInt32LE(day, 8)
  }, 12)

describe("older forms", () => {
  it("of times are read: nanoseconds of a Julian day", () => {
    expect(read({ type: "INT96" }, old(2_440_588, 0n))).toBe(0)
    expect(read({ type: "INT96" }, old(2_440_587, 86_399_999_999_000n))).toBe(-1)
    expect(() => read({ type: "INT96" }, old(2_440_588, 1n))).toThrow(/1970-01-01T00:00:00.000000001 has nanoseconds/)
    expect(read({ type: "INT96" }, old(2_440_588, 1n), "string")).toBe("1970-01-01T00:00:00.000000001")
  })

  it("of times without a logical type are read as instants", () => {
    const millis = bytesOf((bytes) => bytes.writeBigInt64LE(-1n), 8)
    expect(leafType({ name: "a", type: "INT64", converted_type: "TIMESTAMP_MILLIS" })!.type).toBe("timestamptz")
    expect(read({ type: "INT64", converted_type: "TIMESTAMP_MILLIS" }, millis)).toBe(-1000)
    expect(read({ type: "INT64", converted_type: "TIMESTAMP_MICROS" }, millis)).toBe(-1)
    expect(
      read(
        { type: "INT32", converted_type: "TIME_MILLIS" },
        bytesOf((bytes) => bytes.writeInt32LE(5), 4),
      ),
    ).toBe(5000)
    expect(
      read(
        { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
        bytesOf((bytes) => bytes.writeBigInt64LE(10n ** 16n), 8),
      ),
    ).toBe(10n ** 19n)
  })

  it("of decimals of any length are read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.bigInt({ min: -(2n ** 159n), max: 2n ** 159n - 1n }), (size, number) => {
        const value = BigInt.asIntN(8 * size, number)
        const hex = BigInt.asUintN(8 * size, value)
          .toString(16)
          .padStart(2 * size, "0")
        const element = { type: "FIXED_LEN_BYTE_ARRAY", type_length: size, converted_type: "DECIMAL", scale: 3 } as const
        expect(String(read(element, Buffer.from(hex, "hex")))).toBe(String(Decimal.parse(`${value}e-3`)!.withScale(3)))
      }),
    )
  })

  it("of halves are read", () => {
    const half = (bits: number) =>
      read({ type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" } }, Uint8Array.of(bits & 255, bits >> 8))
    expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0xfc00].map(half)).toEqual([1, -2, 65_504, 2 ** -24, -0, Infinity, -Infinity])
    expect(half(0x7e00)).toBeNaN()
  })

  it("of lists are told apart", () => {
    const group = (
      name: string,
      repetition_type: "OPTIONAL" | "REPEATED" | "REQUIRED",
      num_children: number,
      list = false,
    ): SchemaElement => ({
      name,
      repetition_type,
      num_children,
      ...(list ? { converted_type: "LIST" } : {}),
    })
    const int = (name: string, repetition_type: "OPTIONAL" | "REPEATED" | "REQUIRED"): SchemaElement => ({
      name,
      type: "INT32",
      repetition_type,
    })
    const typeOf = (...elements: ReadonlyArray<SchemaElement>) => fileColumns([{ name: "root", num_children: 1 }, ...elements])[0]!.type
    expect(typeOf(int("a", "REPEATED"))).toBe("integer[]")
    expect(typeOf(group("a", "OPTIONAL", 1, true), int("element", "REPEATED"))).toBe("integer[]")
    expect(typeOf(group("a", "OPTIONAL", 1, true), group("list", "REPEATED", 1), int("element", "OPTIONAL"))).toBe("integer[]")
    expect(typeOf(group("a", "OPTIONAL", 1, true), group("array", "REPEATED", 1), int("x", "OPTIONAL"))).toBe("json")
    expect(typeOf(group("a", "OPTIONAL", 1, true), group("a_tuple", "REPEATED", 1), int("x", "OPTIONAL"))).toBe("json")
    expect(typeOf(group("a", "OPTIONAL", 1, true), group("list", "REPEATED", 2), int("x", "OPTIONAL"), int("y", "OPTIONAL"))).toBe("json")
  })
})

describe("runs and packed numbers", () => {
  const numbers = fc.integer({ min: 1, max: 24 }).chain((width) =>
    fc.record({
      width: fc.constant(width),
      runs: fc.array(fc.tuple(fc.nat({ max: 2 ** width - 1 }), fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 40 }))), { maxLength: 12 }),
    }),
  )

  it("come back as they were, for other readers too", () => {
    fc.assert(
      fc.property(numbers, ({ width, runs }) => {
        const given = Int32Array.from(runs.flatMap(([value, count]) => Array.from({ length: count }, () => value)))
        const out = new GrowingBytes()
        writeHybrid(given, 0, given.length, width, out)
        const bytes = out.view()
        const ours = new Int32Array(given.length)
        readHybrid(bytes, 0, bytes.length, width, ours)
        expect(ours).toEqual(given)
        const theirs = new Int32Array(given.length)
        readRleBitPackedHybrid({ view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 }, width, theirs, bytes.length)
        expect(theirs).toEqual(given)
      }),
    )
  })

  it("are an error where the bytes end too soon", () => {
    const out = new GrowingBytes()
    const given = Int32Array.from({ length: 104 }, (_, i) => i % 7)
    writeHybrid(given, 0, given.length, bitsOf(6), out)
    for (let length = 0; length < out.length; length++)
      expect(() => readHybrid(out.view(), 0, length, 3, new Int32Array(104))).toThrow(/page/)
  })
})

describe("LZ4", () => {
  // "abcabcabcabc…": three literals, a match of 3 behind, and the literals at the end.
  const block = Uint8Array.of(0x3f, 0x61, 0x62, 0x63, 3, 0, 2, 0x50, 0x61, 0x62, 0x63, 0x64, 0x65)
  const plain = `abc${"abc".repeat(7)}abcde`

  const unpacked = (run: (bytes: Uint8Array, into: Uint8Array) => void, bytes: Uint8Array, length = plain.length) => {
    const into = new Uint8Array(length)
    run(bytes, into)
    return Buffer.from(into).toString()
  }

  it("is read as a block, and in frames", () => {
    expect(unpacked(lz4Uncompress, block)).toBe(plain)
    expect(unpacked(lz4Frames, block)).toBe(plain)
    const head = bytesOf((bytes) => {
      bytes.writeUInt32BE(plain.length, 0)
      bytes.writeUInt32BE(block.length, 4)
    }, 8)
    expect(unpacked(lz4Frames, Buffer.concat([head, block, head, block]), 2 * plain.length)).toBe(plain + plain)
  })

  it("is an error where it gives more or fewer bytes, or ends too soon", () => {
    expect(() => unpacked(lz4Uncompress, block, plain.length + 1)).toThrow(RangeError)
    expect(() => unpacked(lz4Uncompress, block, plain.length - 1)).toThrow(RangeError)
    for (let length = 0; length < block.length; length++)
      expect(() => unpacked(lz4Uncompress, block.subarray(0, length))).toThrow(RangeError)
  })
})
