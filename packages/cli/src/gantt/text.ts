/** The runs as a chart of characters. */
import type { RunStatus } from "@deltaflow/core"
import { cut, pad } from "@deltaflow/core/table"
import type { Terminal } from "../Terminal.ts"
import { type Bar, type Chart, shownDuration } from "@deltaflow/core/gantt"
import { durationOf, shownTime } from "../runRows.ts"

const MARK: Readonly<Record<RunStatus, string>> = { success: "█", failed: "▓", cancelled: "▒", running: "░", pending: "·" }

const COLOUR = { success: "green", failed: "red", cancelled: "yellow", running: "cyan", pending: "gray" } as const

export const textGantt = (chart: Chart, terminal: Pick<Terminal, "dataStyle">, width: number): string => {
  const names = chart.sections.flatMap(({ bars }) => bars.map(label))
  const left = Math.max(12, ...names.map((name) => name.length)) + 4
  const cells = Math.max(10, Math.min(100, width - left - 12))
  const lines = chart.sections.flatMap(({ pipeline, bars }) => [
    "",
    terminal.dataStyle("bold", cut(pipeline, width)),
    ...bars.map((bar) =>
      `  ${pad(label(bar), left - 2)}${drawn(bar, chart, cells, terminal)} ${shownDuration(durationOf(bar.run))}`.trimEnd(),
    ),
  ])
  return [chart.title, ...lines, "", " ".repeat(left) + axis(chart, cells)].join("\n")
}

const label = ({ number, run }: Bar): string => `Run ${number} (${run.status})`

const drawn = ({ start, end, run }: Bar, chart: Chart, cells: number, terminal: Pick<Terminal, "dataStyle">): string => {
  const at = (time: number): number => ((time - chart.start) / (chart.end - chart.start)) * cells
  const first = Math.min(cells - 1, Math.floor(at(start)))
  const length = Math.max(1, Math.min(cells - first, Math.round(at(end) - at(start))))
  return " ".repeat(first) + terminal.dataStyle(COLOUR[run.status], MARK[run.status].repeat(length)) + " ".repeat(cells - first - length)
}

const axis = ({ start, end }: Chart, cells: number): string => {
  const [from, to] = [shownTime(start).slice(5), `${shownTime(end).slice(5)} UTC`]
  return from + " ".repeat(Math.max(1, cells - from.length - to.length)) + to
}
