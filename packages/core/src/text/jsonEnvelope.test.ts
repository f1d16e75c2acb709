import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { EnvelopeError, JsonEnvelope } from "./jsonEnvelope.ts"

/** Feeds a text in pieces, standing in for who reads the rows: passes over them with `JSON.parse`. */
const walk = (text: string, path: ReadonlyArray<string>, size = 3): string | undefined => {
  const envelope = new JsonEnvelope(path)
  const bytes = Buffer.from(text)
  let rows: string | undefined
  for (let at = 0; at < bytes.length;) {
    const to = Math.min(bytes.length, at + size)
    const found = envelope.feed(bytes, at, to)
    if (found === undefined) {
      at = to
      continue
    }
    const start = found.found === "array" ? found.at - 1 : found.at
    const end = valueEnd(bytes, start)
    rows = bytes.toString("utf8", start, end)
    envelope.leave()
    at = end
  }
  envelope.end(0)
  return rows
}

const valueEnd = (bytes: Buffer, start: number): number => {
  for (let end = start + 2; end <= bytes.length; end++) {
    try {
      JSON.parse(bytes.toString("utf8", start, end))
      return end
    } catch {
      // Longer, then.
    }
  }
  throw new Error("the rows have no end")
}

const failure = (text: string, path: ReadonlyArray<string> = []): EnvelopeError => {
  try {
    walk(text, path)
  } catch (cause) {
    if (cause instanceof EnvelopeError) return cause
    throw cause
  }
  throw new Error("it was accepted")
}

describe("the way to the rows", () => {
  it("is the text itself without a path", () => {
    expect(walk(" [1, 2] \n", [])).toBe("[1, 2]")
    expect(walk('{"a":1}', [])).toBe('{"a":1}')
  })

  it("leads through objects, past everything else", () => {
    const text = '{"meta":{"data":[0],"n":-1.5e+3,"t":[true,false,null,"\\u00e9\\""]},"data":{"x":[],"items":[{"a":1}],"y":{}},"z":0}'
    for (const size of [1, 2, 7, 1000]) expect(walk(text, ["data", "items"], size)).toBe('[{"a":1}]')
  })

  it("knows keys that are spelled with escapes", () => {
    expect(walk('{"d\\u0061ta":[]}', ["data"])).toBe("[]")
  })

  it("must exist, and be made of objects down to an array or object", () => {
    expect(failure('{"a":{"b":1}}', ["a", "c"])).toMatchObject({ code: "JSON_SHAPE", message: 'a has no key "c". Check records' })
    expect(failure("{}", ["a"]).message).toBe('the text has no key "a". Check records')
    expect(failure("[]", ["a"])).toMatchObject({
      code: "JSON_SHAPE",
      message: "the text is no object, so there is no a in it. Check records",
    })
    expect(failure('{"a":[1]}', ["a", "b"]).message).toContain("a is no object")
    expect(failure('{"a":"x"}', ["a"]).message).toContain("a is neither an array nor an object")
    expect(failure("5").message).toContain("the text is neither an array nor an object")
  })

  it("must not be there twice", () => {
    expect(failure('{"a":[],"a":[]}', ["a"])).toMatchObject({ code: "DUPLICATE_KEY" })
    expect(failure('{"a":{"b":[]},"a":{}}', ["a", "b"])).toMatchObject({ code: "DUPLICATE_KEY" })
  })

  it("may be entered in the middle", () => {
    const envelope = new JsonEnvelope(["a", "b"])
    envelope.enter()
    envelope.leave()
    expect(envelope.feed(Buffer.from(' , "c":1}, "d":2}'), 0, 17)).toBeUndefined()
    expect(() => envelope.end(17)).not.toThrow()
  })
})

describe("what stands around the rows", () => {
  it.each([
    '{"x":01,"a":[]}',
    '{"x":1.,"a":[]}',
    '{"x":-,"a":[]}',
    '{"x":1e,"a":[]}',
    '{"x":tru,"a":[]}',
    '{"x":"\u0001","a":[]}',
    '{"x":"\\x","a":[]}',
    '{"x":"\\u12g4","a":[]}',
    '{"x":[1,],"a":[]}',
    '{"x":[1 2],"a":[]}',
    '{"x" 1,"a":[]}',
    '{x:1,"a":[]}',
    '{"a":[],}',
    '{"a":[]',
    '{"a":[]}}',
    '{"a":[]} 5',
    '{,"a":[]}',
    "",
  ])("must be JSON: %j is not", (text) => {
    expect(failure(text, ["a"])).toMatchObject({ code: "JSON_SYNTAX" })
  })

  it("points out the lines of another format", () => {
    expect(failure('{"a":1}\n{"a":2}\n').message).toContain("type: ndjson")
  })

  it("must not nest too deeply", () => {
    expect(failure(`{"x":${"[".repeat(80)}`, ["a"])).toMatchObject({ code: "JSON_SHAPE" })
  })

  it("is accepted where JSON.parse accepts it, in pieces of any size", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 1, max: 9 }), fc.constantFrom(undefined, 1), (other, size, indent) => {
        expect(walk(JSON.stringify({ before: other, rows: [], behind: other }, null, indent), ["rows"], size)).toBe("[]")
      }),
    )
  })
})
