/** What the API refuses, as classes. All of them are `DeltaflowError`s. */

export interface ApiIssue {
  readonly path: string
  readonly message: string
  readonly line?: number
  readonly column?: number
}

export interface ErrorInfo {
  /** Of the answer; 0 where none came. */
  readonly status: number
  /** `PIPELINE_NOT_FOUND`, `INVALID_REQUEST`, …; `NETWORK` where no answer came. */
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>
  /** Of the request, for whoever runs the server. */
  readonly requestId: string | undefined
}

export class DeltaflowError extends Error implements ErrorInfo {
  readonly status: number
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>
  readonly requestId: string | undefined

  constructor(message: string, info: Partial<ErrorInfo> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.status = info.status ?? 0
    this.code = info.code ?? "NETWORK"
    this.details = info.details ?? {}
    this.requestId = info.requestId
  }
}

/** 401: no key, or none that counts. */
export class AuthenticationError extends DeltaflowError {}

/** 403: the key may not do this. */
export class PermissionError extends DeltaflowError {
  get requiredScope(): string | undefined {
    return this.details["required_scope"] as string | undefined
  }
}

/** 404 of anything. */
export class NotFoundError extends DeltaflowError {}

export class PipelineNotFoundError extends NotFoundError {}

export class RunNotFoundError extends NotFoundError {}

/** 400 and 422: everything that is wrong with what was sent. */
export class ValidationError extends DeltaflowError {
  get issues(): ReadonlyArray<ApiIssue> {
    return (this.details["issues"] as ReadonlyArray<ApiIssue> | undefined) ?? []
  }
}

/** 409: the name is taken, the pipeline runs, or it was changed meanwhile. */
export class ConflictError extends DeltaflowError {}

/** 429. */
export class RateLimitError extends DeltaflowError {
  /** Seconds to wait. */
  readonly retryAfter: number
  constructor(message: string, info: Partial<ErrorInfo>, retryAfter: number) {
    super(message, info)
    this.retryAfter = retryAfter
  }
}

/** No answer within `timeout`, or a run that has not ended within the time that was given. */
export class TimeoutError extends DeltaflowError {}

interface ErrorBody {
  readonly error?: { readonly code?: string; readonly message?: string; readonly details?: Readonly<Record<string, unknown>> }
  readonly meta?: { readonly request_id?: string }
}

const byStatus: Readonly<Record<number, typeof DeltaflowError>> = {
  400: ValidationError,
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  422: ValidationError,
}

const byCode: Readonly<Record<string, typeof DeltaflowError>> = {
  PIPELINE_NOT_FOUND: PipelineNotFoundError,
  RUN_NOT_FOUND: RunNotFoundError,
}

/** The error of an answer; also of one that some proxy made. */
export const errorOf = (status: number, headers: Headers, text: string): DeltaflowError => {
  let body: ErrorBody = {}
  try {
    body = (JSON.parse(text) as ErrorBody | null) ?? {}
  } catch {
    // A page of something between: its status says enough.
  }
  const code = body.error?.code ?? `HTTP_${status}`
  const message = body.error?.message ?? `The server answered ${status}.`
  const info = {
    status,
    code,
    details: body.error?.details ?? {},
    requestId: body.meta?.request_id ?? headers.get("x-request-id") ?? undefined,
  }
  if (status === 429) return new RateLimitError(message, info, retryAfterOf(headers) ?? 1)
  return new (byCode[code] ?? byStatus[status] ?? DeltaflowError)(message, info)
}

/** Seconds. */
export const retryAfterOf = (headers: Headers): number | undefined => {
  const text = headers.get("retry-after")
  if (text === null) return undefined
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}
