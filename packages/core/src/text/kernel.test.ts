import { afterEach, describe, expect, test, vi } from "vitest"
import { chooseKernel, javascriptKernel, kernelChoice, splitLines, type TextKernel, textKernel } from "./kernel.ts"
import { makeWasmKernel } from "./kernelWasm.ts"

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

const csv = (kernel: TextKernel, text: string, columns: number) =>
  kernel.scanCsv(latin1(text), 0, text.length, { delimiter: 44, quote: 34, columns, final: true })

const ndjson = (kernel: TextKernel, text: string, keys: ReadonlyArray<Uint8Array>) =>
  kernel.scanNdjson(latin1(text), 0, text.length, keys, { final: true })

describe("the choice of a kernel", () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  test("is WebAssembly where the host has it, and is made once", () => {
    expect(textKernel().name).toBe("wasm")
    expect(kernelChoice()).toEqual({ kernel: textKernel(), reason: undefined })
    expect(kernelChoice()).toBe(kernelChoice())
  })

  test("is JavaScript where the host has no WebAssembly", () => {
    vi.stubGlobal("WebAssembly", undefined)
    const choice = chooseKernel(makeWasmKernel)
    expect(choice).toEqual({ kernel: javascriptKernel, reason: "text kernel: this host has no WebAssembly" })
    expect(csv(choice.kernel, "1,2\n", 2).rows).toBe(1)
  })

  test("is JavaScript where the host refuses to compile, and says why", () => {
    class Module {
      constructor() {
        throw new EvalError("Refused to compile: 'wasm-unsafe-eval' is not allowed")
      }
    }
    vi.stubGlobal("WebAssembly", { Module, Instance: Module })
    const choice = chooseKernel(makeWasmKernel)
    expect(choice.kernel.name).toBe("javascript")
    expect(choice.reason).toContain("wasm-unsafe-eval")
  })
})

describe("one instance for all calls", () => {
  const kernel = makeWasmKernel()
  const a = [latin1("a")]
  const b = [latin1("b"), latin1("c")]

  test("keeps nothing of one call for the next", () => {
    for (let round = 0; round < 3; round++) {
      expect(ndjson(kernel, '{"a":1}\n{"a":2}\n', a)).toMatchObject({ rows: 2, problem: undefined })
      expect(csv(kernel, "1,2\n3,4\n", 2)).toMatchObject({ rows: 2, crlf: false, problem: undefined })
      expect(ndjson(kernel, '{"b":1,"c":2}\n{"a":1}\n', b)).toMatchObject({ rows: 1, problem: { kind: "unknown-key" } })
      expect(csv(kernel, '1,"2\r\n', 2)).toMatchObject({ rows: 0, problem: { kind: "quote" } })
      expect(csv(kernel, "1,2\r\n", 2)).toMatchObject({ rows: 1, crlf: true, quotes: false, problem: undefined })
      expect(kernel.splitCsv(latin1("a\n"), 0, 2, 34, false)).toEqual({ boundary: 2, insideQuotes: false })
    }
  })

  test("gives results that later calls do not change", () => {
    const first = ndjson(kernel, '{"a":1}\n', a)
    const offsets = csv(kernel, "1,2\n", 2).offsets
    csv(kernel, "9999,9999\n", 2)
    ndjson(kernel, '{"a": "999" }\n{"a": "999" }\n', a)
    expect(Array.from(first.spans)).toEqual([5, 6])
    expect(Array.from(offsets)).toEqual([0, 2, 4])
  })

  test("goes on after a row of many megabytes, for which it had to grow", () => {
    const value = "x".repeat(36_000_000)
    const found = ndjson(kernel, `{"a":"${value}"}\n`, a)
    expect(Array.from(found.spans)).toEqual([5, value.length + 7])
    expect(ndjson(kernel, '{"a":1}\n', a)).toMatchObject({ rows: 1, problem: undefined })
    expect(csv(kernel, "1,2\n", 2)).toMatchObject({ rows: 1, problem: undefined })
  })
})

describe("splitLines", () => {
  test("gives the place after the last line end", () => {
    expect(splitLines(latin1("a\nb\nc"), 0, 5)).toBe(4)
    expect(splitLines(latin1("a\nb\n"), 0, 4)).toBe(4)
    expect(splitLines(latin1("a\nb\nc"), 2, 3)).toBe(-1)
    expect(splitLines(latin1("abc"), 0, 3)).toBe(-1)
    expect(splitLines(latin1(""), 0, 0)).toBe(-1)
  })
})
