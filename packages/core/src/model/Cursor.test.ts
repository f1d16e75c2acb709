import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeCursor, encodeCursor } from "./Cursor.ts"
import { Decimal } from "./Decimal.ts"

const leaf = fc.oneof(
  fc.string(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array(),
  fc.bigInt().map((n) => Decimal.parse(`${n}.5`)!),
)
const names = fc.oneof(fc.string(), fc.constantFrom("$bigint", "$date", "$$", "$", "$bytes")).filter((name) => name !== "__proto__")
const cursors = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small" }, leaf, fc.array(tie("value")), fc.dictionary(names, tie("value"), { noNullPrototype: true })),
})).value

describe("a cursor", () => {
  it("comes back as it went in, whatever it holds", () => {
    fc.assert(
      fc.property(cursors, (cursor) => {
        expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor)
      }),
    )
  })

  it("refuses what could not be read back", () => {
    const cyclic: Array<unknown> = []
    cyclic.push(cyclic)
    expect(() => encodeCursor(cyclic)).toThrow("contains itself")
    expect(() => encodeCursor({ f: () => 1 })).toThrow("a cursor cannot hold a function")
  })
})
