/** The runs as a Mermaid Gantt chart, for Markdown. Times are UTC. */
import type { RunStatus } from "../../contract/Store.ts"
import type { Bar, Chart } from "./bars.ts"

const TAG: Readonly<Record<RunStatus, string>> = {
  success: "done",
  failed: "crit",
  cancelled: "crit",
  running: "active",
  pending: "active",
}

export const mermaidGantt = ({ title, sections }: Chart): string => {
  const bars = sections.flatMap((section) => section.bars)
  // Names of the same width, so that the text reads as a table too.
  const width = Math.max(0, ...bars.map((bar) => label(bar).length)) + 4
  return [
    "gantt",
    `    title ${title}`,
    "    dateFormat HH:mm",
    "    axisFormat %H:%M",
    ...sections.flatMap(({ pipeline, bars: own }) => [
      "",
      `    section ${pipeline}`,
      ...own.map((bar) => `    ${label(bar).padEnd(width)}:${TAG[bar.run.status]}, ${clock(bar.start)}, ${minutes(bar)}m`),
    ]),
  ].join("\n")
}

const label = ({ number, run }: Bar): string => `Run ${number} (${run.status})`

const clock = (time: number): string => new Date(time).toISOString().slice(11, 16)

/** Mermaid draws nothing for a bar of no length. */
const minutes = ({ start, end }: Bar): number => Math.max(1, Math.round((end - start) / 60_000))
