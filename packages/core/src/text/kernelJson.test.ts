import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { javascriptKernel, type JsonArrayScan, type JsonKeys, type JsonProblem, type JsonScan, type TextKernel } from "./kernel.ts"
import { makeWasmKernel } from "./kernelWasm.ts"
import { JsonKind } from "./TextRows.ts"

const wasmKernel = makeWasmKernel()
const kernels: ReadonlyArray<TextKernel> = [wasmKernel, javascriptKernel]

/** One character per byte, so that places in the text are places in the bytes. */
const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))
const utf8 = (text: string): string => Buffer.from(text).toString("latin1")

const keysOf = (...names: ReadonlyArray<string>): JsonKeys => names.map((name) => latin1(utf8(name)))

const lines = (kernel: TextKernel, text: string, keys: JsonKeys, final = true): JsonScan => {
  const bytes = latin1(text)
  return kernel.scanNdjson(bytes, 0, bytes.length, keys, { final })
}

const elements = (kernel: TextKernel, text: string, keys: JsonKeys, first = true, final = true): JsonArrayScan => {
  const bytes = latin1(text)
  return kernel.scanJsonArray(bytes, 0, bytes.length, keys, { first, final })
}

type Cell = readonly [kind: number, text: string]

/** The kind and the text of each value. */
const cells = (text: string, found: JsonScan, columns: number): Array<Array<Cell>> =>
  Array.from({ length: found.rows }, (_row, row) =>
    Array.from({ length: columns }, (_cell, column): Cell => {
      const cell = row * columns + column
      return [found.kinds[cell]!, text.slice(found.spans[2 * cell], found.spans[2 * cell + 1])]
    }),
  )

const plain = (found: JsonScan): unknown => ({ ...found, spans: Array.from(found.spans), kinds: Array.from(found.kinds) })

const kindOf = (text: string): number => {
  if (text.startsWith('"')) return text.includes("\\") ? JsonKind.escapedString : JsonKind.string
  if (text.startsWith("{")) return JsonKind.object
  if (text.startsWith("[")) return JsonKind.array
  if (text === "null") return JsonKind.null
  if (text === "true") return JsonKind.true
  if (text === "false") return JsonKind.false
  return /[.eE]/.test(text) ? JsonKind.number : JsonKind.integer
}

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

interface Member {
  readonly key: string
  readonly at: number
  readonly value: string
}

const STRING = /"(?:[^"\\]|\\.)*"/y
const SPACE = /[ \t\r\n]*/y
const SCALAR = /"(?:[^"\\]|\\.)*"|[^\s,\]}"]+/y

/** The members of an object that is known to be valid, by regular expressions. */
const members = (text: string): Array<Member> => {
  const found: Array<Member> = []
  let at = 0
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const taken = pattern.exec(text)?.[0] ?? ""
    at += taken.length
    return taken
  }
  const takeValue = (): string => {
    const start = at
    let depth = 0
    do {
      take(SPACE)
      if ("{[".includes(text[at]!)) depth += text[at++] === undefined ? 0 : 1
      else if ("}]".includes(text[at]!)) depth -= text[at++] === undefined ? 0 : 1
      else if (",:".includes(text[at]!)) at++
      else take(SCALAR)
    } while (depth > 0)
    return text.slice(start, at)
  }
  take(SPACE)
  at++
  for (take(SPACE); text[at] !== "}"; take(SPACE)) {
    if (text[at] === ",") at++
    take(SPACE)
    const place = at
    const key = take(STRING).slice(1, -1)
    take(SPACE)
    at++
    take(SPACE)
    found.push({ key, at: place, value: takeValue() })
  }
  return found
}

interface Judged {
  readonly row: Array<Cell>
  readonly problem: string
}

/** What a line is, by `JSON.parse` and regular expressions. */
const judge = (line: string, at: number, names: ReadonlyArray<string>): Judged => {
  const indent = /^[ \t\r]*/.exec(line)![0].length
  if (line[indent] !== "{") return { row: [], problem: `not-object at ${at + indent}` }
  if (!parses(line)) return { row: [], problem: "syntax" }
  const row = names.map((): Cell => [JsonKind.missing, ""])
  for (const member of members(line)) {
    const column = names.indexOf(member.key)
    const place = at + member.at
    if (column < 0) return { row, problem: `${member.key.includes("\\") ? "escaped-key" : "unknown-key"} at ${place}` }
    if (row[column]![0] !== JsonKind.missing) return { row, problem: `duplicate-key at ${place}` }
    row[column] = [kindOf(member.value), member.value]
  }
  return { row, problem: "" }
}

interface Answer {
  readonly rows: ReadonlyArray<ReadonlyArray<Cell>>
  readonly consumed: number
  /** Of a syntax error only that there is one. */
  readonly problem: string
}

interface Sample {
  readonly text: string
  readonly names: ReadonlyArray<string>
  readonly final: boolean
  readonly before?: string
  readonly after?: string
}

const scanSample = (kernel: TextKernel, { text, names, final, before = "", after = "" }: Sample): JsonScan => {
  const bytes = latin1(before + text + after)
  return kernel.scanNdjson(bytes, before.length, before.length + text.length, keysOfSample(names), { final })
}
const keysOfSample = (spelled: ReadonlyArray<string>): JsonKeys => spelled.map(latin1)

/** What a kernel says, in words that `JSON.parse` knows as well. */
const answer = (kernel: TextKernel, sample: Sample): Answer => {
  const found = scanSample(kernel, sample)
  const { problem } = found
  const isGrammar = problem !== undefined && (problem.kind === "syntax" || problem.kind === "depth")
  return {
    rows: cells((sample.before ?? "") + sample.text, found, sample.names.length),
    consumed: found.consumed,
    problem: problem === undefined ? "" : isGrammar ? "syntax" : `${problem.kind} at ${problem.at}`,
  }
}

/** What it should say. A row with two faults may be refused for either: `fault` is the one that the kernel named. */
const expected = ({ text, names, final, before = "" }: Sample, fault: string): Answer => {
  const rows: Array<Array<Cell>> = []
  let at = 0
  while (at < text.length) {
    const end = text.indexOf("\n", at)
    if (end < 0 && !final) break
    const line = text.slice(at, end < 0 ? text.length : end)
    if (!/^[ \t\r]*$/.test(line)) {
      const judged = judge(line, before.length + at, names)
      const either = judged.problem === "syntax" && fault !== "" ? fault : judged.problem
      if (judged.problem !== "") return { rows, consumed: before.length + at, problem: either }
      rows.push(judged.row)
    }
    at = end < 0 ? text.length : end + 1
  }
  return { rows, consumed: before.length + at, problem: "" }
}

/** The answers of both kernels, and what they should be. */
const compare = (sample: Sample): { readonly found: ReadonlyArray<Answer>; readonly wanted: ReadonlyArray<Answer> } => {
  const found = kernels.map((kernel) => answer(kernel, sample))
  return { found, wanted: kernels.map(() => expected(sample, found[0]!.problem)) }
}

const name = fc.constantFrom("a", "b", "id", "a much longer name of a key, of 40 bytes", "")
const names = fc.uniqueArray(name, { maxLength: 5 })

const scalar = fc.oneof(
  fc.constantFrom("null", "true", "false", "0", "-0", "1", "-12", "3.25", "1e5", "-1.5E-7", "12345678901234567890123", "0.1"),
  fc.string({ unit: "binary", maxLength: 30 }).map((text) => JSON.stringify(text)),
  fc.constantFrom('""', '"plain"', '"\\ud800"', '"\\u00e9\\/"', `"${"long ".repeat(20)}"`, '"\\\\"', '"\\""', '"ends at sixteen"'),
)
const space = fc.constantFrom("", "", "", " ", "\t", "  ", " \r")
const anyValue = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, scalar, tie("array"), tie("object")),
  array: fc
    .tuple(fc.array(tie("value"), { maxLength: 3 }), space, space)
    .map(([items, outer, inner]) => `[${outer}${items.join(`${inner},${outer}`)}${inner}]`),
  object: fc
    .tuple(fc.array(fc.tuple(fc.constantFrom("x", "\\n", "é"), tie("value")), { maxLength: 3 }), space)
    .map(([items, inner]) => `{${inner}${items.map(([key, value]) => `"${key}"${inner}:${inner}${value}`).join(`,${inner}`)}${inner}}`),
})).value

const spaces = fc.tuple(space, space, space, space)

/** An object with some of the keys, in some order, with one way of spacing. */
const object = (keys: ReadonlyArray<string>, style: readonly [string, string, string, string]) =>
  fc
    .tuple(fc.oneof(fc.constant([...keys]), fc.shuffledSubarray([...keys])), fc.array(anyValue, { minLength: 5, maxLength: 5 }))
    .map(([chosen, values]) => {
      const [a, b, c, d] = style
      const parts = chosen.map((key, i) => `"${key}"${c}:${d}${values[i]}`)
      return `{${a}${parts.join(`${b},${a}`)}${b}}`
    })

/** Lines that keep the rules. */
const document = fc.tuple(names, spaces).chain(([keys, style]) =>
  fc
    .tuple(fc.array(object(keys, style), { maxLength: 8 }), fc.constantFrom("\n", "\r\n", "\n\n", " \n"), fc.boolean())
    .map(([objects, end, closed]) => {
      const rows = objects.map(utf8)
      return { keys: keys.map(utf8), objects: rows, text: rows.join(end) + (closed ? end : "") }
    }),
)

/** What a finger can do to a text. */
const slip = fc.record({
  place: fc.nat(),
  remove: fc.constantFrom(0, 1, 1, 3),
  insert: fc.constantFrom(
    "",
    '"',
    "\\",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "\n",
    "\0",
    "0",
    "-",
    ".",
    "e",
    "x",
    " ",
    "\x1f",
    "\x7f",
    '"a":1,',
    "\\u12",
  ),
})
const slipped = (text: string, { place, remove, insert }: { place: number; remove: number; insert: string }): string => {
  const at = place % (text.length + 1)
  return text.slice(0, at) + insert + text.slice(at + remove)
}

describe.each(kernels)("NDJSON in $name", (kernel) => {
  test("gives place and kind of each value, in the order of the keys", () => {
    const text = '{"a":1,"b":"x"}\n{"b":null,"a":-2.5e3}\n{ "a" : true , "b" : [1,{"c":2}] }\n{"b":{},"a":"\\n"}\n{"a":false}\n{}\n'
    const found = lines(kernel, text, keysOf("a", "b"))
    expect(cells(text, found, 2)).toEqual([
      [
        [JsonKind.integer, "1"],
        [JsonKind.string, '"x"'],
      ],
      [
        [JsonKind.number, "-2.5e3"],
        [JsonKind.null, "null"],
      ],
      [
        [JsonKind.true, "true"],
        [JsonKind.array, '[1,{"c":2}]'],
      ],
      [
        [JsonKind.escapedString, '"\\n"'],
        [JsonKind.object, "{}"],
      ],
      [
        [JsonKind.false, "false"],
        [JsonKind.missing, ""],
      ],
      [
        [JsonKind.missing, ""],
        [JsonKind.missing, ""],
      ],
    ])
    expect(found).toMatchObject({ consumed: text.length, problem: undefined })
    expect(Array.from(found.spans.subarray(-4))).toEqual([0, 0, 0, 0])
  })

  test("leaves a line that is not complete, whatever is in it", () => {
    expect(lines(kernel, '{"a":1}\n{"a":2}', keysOf("a"), false)).toMatchObject({ rows: 1, consumed: 8, problem: undefined })
    expect(lines(kernel, '{"a":1}\n{"z":', keysOf("a"), false)).toMatchObject({ rows: 1, consumed: 8, problem: undefined })
    expect(lines(kernel, '{"a":1}\n{"z":', keysOf("a"), true)).toMatchObject({ rows: 1, problem: { kind: "unknown-key", at: 9, row: 1 } })
    expect(lines(kernel, '{"a":1}\n  ', keysOf("a"), false)).toMatchObject({ rows: 1, consumed: 8 })
    expect(lines(kernel, '{"a":1}\n  ', keysOf("a"), true)).toMatchObject({ rows: 1, consumed: 10 })
  })

  test("passes over blank lines and takes CRLF", () => {
    expect(lines(kernel, '\n\r\n{"a":1}\r\n \t\n{"a":2} \r\n\n', keysOf("a"))).toMatchObject({ rows: 2, consumed: 26, problem: undefined })
  })

  test.each<[string, JsonProblem["kind"], number]>([
    ['{"a":01}', "syntax", 6],
    ['{"a":-}', "syntax", 6],
    ['{"a":1.}', "syntax", 7],
    ['{"a":.5}', "syntax", 5],
    ['{"a":1e+}', "syntax", 8],
    ['{"a":+1}', "syntax", 5],
    ['{"a":tru}', "syntax", 8],
    ['{"a":nul', "syntax", 8],
    ['{"a":"x\ty"}', "syntax", 7],
    ['{"a":"x\\q"}', "syntax", 8],
    ['{"a":"\\u12G4"}', "syntax", 10],
    ['{"a":"x}', "syntax", 8],
    ['{"a":1,}', "syntax", 7],
    ['{,"a":1}', "syntax", 1],
    ['{"a" 1}', "syntax", 5],
    ['{"a":1 "b":2}', "syntax", 7],
    ['{"a":1,,"b":2}', "syntax", 7],
    ['{"a":}', "syntax", 5],
    ['{"a":[1,]}', "syntax", 8],
    ['{"a":[1 2]}', "syntax", 8],
    ['{"a":{"x":1,}}', "syntax", 12],
    ['{"a":{"x"}}', "syntax", 9],
    ['{"a":[}', "syntax", 6],
    ['{"a":1}}', "syntax", 7],
    ['{"a":1}{"a":2}', "syntax", 7],
    ['{"a":1', "syntax", 6],
    ["{'a':1}", "syntax", 1],
    ['{"a":1}\v', "syntax", 7],
    ["[1]", "not-object", 0],
    [" 12", "not-object", 1],
    ["\0", "not-object", 0],
    ['{"a":1,"c":2}', "unknown-key", 7],
    ['{"a":1,"b":2,"a":3}', "duplicate-key", 13],
    ['{"a":1,"\\u0062":2}', "escaped-key", 7],
    [`{"a":${"[".repeat(65)}`, "depth", 69],
  ])("refuses %j", (line, kind, at) => {
    const before = '{"a":0,"b":0}\n'
    const found = lines(kernel, before + line, keysOf("a", "b"))
    expect(found).toMatchObject({ rows: 1, consumed: before.length, problem: { kind, at: before.length + at, row: 1 } })
    expect(found.problem!.message).toMatch(/^\w.*\w$/)
  })

  test("takes values nested 64 deep", () => {
    const deep = `${"[".repeat(64)}${"]".repeat(64)}`
    expect(lines(kernel, `{"a":${deep}}\n`, keysOf("a"))).toMatchObject({ rows: 1, problem: undefined })
    const mixed = `${'{"x":['.repeat(32)}1${"]}".repeat(32)}`
    expect(lines(kernel, `{"a":${mixed}}\n`, keysOf("a"))).toMatchObject({ rows: 1, problem: undefined })
  })

  test("knows a key with escapes when it is spelled as expected", () => {
    expect(lines(kernel, '{"a\\"b":1}\n', [latin1('a\\"b')])).toMatchObject({ rows: 1, problem: undefined })
    expect(lines(kernel, '{"a\\u0022b":1}\n', [latin1('a\\"b')])).toMatchObject({ problem: { kind: "escaped-key", at: 1 } })
  })

  test("does not take text between values that only looks like what it saw before", () => {
    const keys = keysOf("a", "b")
    expect(lines(kernel, '{"a":1,"b":2}\n{"a":1"b":2}\n', keys)).toMatchObject({ rows: 1, problem: { kind: "syntax", at: 20 } })
    expect(lines(kernel, '{"b":2}\n{"a":1"b":2}\n', keys)).toMatchObject({ rows: 1, problem: { kind: "syntax", at: 14 } })
    expect(lines(kernel, '{"a":1,"b":2}\n{,"b":2}\n', keys)).toMatchObject({ rows: 1, problem: { kind: "syntax", at: 15 } })
    expect(elements(kernel, '{"a":\n1,\n"b":2}]', keys)).toMatchObject({ rows: 1, problem: undefined })
    expect(lines(kernel, '{"a":\n1,\n"b":2}\n', keys)).toMatchObject({ rows: 0, problem: { kind: "syntax", at: 5 } })
  })

  test("reads a thousand keys in any order", () => {
    const all = Array.from({ length: 1000 }, (_key, i) => `key ${i}`)
    const row = (order: ReadonlyArray<string>): string => `{${order.map((key) => `"${key}":"${key}"`).join(",")}}\n`
    const text = row(all) + row([...all].reverse()) + row(all)
    const found = lines(kernel, text, keysOf(...all))
    expect(found).toMatchObject({ rows: 3, problem: undefined })
    for (const cellsOfRow of cells(text, found, all.length)) {
      expect(cellsOfRow.map(([, value]) => value)).toEqual(all.map((key) => `"${key}"`))
    }
  })

  test("has room for rows that are much smaller than the text before them", () => {
    const keys = keysOf("a", "b")
    lines(kernel, `{"a":"${"x".repeat(10_000)}"}\n`.repeat(30), keys)
    const text = '{"b":1}\n{}\n'.repeat(5000)
    const found = lines(kernel, text, keys)
    expect(found).toMatchObject({ rows: 10_000, consumed: text.length, problem: undefined })
    const pairs = Array.from({ length: 5000 }, (_pair, i) => i)
    expect(Array.from(found.kinds)).toEqual(pairs.flatMap(() => [0, JsonKind.integer, 0, 0]))
    expect(Array.from(found.spans)).toEqual(pairs.flatMap((i) => [0, 0, 11 * i + 5, 11 * i + 6, 0, 0, 0, 0]))
  })

  test("stops after as many rows as it may give, and goes on from there", () => {
    const keys = keysOf("a")
    const bytes = latin1('{"a":1}\n\n{"a":2}\n{}\n\n12\n')
    const next = (from: number, maxRows: number) => kernel.scanNdjson(bytes, from, bytes.length, keys, { final: true, maxRows })
    expect(next(0, 1)).toMatchObject({ rows: 1, consumed: 9, problem: undefined })
    expect(next(9, 1)).toMatchObject({ rows: 1, consumed: 17, problem: undefined })
    expect(next(9, 2)).toMatchObject({ rows: 2, consumed: 21, problem: { kind: "not-object", row: 2 } })
    expect(next(0, 0)).toMatchObject({ rows: 0, consumed: 0, problem: undefined })

    const array = latin1('{"a":1},{"a":2}]')
    const options = { first: true, final: true, maxRows: 1 }
    expect(kernel.scanJsonArray(array, 0, array.length, keys, options)).toMatchObject({ rows: 1, consumed: 7, closed: false })
    expect(kernel.scanJsonArray(array, 7, array.length, keys, { ...options, first: false })).toMatchObject({
      rows: 1,
      consumed: 16,
      closed: true,
    })
  })

  test("counts rows when no key is wanted", () => {
    expect(lines(kernel, "{}\n{ }\n", [])).toMatchObject({ rows: 2, problem: undefined })
    expect(lines(kernel, '{"a":1}\n', [])).toMatchObject({ rows: 0, problem: { kind: "unknown-key" } })
  })

  test("lays the result into arrays that are not needed any more", () => {
    const keys = keysOf("a")
    const bytes = latin1('{"a":1}\n{"a":2}\n')
    const first = kernel.scanNdjson(bytes, 0, bytes.length, keys, { final: true })
    const second = kernel.scanNdjson(bytes, 8, bytes.length, keys, { final: true, reuse: first })
    expect(second.spans.buffer).toBe(first.spans.buffer)
    expect(second.kinds.buffer).toBe(first.kinds.buffer)
    expect(Array.from(second.spans)).toEqual([13, 14])
    expect(Array.from(second.kinds)).toEqual([JsonKind.integer])
  })

  test("refuses keys that no JSON can hold, and keys given twice", () => {
    expect(() => lines(kernel, "", [latin1('a"b')])).toThrow('keys[0]: "a\\"b" holds what cannot stand between quotes')
    expect(() => lines(kernel, "", [latin1("a\\")])).toThrow("keys[0]")
    expect(() => lines(kernel, "", keysOf("a", "b", "a"))).toThrow('keys[2]: "a" is there twice')
  })

  test("passes over a value of megabytes", () => {
    const text = `{"a":"${"long \\n".repeat(300_000)}","b":[${"1,".repeat(300_000)}1]}\n{"b":2}\n`
    const found = lines(kernel, text, keysOf("a", "b"))
    expect(found).toMatchObject({ rows: 2, problem: undefined })
    expect(Array.from(found.kinds)).toEqual([JsonKind.escapedString, JsonKind.array, JsonKind.missing, JsonKind.integer])
  })
})

describe("NDJSON, both forms against JSON.parse", () => {
  test("agree on lines that keep the rules, anywhere in a larger buffer", () => {
    const check = (
      { keys, objects, text }: { keys: Array<string>; objects: Array<string>; text: string },
      before: string,
      after: string,
    ) => {
      const { found, wanted } = compare({ text, names: keys, final: true, before, after })
      expect(found).toEqual(wanted)
      expect(found[0]).toMatchObject({ consumed: before.length + text.length, problem: "" })
      expect(found[0]!.rows).toHaveLength(objects.length)
    }
    fc.assert(fc.property(document, fc.constantFrom("", "x", '{"'), fc.constantFrom("", "}", '"}\n{', "1"), check), { numRuns: 1000 })
  })

  test("agree on lines with a slip", () => {
    const check = ({ keys, text }: { keys: Array<string>; text: string }, slips: Parameters<typeof slipped>[1][], final: boolean): void => {
      const sample = { text: slips.reduce(slipped, text), names: keys, final }
      const { found, wanted } = compare(sample)
      expect(found).toEqual(wanted)
      expect(plain(scanSample(wasmKernel, sample))).toEqual(plain(scanSample(javascriptKernel, sample)))
    }
    fc.assert(fc.property(document, fc.array(slip, { minLength: 1, maxLength: 2 }), fc.boolean(), check), { numRuns: 2500 })
  })

  test("agree on lines with keys that nobody expects", () => {
    const check = ({ keys, text }: { keys: Array<string>; text: string }, drop: number, escape: boolean): void => {
      const rest = keys.filter((_key, i) => i !== drop % keys.length)
      const { found, wanted } = compare({ text: escape ? text.replaceAll('"a"', '"\\u0061"') : text, names: rest, final: true })
      expect(found).toEqual(wanted)
    }
    fc.assert(fc.property(document, fc.nat(), fc.boolean(), check), { numRuns: 500 })
  })

  test("find the same rows when they are asked for a few at a time", () => {
    const check = (
      { keys: spelled, text }: { keys: Array<string>; text: string },
      slips: Parameters<typeof slipped>[1][],
      maxRows: number,
    ) => {
      const keys = spelled.map(latin1)
      const bytes = latin1(slips.reduce(slipped, text))
      const all = kernels.map((kernel) => {
        const parts = [kernel.scanNdjson(bytes, 0, bytes.length, keys, { final: true, maxRows })]
        while (parts.at(-1)!.rows === maxRows) {
          parts.push(kernel.scanNdjson(bytes, parts.at(-1)!.consumed, bytes.length, keys, { final: true, maxRows }))
        }
        return { parts, whole: kernel.scanNdjson(bytes, 0, bytes.length, keys, { final: true }) }
      })
      expect(all[0]!.parts.map(plain)).toEqual(all[1]!.parts.map(plain))
      for (const { parts, whole } of all) {
        expect(parts.flatMap(({ spans }) => Array.from(spans))).toEqual(Array.from(whole.spans))
        expect(parts.at(-1)!.consumed).toBe(whole.consumed)
        expect(parts.at(-1)!.problem?.at).toBe(whole.problem?.at)
      }
    }
    fc.assert(fc.property(document, fc.array(slip, { maxLength: 1 }), fc.integer({ min: 1, max: 3 }), check), { numRuns: 400 })
  })

  test("find the same rows when the text is cut anywhere", () => {
    const check = ({ keys: spelled, text }: { keys: Array<string>; text: string }): void => {
      const keys = spelled.map(latin1)
      const bytes = latin1(text)
      const cut = (kernel: TextKernel, at: number) => {
        const head = kernel.scanNdjson(bytes, 0, at, keys, { final: false })
        const tail = kernel.scanNdjson(bytes, head.consumed, bytes.length, keys, { final: true })
        const rows = [...cells(text, head, keys.length), ...cells(text, tail, keys.length)]
        return JSON.stringify([rows, head.problem, tail.problem])
      }
      const whole = cells(text, wasmKernel.scanNdjson(bytes, 0, bytes.length, keys, { final: true }), keys.length)
      for (const kernel of kernels) {
        const all = Array.from({ length: bytes.length + 1 }, (_cut, at) => cut(kernel, at))
        expect([...new Set(all)]).toEqual([JSON.stringify([whole, undefined, undefined])])
      }
    }
    fc.assert(fc.property(document, check), { numRuns: 40 })
  })
})

describe.each(kernels)("a JSON array in $name", (kernel) => {
  const keys = keysOf("a")

  test("gives the objects up to the closing bracket, and says where it is", () => {
    const text = ' {"a":1} ,\n{"a"\n:\n2}\n] tail'
    const found = elements(kernel, text, keys)
    expect(found).toMatchObject({ rows: 2, consumed: 22, closed: true, problem: undefined })
    expect(cells(text, found, 1)).toEqual([[[JsonKind.integer, "1"]], [[JsonKind.integer, "2"]]])
    expect(elements(kernel, " ] ", keys)).toMatchObject({ rows: 0, consumed: 2, closed: true, problem: undefined })
  })

  test("goes on after an element", () => {
    const text = '{"a":1},{"a":2}, {"a"'
    const head = elements(kernel, text, keys, true, false)
    expect(head).toMatchObject({ rows: 2, consumed: 15, closed: false, problem: undefined })
    const tail = elements(kernel, `${text.slice(15)}:3}]`, keys, false)
    expect(tail).toMatchObject({ rows: 1, consumed: 10, closed: true, problem: undefined })
  })

  test.each<[string, boolean, JsonProblem["kind"], number]>([
    [',{"a":1}]', true, "syntax", 0],
    ['{"a":1},]', true, "syntax", 8],
    ['{"a":1}{"a":2}]', true, "syntax", 7],
    ['{"a":1}]', false, "syntax", 0],
    ["1]", true, "not-object", 0],
    ['{"a":1},[]]', true, "not-object", 8],
    ['{"a":1}', true, "syntax", 7],
    ['{"a":1},', true, "syntax", 8],
    ["", true, "syntax", 0],
    ['{"a":1,"b":2}]', true, "unknown-key", 7],
  ])("refuses %j", (text, first, kind, at) => {
    expect(elements(kernel, text, keys, first)).toMatchObject({ closed: false, problem: { kind, at } })
  })

  test("waits for the rest of an element before it says that it is wrong", () => {
    for (const text of ["", "{", '{"a', '{"a":', '{"a":tr', '{"a":"\\u0', '{"a":-', '{"a":1.', '{"a":[', '{"a":1}', '{"a":1},']) {
      expect([text, elements(kernel, text, keys, true, false)]).toMatchObject([text, { closed: false, problem: undefined }])
    }
  })
})

describe("a JSON array, both forms", () => {
  const layout = fc.tuple(document, fc.constantFrom(",", " ,\n", "\n,"), fc.constantFrom("", "\n  ", " "))

  const parts = ({ objects }: { objects: Array<string> }, comma: string, end: string): string => `${end}${objects.join(comma)}${end}]`

  test("find the rows that the same objects give as lines", () => {
    const check = ([lines_, comma, end]: [{ keys: Array<string>; objects: Array<string> }, string, string], cut: number): void => {
      const keys = lines_.keys.map(latin1)
      const text = parts(lines_, comma, end)
      const bytes = latin1(text)
      const ndjson = lines_.objects.join("\n")
      const expected = cells(ndjson, wasmKernel.scanNdjson(latin1(ndjson), 0, ndjson.length, keys, { final: true }), keys.length)
      for (const kernel of kernels) {
        const head = kernel.scanJsonArray(bytes, 0, cut % (bytes.length + 1), keys, { first: true, final: false })
        expect(head.problem).toBeUndefined()
        const tail = head.closed
          ? head
          : kernel.scanJsonArray(bytes, head.consumed, bytes.length, keys, { first: head.rows === 0, final: true })
        expect(tail).toMatchObject({ closed: true, consumed: text.length, problem: undefined })
        const rows = head.closed ? cells(text, head, keys.length) : [...cells(text, head, keys.length), ...cells(text, tail, keys.length)]
        expect(rows).toEqual(expected)
      }
    }
    fc.assert(fc.property(layout, fc.nat(), check), { numRuns: 1000 })
  })

  test("agree on arrays with a slip, and take none that JSON.parse refuses", () => {
    type Sample = [{ keys: Array<string>; objects: Array<string> }, string, string]
    const check = ([lines_, comma, end]: Sample, slips: Parameters<typeof slipped>[1][], first: boolean, final: boolean): void => {
      const keys = lines_.keys.map(latin1)
      const text = slips.reduce(slipped, parts(lines_, comma, end))
      const bytes = latin1(text)
      const [wasm, javascript] = kernels.map((kernel) => kernel.scanJsonArray(bytes, 0, bytes.length, keys, { first, final })) as [
        JsonArrayScan,
        JsonArrayScan,
      ]
      expect(plain(wasm)).toEqual(plain(javascript))
      const isTaken = first && wasm.closed
      const isRefused = first && wasm.problem?.kind === "syntax"
      expect(isTaken && !parses(`[${text.slice(0, wasm.consumed)}`)).toBe(false)
      expect(isRefused && parses(`[${text}`)).toBe(false)
    }
    const slips = fc.array(slip, { minLength: 1, maxLength: 2 })
    fc.assert(fc.property(layout, slips, fc.boolean(), fc.boolean(), check), { numRuns: 2000 })
  })
})

const corpus = process.env["DELTAFLOW_CORPUS"]
const parsing = corpus === undefined ? "" : `${corpus}/json/test_parsing`

describe.skipIf(!existsSync(parsing))("JSONTestSuite", () => {
  const files = existsSync(parsing) ? readdirSync(parsing) : []
  const named = (letter: string): Array<string> => files.filter((file) => file.startsWith(`${letter}_`))
  const keys = keysOf("v")

  test.each(named("y"))("takes %s as a value", (file) => {
    const value = readFileSync(`${parsing}/${file}`, "latin1")
    for (const kernel of kernels) {
      expect(elements(kernel, `{"v":${value}}]`, keys)).toMatchObject({ rows: 1, closed: true, problem: undefined })
      expect(lines(kernel, `{"v":${value.replaceAll("\n", " ")}}`, keys)).toMatchObject({ rows: 1, problem: undefined })
    }
  })

  test.each(named("n"))("refuses %s as a value", (file) => {
    const value = readFileSync(`${parsing}/${file}`, "latin1")
    const kind = expect.stringMatching(/^(syntax|depth)$/) as unknown
    for (const kernel of kernels) {
      expect(elements(kernel, `{"v":${value}}]`, keys)).toMatchObject({ closed: false, problem: { kind } })
      expect(lines(kernel, `{"v":${value}}`, keys)).toMatchObject({ rows: 0, problem: { kind } })
    }
  })
})
