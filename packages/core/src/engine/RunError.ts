import { DeltaflowError, type PipelineError } from "../contract/Errors.ts"
import type { RunResult } from "./EngineService.ts"

/** A run that has ended in anything but success. `run` has the counts and the stored failure, `cause` the error that ended it. */
export class RunError extends DeltaflowError {
  readonly _tag = "RunError"
  readonly run: RunResult
  constructor(run: RunResult, error: PipelineError) {
    super({
      code: error.code,
      message: error.message,
      path: error.path,
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
    this.run = run
  }
}
