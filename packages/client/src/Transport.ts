/** Requests with a key, a time limit, and another try where a repeat is safe. */
import { DeltaflowError, errorOf, retryAfterOf, TimeoutError } from "./errors.ts"

export interface DeltaflowOptions {
  /** `https://etl.example.com`, with the prefix where the API is mounted below one. */
  readonly baseUrl: string
  /** `df_key_…`, or a token of the server's issuer. */
  readonly apiKey?: string
  /** Milliseconds for one answer. Default 30,000. */
  readonly timeout?: number
  /** Tries after the first, on 5xx, 429 and answers that do not come, where a repeat is safe. Default 3. */
  readonly maxRetries?: number
  /** Milliseconds before the second try; each further one waits twice as long. Default 500. */
  readonly retryDelay?: number
  /** Default: the global one. */
  readonly fetch?: (input: string, init?: RequestInit) => Promise<Response>
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Whether a repeat does nothing twice. Default: of all methods but POST. */
  readonly isSafe?: boolean
  readonly signal?: AbortSignal
}

/** What every answer is in. */
export interface Envelope {
  readonly data: unknown
  readonly meta: { readonly total?: number; readonly page?: number; readonly per_page?: number; readonly last_id?: string | null }
}

/** Longest wait between two tries, milliseconds. */
const LONGEST_WAIT = 30_000

export class Transport {
  private readonly options: DeltaflowOptions
  private readonly base: string

  constructor(options: DeltaflowOptions) {
    if (typeof options?.baseUrl !== "string" || !/^https?:\/\//.test(options.baseUrl))
      throw new DeltaflowError("baseUrl is missing: give the address of the server, such as https://etl.example.com.", { code: "USAGE" })
    this.options = options
    this.base = `${options.baseUrl.replace(/\/+$/, "")}/api/v1`
  }

  /** The answer as JSON; without data where it has no body. */
  async json(call: Call): Promise<Envelope> {
    const { status, text } = await this.withRetries(call, async (response) => ({ status: response.status, text: await response.text() }))
    if (status === 204 || text === "") return { data: undefined, meta: {} }
    try {
      return JSON.parse(text) as Envelope
    } catch (cause) {
      throw new DeltaflowError("The answer is no JSON. Is this the address of the API?", { status, code: "BAD_ANSWER" }, cause)
    }
  }

  async text(call: Call): Promise<string> {
    return await this.withRetries(call, (response) => response.text())
  }

  /** An answer that goes on; the time limit is for its head alone. */
  async open(call: Call): Promise<Response> {
    return await this.once(call, async (response) => response, false)
  }

  private async withRetries<A>(call: Call, read: (response: Response) => Promise<A>): Promise<A> {
    const { maxRetries = 3, retryDelay = 500 } = this.options
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.once(call, read, true)
      } catch (error) {
        const wait = attempt < maxRetries && call.signal?.aborted !== true ? waitAfter(error, call, retryDelay * 2 ** attempt) : undefined
        if (wait === undefined) throw error
        await sleep(Math.min(wait, LONGEST_WAIT), call.signal)
      }
    }
  }

  private async once<A>(call: Call, read: (response: Response) => Promise<A>, limitsBody: boolean): Promise<A> {
    const { apiKey, timeout = 30_000, fetch = globalThis.fetch } = this.options
    const controller = new AbortController()
    const leave = (): void => controller.abort(call.signal?.reason)
    call.signal?.addEventListener("abort", leave, { once: true })
    if (call.signal?.aborted === true) leave()
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      controller.abort()
    }, timeout)
    try {
      const response = await fetch(this.base + call.path + queryOf(call.query), {
        method: call.method,
        headers: {
          accept: "application/json",
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
          ...(call.body === undefined || typeof call.body === "string" ? {} : { "content-type": "application/json" }),
          ...call.headers,
        },
        ...(call.body === undefined ? {} : { body: typeof call.body === "string" ? call.body : JSON.stringify(call.body) }),
        signal: controller.signal,
      })
      if (!response.ok)
        throw Object.assign(errorOf(response.status, response.headers, await response.text()), { wait: retryAfterOf(response.headers) })
      if (!limitsBody) clearTimeout(timer)
      return await read(response)
    } catch (error) {
      if (error instanceof DeltaflowError) throw error
      if (isLate) throw new TimeoutError(`No answer came within ${timeout / 1000} s.`, { code: "TIMEOUT" }, error)
      if (call.signal?.aborted === true) throw error
      throw new DeltaflowError(`The server cannot be reached: ${error instanceof Error ? error.message : String(error)}`, {}, error)
    } finally {
      clearTimeout(timer)
      // A stream that goes on still ends with the signal.
      if (limitsBody) call.signal?.removeEventListener("abort", leave)
    }
  }
}

/** Milliseconds to wait before another try; undefined where there is none to make. */
const waitAfter = (error: unknown, { method, isSafe = method !== "POST" }: Call, delay: number): number | undefined => {
  if (!(error instanceof DeltaflowError)) return undefined
  const asked = (error as { readonly wait?: number }).wait
  // What was turned away was not done, whatever it was.
  if (error.status === 429) return asked === undefined ? delay : asked * 1000
  const isTransient = error.status >= 500 || error.code === "NETWORK" || error instanceof TimeoutError
  return isSafe && isTransient ? (asked === undefined ? delay : asked * 1000) : undefined
}

export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", go)
      resolve()
    }
    const timer = setTimeout(go, ms)
    signal?.addEventListener("abort", go, { once: true })
  })

const queryOf = (query: Call["query"]): string => {
  const parts = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  )
  return parts.length === 0 ? "" : `?${parts.join("&")}`
}
