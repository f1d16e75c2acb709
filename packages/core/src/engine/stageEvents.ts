/**
 * What a run tells of its three stages: that one has begun, how it goes on, how it ended.
 *
 * The number of events grows with the time that a run takes, not with its batches: see `paceOf`.
 */
import * as Effect from "effect/Effect"
import type { Counters, StageName } from "./Counters.ts"

/** An event that is not yet one of a run. */
export interface StageNews {
  readonly type: `pipeline.stage.${StageName}`
  readonly data: Readonly<Record<string, unknown>>
}

export type StageStatus = "started" | "running" | "completed" | "failed" | "cancelled"

const STAGES: ReadonlyArray<StageName> = ["extract", "transform", "load"]

/** Milliseconds between two events of a stage: one second at first, a hundredth of the time that has passed, ten seconds at most. */
export const paceOf = (elapsedMs: number): number => Math.min(10_000, Math.max(1000, elapsedMs / 100))

/** What begins within this time is stored at once: a short run then pays for no more transactions than it has without these events. */
const TOGETHER_MS = 50

export class StageEvents {
  private readonly counters: Counters
  /** The counts that were told last, by stage. */
  private readonly told = new Map<StageName, string>()

  constructor(counters: Counters) {
    this.counters = counters
  }

  /** Gives true after the pace, and false soon after a stage has begun that nobody heard of. */
  wait(milliseconds: number): Effect.Effect<boolean> {
    const { counters } = this
    const begins = Effect.callback<boolean>((resume) => {
      const isNew = (): boolean => STAGES.some((stage) => this.isNew(stage))
      const look = (): void => (isNew() ? resume(Effect.succeed(false)) : undefined)
      counters.onBegin = look
      look()
      return Effect.sync(() => void (counters.onBegin = undefined))
    })
    const begun = Effect.tap(begins, () => Effect.sleep(TOGETHER_MS))
    return Effect.raceFirst(begun, Effect.as(Effect.sleep(milliseconds), true))
  }

  /** Stages that have begun since the last call. */
  begun(): ReadonlyArray<StageNews> {
    return STAGES.filter((stage) => this.isNew(stage)).map((stage) => this.tell(stage, "started"))
  }

  /** Stages whose counts have changed since they were told last. */
  moved(): ReadonlyArray<StageNews> {
    return STAGES.filter((stage) => this.told.has(stage) && this.told.get(stage) !== this.counts(stage)).map((stage) =>
      this.tell(stage, "running"),
    )
  }

  /** The last events of a run. A stage without a row has ended too; without any that began, as in a dry run, there are none. */
  ended(status: "success" | "failed" | "cancelled", failedStage: string | null): ReadonlyArray<StageNews> {
    if (this.counters.begun.size === 0) return []
    if (status === "success") for (const stage of STAGES) if (this.has(stage)) this.counters.begin(stage)
    const started = this.begun()
    const last = STAGES.filter((stage) => this.counters.begun.has(stage)).map((stage) =>
      this.tell(stage, status === "success" ? "completed" : stage === failedStage ? "failed" : "cancelled"),
    )
    return [...started, ...last]
  }

  private isNew(stage: StageName): boolean {
    return this.counters.begun.has(stage) && !this.told.has(stage)
  }

  /** A pipeline without steps has no transform stage. */
  private has(stage: StageName): boolean {
    return stage !== "transform" || this.counters.steps.length > 0
  }

  private tell(stage: StageName, status: StageStatus): StageNews {
    const data = this.data(stage)
    this.told.set(stage, JSON.stringify(data))
    return { type: `pipeline.stage.${stage}`, data: { status, ...data } }
  }

  private counts(stage: StageName): string {
    return JSON.stringify(this.data(stage))
  }

  private data(stage: StageName): Readonly<Record<string, unknown>> {
    const { counters } = this
    switch (stage) {
      case "extract":
        return {
          rows_processed: counters.read,
          sources: counters.sources.map(({ name, rows, bytes, totalRows, totalBytes, lag }) => ({
            name,
            rows,
            bytes,
            total_rows: totalRows ?? null,
            total_bytes: totalBytes ?? null,
            ...(lag === undefined ? {} : { lag_bytes: lag.bytes ?? null, lag_seconds: lag.seconds ?? null }),
          })),
        }
      case "transform":
        return {
          rows_processed: counters.steps[0]?.rowsIn ?? 0,
          steps: counters.steps.map(({ name, type, rowsIn, rowsOut }) => ({ name, type, rows_in: rowsIn, rows_out: rowsOut })),
        }
      case "load":
        return {
          rows_processed: counters.loaded,
          destinations: counters.destinations.map(({ name, label, rows }) => ({ name, label, rows })),
        }
    }
  }
}
