import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatLsn, parseLsn, parseMessage, ProtocolError, sinceEpoch, statusUpdate } from "./pgoutput.ts"

const int = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  if (value < 0) buffer.writeIntBE(value, 0, bytes)
  else buffer.writeUIntBE(value, 0, bytes)
  return buffer
}
const long = (value: bigint): Buffer => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64BE(BigInt.asUintN(64, value))
  return buffer
}
const text = (value: string): Buffer => Buffer.from(`${value}\0`)
const tag = (value: string): Buffer => Buffer.from(value, "latin1")
const value = (content: string | null | undefined): Buffer => {
  if (content === null) return tag("n")
  if (content === undefined) return tag("u")
  const bytes = Buffer.from(content)
  return Buffer.concat([tag("t"), int(bytes.length, 4), bytes])
}
const tuple = (...values: ReadonlyArray<string | null | undefined>): Buffer => Buffer.concat([int(values.length, 2), ...values.map(value)])
const data = (...parts: ReadonlyArray<Buffer>): Buffer => Buffer.concat([tag("w"), long(1n), long(2n), long(3n), ...parts])

const MESSAGES: ReadonlyArray<readonly [Buffer, unknown]> = [
  [data(tag("B"), long(0x1_6b37_48n), long(5n), int(77, 4)), { kind: "begin", commitLsn: 0x1_6b37_48n, time: 5n }],
  [data(tag("C"), int(0, 1), long(8n), long(9n), long(-1n)), { kind: "commit", commitLsn: 8n, endLsn: 9n, time: -1n }],
  [
    data(
      tag("R"),
      int(42, 4),
      text("shop"),
      text("orders"),
      tag("d"),
      int(2, 2),
      int(1, 1),
      text("id"),
      int(20, 4),
      int(-1, 4),
      int(0, 1),
      text("größe"),
      int(1700, 4),
      int(6, 4),
    ),
    {
      kind: "relation",
      id: 42,
      schema: "shop",
      name: "orders",
      identity: "d",
      columns: [
        { isKey: true, name: "id", type: 20, modifier: -1 },
        { isKey: false, name: "größe", type: 1700, modifier: 6 },
      ],
    },
  ],
  [data(tag("I"), int(42, 4), tag("N"), tuple("1", "é😀", null, "")), { kind: "insert", relation: 42, row: ["1", "é😀", null, ""] }],
  [data(tag("U"), int(42, 4), tag("N"), tuple("1", undefined)), { kind: "update", relation: 42, old: undefined, row: ["1", undefined] }],
  [
    data(tag("U"), int(42, 4), tag("K"), tuple("1", null), tag("N"), tuple("2", "x")),
    { kind: "update", relation: 42, old: { isKey: true, row: ["1", null] }, row: ["2", "x"] },
  ],
  [
    data(tag("U"), int(42, 4), tag("O"), tuple("1", "o"), tag("N"), tuple("1", undefined)),
    { kind: "update", relation: 42, old: { isKey: false, row: ["1", "o"] }, row: ["1", undefined] },
  ],
  [data(tag("D"), int(42, 4), tag("K"), tuple("1", null)), { kind: "delete", relation: 42, old: { isKey: true, row: ["1", null] } }],
  [data(tag("T"), int(2, 4), int(1, 1), int(42, 4), int(43, 4)), { kind: "truncate", relations: [42, 43] }],
  [data(tag("Y"), int(7, 4), text("public"), text("mood")), { kind: "other" }],
  [data(tag("O"), long(7n), text("elsewhere")), { kind: "other" }],
]

describe("messages of the log", () => {
  it("are read by their bytes", () => {
    for (const [bytes, change] of MESSAGES) expect(parseMessage(bytes)).toEqual({ kind: "data", change })
    const alive = Buffer.concat([tag("k"), long(0xffff_ffff_0000_0001n), long(2n), int(1, 1)])
    expect(parseMessage(alive)).toEqual({ kind: "alive", lsn: 0xffff_ffff_0000_0001n, wantsReply: true })
    expect(parseMessage(Buffer.concat([tag("k"), long(1n), long(2n), int(0, 1)]))).toMatchObject({ wantsReply: false })
  })

  it("are an error wherever they are cut off, and where they go on", () => {
    for (const [bytes, change] of MESSAGES) {
      if ((change as { readonly kind: string }).kind !== "other") {
        for (let length = 0; length < bytes.length; length++)
          expect(() => parseMessage(bytes.subarray(0, length)), String(length)).toThrow(ProtocolError)
        expect(() => parseMessage(Buffer.concat([bytes, int(0, 1)]))).toThrow(/too many/)
      }
    }
  })

  it("are an error or a message, whatever the bytes are", () => {
    const known = fc.constantFrom(...MESSAGES.map(([bytes]) => bytes))
    const changed = fc.tuple(known, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 })).map(([bytes, changes]) => {
      const copy = Buffer.from(bytes)
      for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte
      return copy
    })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (bytes) => {
        try {
          parseMessage(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 10_000 },
    )
  })

  it("name what is not known", () => {
    expect(() => parseMessage(tag("x"))).toThrow(/unknown kind "x"/)
    expect(() => parseMessage(data(tag("Q")))).toThrow(/unknown kind "Q"/)
    expect(() => parseMessage(data(tag("I"), int(1, 4), tag("K"), tuple()))).toThrow(/begins with N/)
    expect(() => parseMessage(data(tag("I"), int(1, 4), tag("N"), int(1, 2), tag("b"), int(0, 4)))).toThrow(/value of the unknown kind "b"/)
  })

  it("have places and times of their own", () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => parseLsn(formatLsn(lsn)) === lsn))
    expect(formatLsn(0x16_b374_8an)).toBe("0/16B3748A")
    expect(() => parseLsn("16B3748")).toThrow(ProtocolError)
    expect(sinceEpoch(0n)).toBe(Date.UTC(2000, 0, 1) * 1000)
    const update = statusUpdate(5n, 4n, Date.UTC(2000, 0, 1) + 1, true)
    expect([
      update.length,
      update.readBigUInt64BE(1),
      update.readBigUInt64BE(9),
      update.readBigUInt64BE(17),
      update.readBigInt64BE(25),
      update[33],
    ]).toEqual([34, 5n, 4n, 4n, 1000n, 1])
  })
})
