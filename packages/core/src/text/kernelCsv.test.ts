import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type CsvOptions, type CsvProblem, type CsvScan, javascriptKernel, type TextKernel } from "./kernel.ts"
import { makeWasmKernel } from "./kernelWasm.ts"

const wasmKernel = makeWasmKernel()
const kernels: ReadonlyArray<TextKernel> = [wasmKernel, javascriptKernel]

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const COMMA = 44
const QUOTE = 34
const LF = 10
const CR = 13
const SLICE = 65_536

const scan = (kernel: TextKernel, text: string, columns: number, options: Partial<CsvOptions> = {}): CsvScan => {
  const bytes = utf8(text)
  return kernel.scanCsv(bytes, 0, bytes.length, { delimiter: COMMA, quote: QUOTE, columns, final: true, ...options })
}

/** The raw fields that a scan found. */
const fields = (bytes: Uint8Array, found: CsvScan): Array<Array<string>> =>
  Array.from({ length: found.rows }, (_row, row) =>
    Array.from({ length: found.columns }, (_field, field) => {
      const place = row * found.columns + field
      const ending = found.crlf && field === found.columns - 1 ? 2 : 1
      return new TextDecoder().decode(bytes.subarray(found.offsets[place], found.offsets[place + 1]! - ending))
    }),
  )

type Plain = Omit<CsvScan, "offsets"> & { readonly offsets: ReadonlyArray<number> }

const plain = (found: CsvScan): Plain => ({ ...found, offsets: Array.from(found.offsets) })

/** What the rules say, one byte after the other. */
const reference = (bytes: Uint8Array, from: number, to: number, options: CsvOptions): Plain => {
  const places: Array<number> = []
  const ends: Array<boolean> = []
  let columns = options.columns
  let state: "start" | "plain" | "quoted" | "closed" = "start"
  let opened = from
  let problem: CsvProblem | undefined
  let inRow = 0
  const rowStart = (): number => (ends.length === 0 ? from : places[ends.length * columns - 1]!)
  const stop = (kind: CsvProblem["kind"], at: number): void => {
    problem = { kind, at, row: ends.length }
  }
  const endRow = (place: number, crlf: boolean, at: number): void => {
    if (ends.length > 0 && ends[0] !== crlf) return stop("mixed", at)
    if (columns !== 0 && inRow + 1 !== columns) return stop("ragged", at)
    columns = inRow + 1
    places.push(place)
    ends.push(crlf)
    inRow = 0
    state = "start"
  }

  let at = from
  for (; at < to && problem === undefined && !(options.columns === 0 && ends.length === 1); at++) {
    const byte = bytes[at]
    if (state === "quoted") {
      if (byte === options.quote) state = "closed"
    } else if (byte === options.quote) {
      if (state === "plain") stop("quote", at)
      if (state === "start") opened = at
      state = "quoted"
    } else if (byte === CR) {
      if (at + 1 < to && bytes[at + 1] !== LF) stop("mixed", at)
      if (at + 1 === to && options.final) stop("mixed", at)
    } else if (byte === LF) {
      endRow(at + 1, at > from && bytes[at - 1] === CR, at)
    } else if (byte === options.delimiter) {
      places.push(at + 1)
      inRow++
      state = "start"
    } else if (state === "closed") {
      stop("quote", at)
    } else {
      state = "plain"
    }
  }
  const wantsMore = !(options.columns === 0 && ends.length === 1)
  if (problem === undefined && options.final && wantsMore && rowStart() < to) {
    if (state === "quoted") stop("quote", opened)
    else endRow(to + (ends[0] === true ? 2 : 1), ends[0] === true, to)
  }
  const rows = ends.length
  const offsets = [from, ...places.slice(0, rows * columns)]
  const consumed = Math.min(offsets.at(-1)!, to)
  return {
    offsets,
    rows,
    columns: rows === 0 ? options.columns : columns,
    consumed,
    crlf: ends[0] === true,
    quotes: bytes.subarray(from, consumed).includes(options.quote),
    problem,
  }
}

/** What each kernel says. */
const answers = (bytes: Uint8Array, from: number, to: number, options: CsvOptions): Array<Plain> =>
  kernels.map((kernel) => plain(kernel.scanCsv(bytes, from, to, options)))

/** What each kernel should say. */
const rules = (bytes: Uint8Array, from: number, to: number, options: CsvOptions): Array<Plain> => {
  const expected = reference(bytes, from, to, options)
  return kernels.map(() => expected)
}

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "bc", "é", "0", " ", "\0") },
  { weight: 4, arbitrary: fc.constantFrom(",", "\n") },
  { weight: 3, arbitrary: fc.constantFrom('"', '""', ',"', '",') },
  { weight: 2, arbitrary: fc.constantFrom("\r\n", "\r", ";", "|") },
  { weight: 1, arbitrary: fc.integer({ min: 55, max: 70 }).map((length) => "x".repeat(length)) },
)
const noise = fc.array(piece, { maxLength: 120 }).map((pieces) => pieces.join(""))

const field = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: fc.constantFrom("a", "1", "é", " "), maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }).map((text) => `"${text.replaceAll('"', '""')}"`) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.constantFrom("x", ",", "\n", "\r", '""', "\r\n", "y".repeat(30)), { maxLength: 8 })
      .map((parts) => `"${parts.join("")}"`),
  },
)

/** A table that keeps the rules. */
const table = fc
  .record({ columns: fc.integer({ min: 1, max: 5 }), end: fc.constantFrom("\n", "\r\n"), closed: fc.boolean() })
  .chain(({ columns, end, closed }) =>
    fc
      .array(
        fc.array(
          field.filter((text) => columns > 1 || text !== ""),
          { minLength: columns, maxLength: columns },
        ),
        { maxLength: 12 },
      )
      .map((rows) => ({ rows, columns, text: rows.map((row) => row.join(",")).join(end) + (closed && rows.length > 0 ? end : "") })),
  )

describe.each(kernels)("CSV in $name", (kernel) => {
  test("gives the places of plain fields", () => {
    const found = scan(kernel, "a,b\n1,22\n", 2)
    expect(plain(found)).toEqual({
      offsets: [0, 2, 4, 6, 9],
      rows: 2,
      columns: 2,
      consumed: 9,
      crlf: false,
      quotes: false,
      problem: undefined,
    })
  })

  test("counts the fields of the first row when their number is not known", () => {
    expect(plain(scan(kernel, 'id,"a,b",c\n1,2\n', 0))).toMatchObject({
      offsets: [0, 3, 9, 11],
      rows: 1,
      columns: 3,
      consumed: 11,
      quotes: true,
    })
    expect(plain(scan(kernel, "id,name", 0))).toMatchObject({ offsets: [0, 3, 8], rows: 1, columns: 2, consumed: 7 })
    expect(plain(scan(kernel, "id,name", 0, { final: false }))).toMatchObject({ offsets: [0], rows: 0, columns: 0, consumed: 0 })
  })

  test("leaves the row that is not complete", () => {
    expect(scan(kernel, '1,2\n3,"', 2, { final: false })).toMatchObject({ rows: 1, consumed: 4, problem: undefined })
    expect(scan(kernel, "1,2\r", 2, { final: false })).toMatchObject({ rows: 0, consumed: 0, problem: undefined })
    expect(scan(kernel, '1,"2"', 2, { final: false })).toMatchObject({ rows: 0, consumed: 0, problem: undefined })
  })

  test("ends a last row without a line end as the others end", () => {
    expect(fields(utf8("1,2\r\n3,4"), scan(kernel, "1,2\r\n3,4", 2))).toEqual([
      ["1", "2"],
      ["3", "4"],
    ])
    expect(scan(kernel, "1,2\r\n3,4", 2)).toMatchObject({ crlf: true, consumed: 8 })
    expect(fields(utf8("1,"), scan(kernel, "1,", 2))).toEqual([["1", ""]])
  })

  test("finds nothing in no text", () => {
    expect(plain(scan(kernel, "", 3))).toMatchObject({ offsets: [0], rows: 0, consumed: 0, problem: undefined })
  })

  test.each<[string, number, CsvProblem]>([
    ["1,2\n3\n", 2, { kind: "ragged", at: 5, row: 1 }],
    ["1,2\n3,4,5\n", 2, { kind: "ragged", at: 9, row: 1 }],
    ["1,2\n\n3,4\n", 2, { kind: "ragged", at: 4, row: 1 }],
    ["1,2\n3", 2, { kind: "ragged", at: 5, row: 1 }],
    ['1,2\n3,a"b"\n', 2, { kind: "quote", at: 7, row: 1 }],
    ['1,2\n"3"x,4\n', 2, { kind: "quote", at: 7, row: 1 }],
    ['1,2\n3,"4\n5,6\n', 2, { kind: "quote", at: 6, row: 1 }],
    ["1,2\r\n3,4\n", 2, { kind: "mixed", at: 8, row: 1 }],
    ["1,2\n3,4\r\n", 2, { kind: "mixed", at: 8, row: 1 }],
    ["1,2\n3\r,4\n", 2, { kind: "mixed", at: 5, row: 1 }],
    ["1,2\n3,4\r", 2, { kind: "mixed", at: 7, row: 1 }],
  ])("says where %j leaves the quick path", (text, columns, problem) => {
    expect(scan(kernel, text, columns)).toMatchObject({ rows: 1, problem })
  })

  test("goes on behind a change of line ends", () => {
    const bytes = utf8("1,2\r\n3,4\n5,6\n")
    const options = { delimiter: COMMA, quote: QUOTE, columns: 2, final: true }
    const first = kernel.scanCsv(bytes, 0, bytes.length, options)
    expect(first).toMatchObject({ rows: 1, crlf: true, problem: { kind: "mixed" } })
    expect(kernel.scanCsv(bytes, first.consumed, bytes.length, options)).toMatchObject({ rows: 2, crlf: false, problem: undefined })
  })

  test("takes any byte as delimiter and quote", () => {
    const text = "'a\tb'\t2\n3\t4\n"
    expect(fields(utf8(text), scan(kernel, text, 2, { delimiter: 9, quote: 39 }))).toEqual([
      ["'a\tb'", "2"],
      ["3", "4"],
    ])
  })

  test("quotes nothing when the quote is no byte of UTF-8", () => {
    const text = '1,a"b\n2,"\n'
    expect(scan(kernel, text, 2, { quote: 0xff })).toMatchObject({ rows: 2, quotes: false, problem: undefined })
  })

  test("lays the result into an array that is not needed any more", () => {
    const first = scan(kernel, "1,2\n3,4\n5,6\n", 2)
    const second = scan(kernel, "7,8\n", 2, { reuse: first.offsets })
    expect(second.offsets.buffer).toBe(first.offsets.buffer)
    expect(Array.from(second.offsets)).toEqual([0, 2, 4])
    const third = scan(kernel, "1,2\n3,4\n5,6\n7,8\n", 2, { reuse: second.offsets })
    expect(Array.from(third.offsets)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16])
  })

  test("passes over a field of megabytes", () => {
    const text = `1,"${"long, ".repeat(300_000)}"\n2,x\n`
    const bytes = utf8(text)
    const found = kernel.scanCsv(bytes, 0, bytes.length, { delimiter: COMMA, quote: QUOTE, columns: 2, final: true })
    expect(Array.from(found.offsets)).toEqual([0, 2, bytes.length - 4, bytes.length - 2, bytes.length])
  })
})

describe("CSV, both forms against the rules", () => {
  test("agree on noise, anywhere in a larger buffer", () => {
    const check = (
      text: string,
      columns: number,
      before: string,
      after: string,
      final: boolean,
      quote: number,
      delimiter: number,
    ): void => {
      const start = utf8(before).length
      const bytes = utf8(before + text + after)
      const end = start + utf8(text).length
      const options = { delimiter, quote, columns, final }
      expect(answers(bytes, start, end, options)).toEqual(rules(bytes, start, end, options))
    }
    fc.assert(
      fc.property(
        noise,
        fc.integer({ min: 0, max: 4 }),
        noise,
        noise,
        fc.boolean(),
        fc.constantFrom(QUOTE, QUOTE, 0xff, 124),
        fc.constantFrom(COMMA, COMMA, 59, 0),
        check,
      ),
      { numRuns: 3000 },
    )
  })

  test("agree on tables, and find their fields", () => {
    const check = ({ rows, columns, text }: { rows: Array<Array<string>>; columns: number; text: string }): void => {
      const bytes = utf8(text)
      const options = { delimiter: COMMA, quote: QUOTE, columns, final: true }
      expect(answers(bytes, 0, bytes.length, options)).toEqual(rules(bytes, 0, bytes.length, options))
      const found = wasmKernel.scanCsv(bytes, 0, bytes.length, options)
      expect(found.problem).toBeUndefined()
      expect(fields(bytes, found)).toEqual(rows)
    }
    fc.assert(fc.property(table, check), { numRuns: 1000 })
  })

  test("agree on tables with one byte changed", () => {
    const check = ({ columns, text }: { columns: number; text: string }, place: number, byte: number, final: boolean): void => {
      const bytes = utf8(text)
      if (bytes.length > 0) bytes[place % bytes.length] = byte
      const options = { delimiter: COMMA, quote: QUOTE, columns, final }
      expect(answers(bytes, 0, bytes.length, options)).toEqual(rules(bytes, 0, bytes.length, options))
    }
    fc.assert(fc.property(table, fc.nat(), fc.constantFrom(QUOTE, COMMA, LF, CR, 120), fc.boolean(), check), { numRuns: 2000 })
  })

  test("find the same rows when the text is cut anywhere", () => {
    const check = ({ rows, columns, text }: { rows: Array<Array<string>>; columns: number; text: string }): void => {
      const bytes = utf8(text)
      const options = { delimiter: COMMA, quote: QUOTE, columns }
      const cut = (kernel: TextKernel, at: number) => {
        const head = kernel.scanCsv(bytes, 0, at, { ...options, final: false })
        const tail = kernel.scanCsv(bytes, head.consumed, bytes.length, { ...options, final: true })
        return JSON.stringify([[...fields(bytes, head), ...fields(bytes, tail)], head.problem, tail.problem])
      }
      for (const kernel of kernels) {
        const all = Array.from({ length: bytes.length + 1 }, (_cut, at) => cut(kernel, at))
        expect([...new Set(all)]).toEqual([JSON.stringify([rows, undefined, undefined])])
      }
    }
    fc.assert(fc.property(table, check), { numRuns: 40 })
  })

  test("agree where one slice of the text ends and the next begins", () => {
    const check = (overlap: number, text: string, { columns, text: rows }: { columns: number; text: string }): void => {
      const row = `${"r,".repeat(columns - 1)}r\n`
      const filler = row.repeat(Math.floor((SLICE - overlap) / row.length))
      const rest = SLICE - overlap - filler.length
      const bytes = utf8(`${filler}${"p".repeat(rest)}${rows}${text}`)
      const options = { delimiter: COMMA, quote: QUOTE, columns, final: true }
      const brief = (all: Array<Plain>) => all.map((one) => ({ ...one, offsets: one.offsets.slice(-200), entries: one.offsets.length }))
      expect(brief(answers(bytes, 0, bytes.length, options))).toEqual(brief(rules(bytes, 0, bytes.length, options)))
    }
    fc.assert(fc.property(fc.integer({ min: 0, max: 200 }), noise, table, check), { numRuns: 60 })
  })
})

describe.each(kernels)("cutting CSV in $name", (kernel) => {
  const split = (text: string, insideQuotes = false) => {
    const bytes = utf8(text)
    return kernel.splitCsv(bytes, 0, bytes.length, QUOTE, insideQuotes)
  }

  test("cuts after the last line end outside of quotes", () => {
    expect(split('a,b\n1,"x\ny"\n2,"z\n')).toEqual({ boundary: 12, insideQuotes: true })
    expect(split("a\nb")).toEqual({ boundary: 2, insideQuotes: false })
    expect(split("ab")).toEqual({ boundary: -1, insideQuotes: false })
  })

  test("goes on inside quotes that an earlier part opened", () => {
    expect(split('x\ny"\nz', true)).toEqual({ boundary: 5, insideQuotes: false })
    expect(split("x\ny", true)).toEqual({ boundary: -1, insideQuotes: true })
  })

  test("agrees with a count of quotes, at any length", () => {
    const check = (text: string, repeat: number, from: number, insideQuotes: boolean): void => {
      const bytes = utf8(text.repeat(repeat))
      const start = Math.min(from, bytes.length)
      let inside = insideQuotes
      let boundary = -1
      for (let at = start; at < bytes.length; at++) {
        if (bytes[at] === QUOTE) inside = !inside
        if (bytes[at] === LF && !inside) boundary = at + 1
      }
      expect(kernel.splitCsv(bytes, start, bytes.length, QUOTE, insideQuotes)).toEqual({ boundary, insideQuotes: inside })
    }
    fc.assert(fc.property(noise, fc.constantFrom(1, 1, 1, 7, 400), fc.nat(100), fc.boolean(), check), { numRuns: 400 })
  })
})

const corpus = process.env["DELTAFLOW_CORPUS"]
const spectrum = corpus === undefined ? "" : `${corpus}/csv`

describe.skipIf(!existsSync(spectrum))("csv-spectrum", () => {
  const names = existsSync(spectrum) ? readdirSync(`${spectrum}/csvs`).map((file) => file.replace(/\.csv$/, "")) : []
  const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text)

  test.each(names)("%s means what its JSON says", (name) => {
    const bytes = new Uint8Array(readFileSync(`${spectrum}/csvs/${name}.csv`))
    const expected = JSON.parse(readFileSync(`${spectrum}/json/${name}.json`, "utf8")) as unknown
    for (const kernel of kernels) {
      const header = kernel.scanCsv(bytes, 0, bytes.length, { delimiter: COMMA, quote: QUOTE, columns: 0, final: true })
      const options = { delimiter: COMMA, quote: QUOTE, columns: header.columns, final: true }
      const found = kernel.scanCsv(bytes, header.consumed, bytes.length, options)
      expect(found.problem).toEqual(quirks[name])
      const columns = fields(bytes, header)[0]!.map(unquoted)
      const rows = fields(bytes, found).map((row) => Object.fromEntries(row.map((text, i) => [columns[i]!, unquoted(text)])))
      expect(rows).toEqual(found.problem === undefined ? expected : [])
    }
  })
})

/** A quote inside an unquoted field is no RFC 4180: the quick path leaves it to others. */
const quirks: Record<string, CsvProblem> = { location_coordinates: { kind: "quote", at: 81, row: 0 } }
