/**
 * Every error that Deltaflow raises on purpose, with its stable code.
 *
 * A message reads *where: what happened. What to do.* Broken expectations of our own are defects, not errors of this file.
 */
import { errorCodes, type ErrorCode } from "./errorCodes.ts"

export { errorCodes, type ErrorCode }

export interface ErrorFields {
  readonly code: ErrorCode
  readonly message: string
  /** Pipeline, step and config field, as far as they are known: `["orders", "sources[0]", "path"]`. */
  readonly path?: ReadonlyArray<string>
  /** Whether the same call may work later. Default false. */
  readonly retryable?: boolean
  /** Number of the row within its source, from 1. */
  readonly row?: number
  readonly column?: string
  /** What to do, apart from the message, where the caller shows it on its own. */
  readonly hint?: string
  readonly cause?: unknown
}

/** What all errors below share. `instanceof DeltaflowError` tells ours from others. */
export abstract class DeltaflowError extends Error {
  abstract readonly _tag: string
  readonly code: ErrorCode
  readonly path: ReadonlyArray<string>
  readonly retryable: boolean
  readonly row: number | undefined
  readonly column: string | undefined
  readonly hint: string | undefined

  constructor(fields: ErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = fields.code
    this.path = fields.path ?? []
    this.retryable = fields.retryable ?? false
    this.row = fields.row
    this.column = fields.column
    this.hint = fields.hint
    this.name = new.target.name
  }

  /** What is shown and stored: no cause, no stack. */
  toJSON(): {
    readonly code: ErrorCode
    readonly message: string
    readonly path: ReadonlyArray<string>
    readonly row?: number
    readonly column?: string
  } {
    const { code, message, path, row, column } = this
    return { code, message, path, ...(row === undefined ? {} : { row }), ...(column === undefined ? {} : { column }) }
  }
}

/** A source could not be opened or read. */
export class SourceError extends DeltaflowError {
  readonly _tag = "SourceError"
}

/** A step could not compute a row, or could not be prepared. */
export class TransformError extends DeltaflowError {
  readonly _tag = "TransformError"
}

/** A destination could not be opened, written or committed. */
export class DestinationError extends DeltaflowError {
  readonly _tag = "DestinationError"
}

/** The store could not be read or written, or is newer than this version. */
export class StoreError extends DeltaflowError {
  readonly _tag = "StoreError"
}

/** The engine's own refusals: unknown pipeline, lost lease, timeout, cancelled run, too many errors. */
export class EngineError extends DeltaflowError {
  readonly _tag = "EngineError"
}

/** One thing that is wrong in a pipeline definition. */
export interface Issue {
  readonly code: ErrorCode
  readonly message: string
  /** Where in the definition: `transforms[1].condition`. */
  readonly path: string
  /** Index of the character within the text at `path`, for what is found when no file is at hand. */
  readonly position?: number
  readonly file?: string
  /** From 1. */
  readonly line?: number
  /** From 1, in characters. */
  readonly column?: number
  /** The lines around, with a caret under the place. */
  readonly frame?: string
  readonly hint?: string
}

/** A pipeline definition with everything that is wrong in it. */
export class DefinitionError extends DeltaflowError {
  readonly _tag = "DefinitionError"
  readonly issues: ReadonlyArray<Issue>
  constructor(issues: ReadonlyArray<Issue>) {
    super({
      code: issues[0]?.code ?? "INVALID_PIPELINE",
      message: issues.map(formatIssue).join("\n\n"),
      path: issues[0] === undefined ? [] : [issues[0].path],
    })
    this.issues = issues
  }
}

/** What a run, a plan or a look can end in, for `Effect.catchTag`. `RunError`, which wraps one of them, comes from the engine. */
export type PipelineError = SourceError | TransformError | DestinationError | StoreError | EngineError | DefinitionError

/** `deltaflow.yml:7:5: message` with frame and hint below. */
export const formatIssue = (issue: Issue): string => {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(":")
  const head = [place, issue.path].filter((part) => part !== "").join(": ")
  return [`${head === "" ? "" : `${head}: `}${issue.message}`, issue.frame, issue.hint]
    .filter((part) => part !== undefined && part !== "")
    .join("\n")
}
