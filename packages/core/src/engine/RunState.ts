/** What the stages of one run share: its counts, whether it was asked to stop, and how it deals with bad rows. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { EngineError } from "../contract/Errors.ts"
import type { Batch } from "../model/Batch.ts"
import { addTotals, type Counters, noTotals, type StageName, type Totals } from "./Counters.ts"
import type { RunProgress } from "./Options.ts"
import type { ErrorHandling } from "./Resolved.ts"
import { StageEvents } from "./stageEvents.ts"

/** Counts of the stages before the load when certain rows went through them. */
export type Reached = Partial<Pick<Totals, "read" | "filtered" | "added">>

export class RunState {
  readonly runId: string
  readonly counters: Counters
  readonly stages: StageEvents
  readonly errorHandling: ErrorHandling
  /** What went into a dead letter that has one commit, at its end: another pass of the run, which replaces it, brings these along. */
  readonly rejected: Array<Batch> = []
  /** Set by a graceful stop: sources give nothing more after the next cursor. */
  stopping = false
  /** Done when the run is to stop. */
  readonly stopped = Deferred.makeUnsafe<void>()
  /** Commits of all destinations so far. */
  commits = 0
  /** Counts of earlier attempts up to their last commit. */
  private kept: Totals = noTotals
  /** Counts of this attempt up to its last commit. */
  private committedNow: Totals = noTotals
  private readonly onProgress: ((progress: RunProgress) => void) | undefined
  private lastProgress = 0

  constructor(runId: string, counters: Counters, errorHandling: ErrorHandling, onProgress: ((progress: RunProgress) => void) | undefined) {
    this.runId = runId
    this.counters = counters
    this.stages = new StageEvents(counters)
    this.errorHandling = errorHandling
    this.onProgress = onProgress
  }

  get skipsRows(): boolean {
    return this.errorHandling.strategy === "skip"
  }

  /**
   * Rows that are durable, with those that ended before them. Rows read after the last commit are in none of these: a retry reads them
   * again.
   */
  get durable(): Totals {
    return addTotals(this.kept, this.committedNow)
  }

  /**
   * All destinations hold everything up to here: the counts of the stages before are given as they were when the last rows went through,
   * because by now those stages may be further on. Without them the stages have ended.
   */
  committed(reached: Reached = {}): void {
    this.commits++
    this.committedNow = { ...this.counters.totals(), ...reached }
  }

  /** Asks the sources to end at their next cursor. */
  stop(): void {
    this.stopping = true
    Deferred.doneUnsafe(this.stopped, Effect.void)
  }

  /** The next attempt starts from the last commit. */
  restart(): void {
    this.kept = this.durable
    this.committedNow = noTotals
    this.counters.reset()
  }

  moved(stage: StageName): void {
    this.counters.begin(stage)
    const now = performance.now()
    if (this.onProgress === undefined || now - this.lastProgress < PROGRESS_MS) return
    this.lastProgress = now
    this.report()
  }

  report(): void {
    this.onProgress?.(this.counters.progress(this.runId))
  }

  /** Counts rejected rows; the error of the first one too many, else undefined. */
  reject(rows: number, last: { readonly message: string } | undefined): EngineError | undefined {
    this.counters.rejected += rows
    const { maxErrors } = this.errorHandling
    if (this.counters.rejected <= maxErrors) return undefined
    return new EngineError({
      code: "TOO_MANY_ERRORS",
      message: `${this.counters.rejected} rows were rejected, and max_errors is ${maxErrors}. The last: ${last?.message ?? "unknown"}`,
    })
  }
}

const PROGRESS_MS = 100
