/** The counts of one run. Invariant 5: every row read ends as loaded, filtered by a step, or rejected with a reason. */
import type { SourceLag } from "../contract/Source.ts"
import type { RunStage } from "../contract/Store.ts"
import type { DestinationProgress, RunProgress, SourceProgress, StepProgress } from "./Options.ts"

export type StageName = RunProgress["stage"]

interface SourceCount {
  readonly name: string
  rows: number
  bytes: number
  totalRows: number | undefined
  totalBytes: number | undefined
  done: boolean
  durationMs: number
  lag: SourceLag | undefined
}

interface StepCount {
  readonly name: string
  readonly type: string
  rowsIn: number
  rowsOut: number
  rejected: number
  durationMs: number
}

interface DestinationCount {
  readonly name: string
  label: string
  location: string | undefined
  /** Rows that came for it. */
  offered: number
  rows: number
  durationMs: number
}

export interface Totals {
  readonly read: number
  readonly loaded: number
  readonly filtered: number
  readonly rejected: number
  readonly added: number
}

export const noTotals: Totals = { read: 0, loaded: 0, filtered: 0, rejected: 0, added: 0 }

export const addTotals = (a: Totals, b: Totals): Totals => ({
  read: a.read + b.read,
  loaded: a.loaded + b.loaded,
  filtered: a.filtered + b.filtered,
  rejected: a.rejected + b.rejected,
  added: a.added + b.added,
})

export class Counters {
  readonly sources: ReadonlyArray<SourceCount>
  readonly steps: ReadonlyArray<StepCount>
  readonly destinations: ReadonlyArray<DestinationCount>
  stage: StageName = "extract"
  /** Stages that have had something to do. */
  readonly begun = new Set<StageName>()
  /** Called when a stage begins. */
  onBegin: (() => void) | undefined
  loaded = 0
  rejected = 0
  transformMs = 0

  constructor(names: {
    readonly sources: ReadonlyArray<string>
    readonly steps: ReadonlyArray<{ readonly name: string; readonly type: string }>
    readonly destinations: ReadonlyArray<string>
  }) {
    this.sources = names.sources.map((name) => ({
      name,
      rows: 0,
      bytes: 0,
      totalRows: undefined,
      totalBytes: undefined,
      done: false,
      durationMs: 0,
      lag: undefined,
    }))
    this.steps = names.steps.map(({ name, type }) => ({ name, type, rowsIn: 0, rowsOut: 0, rejected: 0, durationMs: 0 }))
    this.destinations = names.destinations.map((name) => ({ name, label: name, location: undefined, offered: 0, rows: 0, durationMs: 0 }))
  }

  begin(stage: StageName): void {
    this.stage = stage
    if (this.begun.has(stage)) return
    this.begun.add(stage)
    this.onBegin?.()
  }

  /** Counts what one pass of the steps from `first` on did: `passed[i]` rows came out of step `first + i`. */
  addSteps(rowsIn: number, passed: ReadonlyArray<number>, rejectedByStep: ReadonlyMap<number, number>, first = 0): void {
    if (passed.length > 0) this.begin("transform")
    let before = rowsIn
    passed.forEach((rows, i) => {
      const step = this.steps[first + i]!
      step.rowsIn += before
      step.rowsOut += rows
      step.rejected += rejectedByStep.get(first + i) ?? 0
      before = rows
    })
  }

  /** Counts rows that go into a step which gives none before it has seen all, and later those that come out. */
  addBlocking(index: number, counts: { readonly rowsIn?: number; readonly rowsOut?: number; readonly rejected?: number }): void {
    this.begin("transform")
    const step = this.steps[index]!
    step.rowsIn += counts.rowsIn ?? 0
    step.rowsOut += counts.rowsOut ?? 0
    step.rejected += counts.rejected ?? 0
  }

  get read(): number {
    return this.sources.reduce((sum, source) => sum + source.rows, 0)
  }

  /** Rows that came in and did not come out of some step, rejected ones aside. */
  get filtered(): number {
    return this.steps.reduce((sum, step) => sum + Math.max(0, step.rowsIn - step.rejected - step.rowsOut), 0)
  }

  get added(): number {
    return this.steps.reduce((sum, step) => sum + Math.max(0, step.rowsOut - step.rowsIn + step.rejected), 0)
  }

  /** What has ended so far: at a commit these are the durable counts. */
  totals(): Totals {
    return { read: this.read, loaded: this.loaded, filtered: this.filtered, rejected: this.rejected, added: this.added }
  }

  /** Everything back to zero, for a pass that starts over. */
  reset(): void {
    for (const source of this.sources) Object.assign(source, { rows: 0, bytes: 0, done: false })
    for (const step of this.steps) Object.assign(step, { rowsIn: 0, rowsOut: 0, rejected: 0 })
    for (const destination of this.destinations) Object.assign(destination, { offered: 0, rows: 0 })
    this.loaded = 0
    this.rejected = 0
  }

  progress(runId: string): RunProgress {
    return {
      runId,
      stage: this.stage,
      sources: this.sources.map((source): SourceProgress => ({ ...source })),
      steps: this.timedSteps().map(({ rejected: _, ...step }): StepProgress => step),
      destinations: this.destinations.map(({ offered: _, ...destination }): DestinationProgress => destination),
      read: this.read,
      loaded: this.loaded,
      filtered: this.filtered,
      rejected: this.rejected,
      added: this.added,
    }
  }

  /** Fused steps run in one pass, so unless they ran apart their time is known only for all of them together: the first has it. */
  private timedSteps(): ReadonlyArray<StepCount> {
    if (this.steps.some((step) => step.durationMs > 0)) return this.steps
    return this.steps.map((step, i) => (i === 0 ? { ...step, durationMs: this.transformMs } : step))
  }

  stages(): ReadonlyArray<RunStage> {
    return [
      ...this.sources.map((source) => ({
        name: `extract: ${source.name}`,
        rowsIn: source.rows,
        rowsOut: source.rows,
        durationMs: Math.round(source.durationMs),
      })),
      ...this.timedSteps().map((step) => ({
        name: `transform: ${step.name}`,
        rowsIn: step.rowsIn,
        rowsOut: step.rowsOut,
        durationMs: Math.round(step.durationMs),
      })),
      ...this.destinations.map((destination) => ({
        name: `load: ${destination.label}`,
        rowsIn: destination.offered,
        rowsOut: destination.rows,
        durationMs: Math.round(destination.durationMs),
      })),
    ]
  }
}
