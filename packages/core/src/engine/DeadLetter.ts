/** Where rejected rows go: any destination, opened when the first row is rejected. A dead letter that cannot be written fails the run. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Load } from "../contract/Destination.ts"
import { type PipelineError, EngineError } from "../contract/Errors.ts"
import { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { limitOpening, limitTime, timeLimit } from "./limitTime.ts"
import type { LoadsOptions, Rejection } from "./Loads.ts"
import type { ResolvedDestination } from "./Resolved.ts"
import { withOwnScope } from "./scopedForRun.ts"

/** The row that was set aside is kept as JSON, because rows of several shapes may end here. */
export const deadLetterSchema: BatchSchema = {
  columns: [
    { name: "failed_at", type: "timestamptz", nullable: false },
    { name: "pipeline", type: "string", nullable: false },
    { name: "run_id", type: "string", nullable: false },
    { name: "step", type: "string", nullable: false },
    { name: "code", type: "string", nullable: false },
    { name: "error", type: "string", nullable: false },
    { name: "row_number", type: "integer", nullable: true },
    { name: "row", type: "json", nullable: false },
  ],
}

export class DeadLetter {
  private readonly options: LoadsOptions
  private readonly scope: Scope.Scope
  private load: Load | undefined
  private batchId = 0
  private dirty = false

  constructor(options: LoadsOptions, scope: Scope.Scope) {
    this.options = options
    this.scope = scope
  }

  write(rejections: ReadonlyArray<Rejection>): Effect.Effect<void, PipelineError> {
    const destination = this.options.pipeline.errorHandling.deadLetter
    if (destination === undefined) return Effect.void
    return Effect.gen({ self: this }, function* () {
      const load = yield* this.opened(destination)
      const batch = this.batch(rejections)
      yield* this.add(load, destination, batch)
      if (!load.commitsEarly) this.options.state.rejected.push(batch)
    }).pipe(Effect.mapError(deadLetterFailed(destination)))
  }

  private add(load: Load, destination: ResolvedDestination, batch: Batch): Effect.Effect<void, PipelineError> {
    return load.write(batch).pipe(
      this.limited(destination, "did not take a row", limitTime),
      Effect.tap(() => Effect.sync(() => void (this.dirty = true))),
    )
  }

  /** Makes what was rejected durable before the cursor moves past it, where the destination allows a commit before the end. */
  flush(): Effect.Effect<void, PipelineError> {
    return this.load?.commitsEarly === true && this.dirty ? this.save(false) : Effect.void
  }

  /** Whether it holds rows that only the final commit makes durable. */
  get waitsForEnd(): boolean {
    return this.dirty && this.load?.commitsEarly === false
  }

  commit(): Effect.Effect<void, PipelineError> {
    return this.load === undefined ? Effect.void : this.save(true)
  }

  private save(final: boolean): Effect.Effect<void, PipelineError> {
    const { options } = this
    const destination = options.pipeline.errorHandling.deadLetter!
    const checkpoint = {
      pipeline: options.pipeline.name,
      runId: options.state.runId,
      cursors: {},
      epoch: options.lease().epoch,
      batchId: ++this.batchId,
    }
    this.dirty = false
    return Effect.asVoid(this.load!.commit(checkpoint, final)).pipe(
      this.limited(destination, "did not commit", limitTime),
      Effect.mapError(deadLetterFailed(destination)),
    )
  }

  private limited(destination: ResolvedDestination, what: string, limit: typeof limitTime) {
    const { pipeline } = this.options
    return limit(pipeline.timeout, () => timeLimit(pipeline, destination, what))
  }

  private opened(destination: ResolvedDestination): Effect.Effect<Load, PipelineError> {
    if (this.load !== undefined) return Effect.succeed(this.load)
    const { options } = this
    return destination.plugin
      .open({
        ...options.context(destination.name),
        config: destination.config,
        schema: deadLetterSchema,
        writeMode: destination.writeMode,
        key: [],
        schemaChanges: "fail",
        epoch: options.lease().epoch,
        state: undefined,
        // The store has no place for it, so what was committed here stays whatever becomes of the run.
        keepsState: false,
        fullRefresh: false,
      })
      .pipe(
        withOwnScope(this.scope),
        this.limited(destination, "did not open", limitOpening),
        Effect.tap((load) => Effect.sync(() => void (this.load = load))),
        Effect.tap((load) => Effect.forEach(options.state.rejected, (batch) => this.add(load, destination, batch), { discard: true })),
      )
  }

  private batch(rejections: ReadonlyArray<Rejection>): Batch {
    const { pipeline, state, now, mask } = this.options
    const failedAt = new Date(now())
    const rows = rejections.map(({ row, rowNumber, step, error }) => ({
      failed_at: failedAt,
      pipeline: pipeline.name,
      run_id: state.runId,
      step,
      code: error.code,
      error: mask(error.message),
      row_number: rowNumber,
      row,
    }))
    return Batch.fromRows(rows, deadLetterSchema)
  }
}

const deadLetterFailed =
  (destination: ResolvedDestination) =>
  (cause: PipelineError): EngineError =>
    new EngineError({
      code: "DEAD_LETTER_FAILED",
      message: `${destination.name}: a rejected row could not be put into the dead letter: ${cause.message}`,
      path: ["error_handling", "dead_letter"],
      cause,
    })
