/** What a request can come back with other than what it asked for: a status, a code that stays, a message, and details. */
import type { Issue } from "@deltaflow/core"

/** The codes of the API, each with its status. */
export const problemCodes = {
  INVALID_REQUEST: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  PIPELINE_NOT_FOUND: 404,
  RUN_NOT_FOUND: 404,
  CONNECTOR_NOT_FOUND: 404,
  TRANSFORM_NOT_FOUND: 404,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  PIPELINE_EXISTS: 409,
  RUN_CONFLICT: 409,
  REVISION_CONFLICT: 409,
  EVENTS_GONE: 410,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INVALID_PIPELINE: 422,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const

export type ProblemCode = keyof typeof problemCodes

export interface RequestIssue {
  readonly path: string
  readonly message: string
  readonly line?: number
  readonly column?: number
}

/** Thrown by whoever finds that a request cannot be done; the handler makes the answer of it. */
export class Problem extends Error {
  override readonly name = "Problem"
  readonly code: ProblemCode
  readonly details: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    message: string,
    more: { readonly details?: Readonly<Record<string, unknown>>; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message)
    this.code = code
    this.details = more.details ?? {}
    this.headers = more.headers ?? {}
  }

  get status(): number {
    return problemCodes[this.code]
  }
}

export const invalidRequest = (message: string, issues: ReadonlyArray<RequestIssue> = []): Problem =>
  new Problem("INVALID_REQUEST", message, { details: { issues } })

export const pipelineNotFound = (name: string): Problem =>
  new Problem("PIPELINE_NOT_FOUND", `There is no pipeline named ${name}.`, { details: { pipeline: name } })

export const runNotFound = (pipeline: string, run: string): Problem =>
  new Problem("RUN_NOT_FOUND", `The pipeline ${pipeline} has no run ${run}.`, { details: { pipeline, run_id: run } })

export const toRequestIssue = ({ path, message, hint, line, column }: Issue): RequestIssue => ({
  path,
  message: hint === undefined ? message : `${message} ${hint}`,
  ...(line === undefined ? {} : { line }),
  ...(column === undefined ? {} : { column }),
})
