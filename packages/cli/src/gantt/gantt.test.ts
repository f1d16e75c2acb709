import { describe, expect, it } from "vitest"
import { aDay, someRun, threeMinutesPastSix } from "../../test/someRuns.ts"
import { chartOf, mermaidGantt, svgGantt } from "@deltaflow/core/gantt"
import { textGantt } from "./text.ts"

const chart = chartOf(aDay, { now: threeMinutesPastSix, last: "24h" })

describe("mermaid", () => {
  it("draws a section for each pipeline and a bar for each run, oldest first", () => {
    expect(mermaidGantt(chart)).toBe(`gantt
    title Pipeline Run History (Last 24h)
    dateFormat HH:mm
    axisFormat %H:%M

    section order-sync
    Run 1 (success)    :done, 00:00, 12m
    Run 2 (failed)     :crit, 06:00, 2m
    Run 3 (success)    :done, 12:00, 11m

    section user-analytics
    Run 1 (success)    :done, 00:00, 5m
    Run 2 (success)    :done, 06:00, 4m
    Run 3 (success)    :done, 12:00, 5m
    Run 4 (running)    :active, 18:00, 3m`)
  })

  it("gives a run of a second a bar of a minute, which Mermaid can draw", () => {
    const short = someRun({ completedAt: someRun({}).startedAt! + 1000 })
    expect(mermaidGantt(chartOf([short], { now: threeMinutesPastSix, last: undefined }))).toContain(":done, 00:00, 1m")
  })
})

describe("text", () => {
  const plain = { dataStyle: (_: unknown, text: string) => text }

  it("puts bars where their time is, within the width", () => {
    const lines = textGantt(chart, plain, 80).split("\n")
    expect(lines[0]).toBe("Pipeline Run History (Last 24h)")
    const starts = lines.filter((line) => line.includes("Run ")).map((line) => line.search(/[█▓░]/))
    expect(starts[0]).toBeLessThan(starts[1]!)
    expect(starts[1]).toBeLessThan(starts[2]!)
    expect(lines.find((line) => line.includes("Run 2 (failed)"))).toContain("▓ ")
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  })
})

describe("svg", () => {
  /** Tags that open and close in order: what makes XML well-formed, beside what `escaped` does. */
  const unbalanced = (xml: string): ReadonlyArray<string> => {
    const open: Array<string> = []
    for (const [, close, name, self] of xml.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
      if (self === "/") continue
      if (close === "/") {
        if (open.pop() !== name) return [`</${name}>`]
      } else open.push(name!)
    }
    return open
  }

  it("is well-formed and has one bar per run", () => {
    const svg = svgGantt(chart)
    expect(unbalanced(svg)).toEqual([])
    expect(svg.match(/<rect class="(success|failed|running)"/g)).toHaveLength(aDay.length)
  })

  it("escapes names, so that a pipeline cannot put markup into the page", () => {
    const svg = svgGantt(chartOf([someRun({ pipeline: '<script>"&\u0001' })], { now: threeMinutesPastSix, last: undefined }))
    expect(svg).not.toContain("<script>")
    expect(svg).toContain("&lt;script&gt;&quot;&amp;?")
    expect(unbalanced(svg)).toEqual([])
  })
})

it("draws no runs without failing", () => {
  const empty = chartOf([], { now: threeMinutesPastSix, last: "1h" })
  expect(mermaidGantt(empty)).toContain("Last 1h")
  expect(svgGantt(empty)).toContain("</svg>")
})
