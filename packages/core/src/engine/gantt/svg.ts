/** The runs as a picture that stands alone: no script, no font, no other file; dark and light by the reader's choice. */
import type { RunStatus } from "../../contract/Store.ts"
import type { Bar, Chart } from "./bars.ts"
import { shownDuration } from "./shownDuration.ts"

const WIDTH = 960
const LEFT = 180
const RIGHT = 24
const TOP = 56
const ROW = 24
const TICKS = 6

const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #1f2933; }
    .title { font-size: 16px; font-weight: 600; }
    .section { font-weight: 600; }
    .tick { fill: #6b7785; font-size: 11px; }
    .grid { stroke: #e1e6eb; }
    .paper { fill: #ffffff; }
    .success { fill: #2f9e5b; } .failed { fill: #d64545; } .cancelled { fill: #d9952b; } .running { fill: #3b82d6; } .pending { fill: #9aa5b1; }
    @media (prefers-color-scheme: dark) { text { fill: #e6eaee; } .tick { fill: #9aa5b1; } .grid { stroke: #37414b; } .paper { fill: #161b20; } }`

export const svgGantt = (chart: Chart): string => {
  const rows = chart.sections.reduce((sum, { bars }) => sum + bars.length + 1, 0)
  const height = TOP + rows * ROW + 40
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(chart.title)}">`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="paper" width="${WIDTH}" height="${height}"/>`,
    `  <text class="title" x="24" y="32">${escaped(chart.title)}</text>`,
    ...ticks(chart, height),
    ...sections(chart),
    "</svg>",
  ].join("\n")
}

const xOf = (time: number, { start, end }: Chart): number => LEFT + ((time - start) / (end - start)) * (WIDTH - LEFT - RIGHT)

const ticks = (chart: Chart, height: number): ReadonlyArray<string> =>
  Array.from({ length: TICKS }, (_, i) => {
    const time = chart.start + ((chart.end - chart.start) * i) / (TICKS - 1)
    const x = xOf(time, chart).toFixed(1)
    const anchor = i === TICKS - 1 ? "end" : i === 0 ? "start" : "middle"
    return `  <path class="grid" d="M${x} ${TOP - 8}V${height - 32}"/><text class="tick" x="${x}" y="${height - 14}" text-anchor="${anchor}">${tickText(time, chart)}</text>`
  })

const DAY = 86_400_000

const tickText = (time: number, { start, end }: Chart): string => {
  const text = new Date(time).toISOString()
  if (end - start > 2 * DAY) return text.slice(5, 16).replace("T", " ")
  return end - start < 10 * 60_000 ? text.slice(11, 19) : text.slice(11, 16)
}

const sections = (chart: Chart): ReadonlyArray<string> => {
  let row = 0
  const y = (): number => TOP + row++ * ROW
  return chart.sections.flatMap(({ pipeline, bars }) => [
    `  <text class="section" x="24" y="${y() + 16}">${escaped(shortened(pipeline, 40))}</text>`,
    ...bars.map((bar) => drawn(bar, chart, y())),
  ])
}

const drawn = ({ number, run, start, end }: Bar, chart: Chart, y: number): string => {
  const x = xOf(start, chart)
  const width = Math.max(3, xOf(end, chart) - x)
  const about = `${run.pipeline}: ${run.id}, ${run.status}, ${new Date(start).toISOString()}, ${shownDuration(end - start)}, ${run.rowsLoaded} rows written`
  return [
    `  <text x="36" y="${y + 15}">${escaped(`Run ${number} (${run.status})`)}</text>`,
    `  <rect class="${classOf(run.status)}" x="${x.toFixed(1)}" y="${y + 4}" width="${width.toFixed(1)}" height="${ROW - 8}" rx="3"><title>${escaped(about)}</title></rect>`,
  ].join("\n")
}

const classOf = (status: RunStatus): string => status

const shortened = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }

/** For text and attributes; what XML cannot hold becomes a question mark. */
const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!).replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "?")
