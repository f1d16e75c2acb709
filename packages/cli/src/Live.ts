/** Lines that tell how a run goes on: they move on a terminal, and come every ten seconds elsewhere. */
import type { RunProgress } from "@deltaflow/core"
import { cut } from "@deltaflow/core/table"
import type { Terminal } from "./Terminal.ts"

const LIVE_MS = 250
const LINE_MS = 10_000
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

export class Live {
  private readonly terminal: Terminal
  private readonly started = performance.now()
  private readonly timer: NodeJS.Timeout
  private progress: RunProgress | undefined
  private frame = 0

  constructor(terminal: Terminal) {
    this.terminal = terminal
    this.timer = setInterval(() => this.draw(), terminal.isLive ? LIVE_MS : LINE_MS)
    // The lines must not keep the process alive by themselves.
    this.timer.unref()
  }

  update(progress: RunProgress): void {
    this.progress = progress
  }

  /** Takes the moving lines away. */
  stop(): void {
    clearInterval(this.timer)
    this.terminal.move([])
  }

  private draw(): void {
    if (!this.terminal.isLive) return this.terminal.say(this.oneLine(this.progress))
    const mark = this.terminal.style("cyan", FRAMES[this.frame++ % FRAMES.length]!)
    this.terminal.move(this.fitting(this.lines(this.progress)).map((line) => `${mark} ${cut(line, this.terminal.width - 3)}`))
  }

  /** What has gone out at the top of the terminal could not be taken away. */
  private fitting(lines: ReadonlyArray<string>): ReadonlyArray<string> {
    const room = Math.max(2, this.terminal.height - 2)
    return lines.length <= room ? lines : [...lines.slice(0, room - 1), `and ${lines.length - room + 1} more`]
  }

  private lines(progress: RunProgress | undefined): ReadonlyArray<string> {
    if (progress === undefined) return [OPENING]
    return [
      ...progress.sources.map(
        (source) => `Source: ${source.name} (${count(source.rows)} rows${this.rate(source.rows)}${this.left(source)})`,
      ),
      ...progress.steps.map((step) => `Transform: ${step.name} (${count(step.rowsOut)} rows${this.rate(step.rowsOut)})`),
      ...progress.destinations.map(
        (destination) => `Destination: ${destination.label} (${count(destination.rows)} rows${this.rate(destination.rows)})`,
      ),
    ]
  }

  private oneLine(progress: RunProgress | undefined): string {
    if (progress === undefined) return OPENING
    const rejected = progress.rejected === 0 ? "" : `, ${count(progress.rejected)} rejected`
    return `${count(progress.read)} rows read${this.rate(progress.read)}, ${count(progress.loaded)} written${rejected}`
  }

  private rate(rows: number): string {
    const seconds = (performance.now() - this.started) / 1000
    return seconds < 0.5 ? "" : `, ${count(Math.round(rows / seconds))} rows/s`
  }

  private left({ bytes, totalBytes, rows, totalRows }: RunProgress["sources"][number]): string {
    const part =
      totalRows !== undefined && totalRows > 0
        ? rows / totalRows
        : totalBytes !== undefined && totalBytes > 0
          ? bytes / totalBytes
          : undefined
    if (part === undefined || part <= 0.01 || part >= 1) return ""
    const seconds = Math.ceil(((performance.now() - this.started) / 1000) * (1 / part - 1))
    return `, ${Math.round(part * 100)} %, ${shownSeconds(seconds)} left`
  }
}

const OPENING = "Opening the sources"

/** `8 s`, `4 min`, `2 h 10 min`: a guess needs no seconds beside its minutes. */
const shownSeconds = (seconds: number): string => {
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `1,234,567`, by hand: the locale's own formatter costs a tenth of a second at its first use. */
export const count = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",")
