import { Writable } from "node:stream"
import type { RunProgress } from "@deltaflow/core"
import { afterEach, expect, it, vi } from "vitest"
import { count, Live } from "./Live.ts"
import { Terminal } from "./Terminal.ts"

afterEach(() => void vi.useRealTimers())

const progress: RunProgress = {
  runId: "run_1",
  stage: "extract",
  sources: [{ name: "users", rows: 1_234_567, bytes: 40, totalRows: undefined, totalBytes: 100, done: false, durationMs: 0 }],
  steps: [{ name: "filter", type: "filter", rowsIn: 1_234_567, rowsOut: 900_000, durationMs: 0 }],
  destinations: [{ name: "out", label: "out.json", location: undefined, rows: 1000, durationMs: 0 }],
  read: 1_234_567,
  loaded: 1000,
  filtered: 0,
  rejected: 2,
  added: 0,
}

/** What is written to stderr while the clock moves on by so many milliseconds. */
const written = (isTTY: boolean, milliseconds: number, during?: (live: Live, terminal: Terminal) => void, known = progress): string => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] })
  let text = ""
  const err = new Writable({ write: (chunk, _, done) => ((text += String(chunk)), done()) })
  const terminal = new Terminal({}, new Writable() as never, Object.assign(err, { isTTY, columns: 90 }) as never)
  const live = new Live(terminal)
  live.update(known)
  vi.advanceTimersByTime(milliseconds)
  during?.(live, terminal)
  live.stop()
  return text
}

it("moves lines on a terminal at least once a second, with rows, rate, part and time left", () => {
  const text = written(true, 1000)
  expect(text).toContain("Source: users (1,234,567 rows, 1,234,567 rows/s, 40 %, 2 s left)")
  expect(text).toContain("Transform: filter (900,000 rows, 900,000 rows/s)")
  expect(text).toContain("Destination: out.json (1,000 rows, 1,000 rows/s)")
  expect(text.match(/Source:/g)!.length).toBeGreaterThanOrEqual(2)
  // Each drawing takes the lines of the one before away, and the last leaves none.
  expect(text.match(/\u001B\[3A\r\u001B\[0J/g)).toHaveLength(text.match(/Source:/g)!.length)
})

it("puts what is said where no moving line is taken away with it", () => {
  const text = written(true, 250, (_, terminal) => terminal.say("Stopping"))
  expect(text).toMatch(/\u001B\[3A\r\u001B\[0JStopping\n$/)
})

it("draws no more lines than the terminal has", () => {
  const steps = Array.from({ length: 40 }, (_, i) => ({ ...progress.steps[0]!, name: `step ${i}` }))
  const text = written(true, 250, undefined, { ...progress, steps })
  expect(text).toContain("and 21 more\n")
  expect(text).toContain("\u001B[22A")
  expect(text).not.toContain("step 39")
})

it("says a line every ten seconds elsewhere", () => {
  expect(written(false, 9000)).toBe("")
  expect(written(false, 20_000).trim().split("\n")).toEqual([
    "1,234,567 rows read, 123,457 rows/s, 1,000 written, 2 rejected",
    "1,234,567 rows read, 61,728 rows/s, 1,000 written, 2 rejected",
  ])
})

it.each([
  [50, "50 %, 1 s left"],
  [2, "2 %, 49 s left"],
])("guesses the time that is left from the part that is read: %i %%", (bytes, text) => {
  const known = { ...progress, sources: [{ ...progress.sources[0]!, bytes }] }
  expect(written(true, 1000, undefined, known)).toContain(text)
})

it.each([
  [120, "2 min left"],
  [7200, "2 h 0 min left"],
])("says long times without seconds: %i s", (seconds, text) => {
  const known = { ...progress, sources: [{ ...progress.sources[0]!, bytes: 50 }] }
  expect(written(true, seconds * 1000, undefined, known)).toContain(text)
})

it("says that it opens what it reads, until the first row has come", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] })
  let text = ""
  const err = new Writable({ write: (chunk, _, done) => ((text += String(chunk)), done()) })
  const live = new Live(new Terminal({}, new Writable() as never, Object.assign(err, { isTTY: true, columns: 90 }) as never))
  vi.advanceTimersByTime(250)
  live.stop()
  expect(text).toContain("Opening the sources")
})

it.each([
  [0, "0"],
  [999, "999"],
  [1000, "1,000"],
  [1234567, "1,234,567"],
])("shows %i as %s", (value, text) => {
  expect(count(value)).toBe(text)
})
