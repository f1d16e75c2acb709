/** The handler behind Node's own HTTP: for `node:http`, Express, Koa, Fastify and all else that has its request and response. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { PARSED_HEADER } from "./parsedBody.ts"

type Body = Uint8Array | string | ReadableStream<Uint8Array>

type Handle = (request: Request) => Promise<Response>

/** What servers with middleware add to a request. */
interface MountedRequest extends IncomingMessage {
  /** The address before a router took its part away. */
  readonly originalUrl?: string
  /** What a parser of bodies has made of the body. */
  readonly body?: unknown
  readonly rawBody?: Uint8Array | string
}

/** What packages that compress answers add to a response. */
interface MountedResponse extends ServerResponse {
  readonly flush?: () => void
}

/**
 * A listener for `createServer`, and a middleware for Express. The address is the whole one, so the handler's `prefix` is where it is
 * mounted. The request is aborted when the client hangs up.
 */
export const toNodeListener =
  (handle: Handle) =>
  (incoming: IncomingMessage, response: ServerResponse): void => {
    const gone = new AbortController()
    response.once("close", () => gone.abort())
    handle(toRequest(incoming, gone.signal))
      .then((answer) => writeAnswer(answer, response, gone.signal))
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  }

const toRequest = (incoming: MountedRequest, signal: AbortSignal): Request => {
  const { method = "GET", headers } = incoming
  const address = incoming.originalUrl ?? incoming.url ?? "/"
  const host = headers.host ?? "localhost"
  const url = URL.canParse(address, `http://${host}`) ? new URL(address, `http://${host}`) : new URL("http://localhost/")
  const sent = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) sent.append(name, one)
  }
  const hasBody = method !== "GET" && method !== "HEAD"
  const body = hasBody ? bodyOf(incoming, sent) : undefined
  return new Request(url, { method, headers: sent, signal, ...(body === undefined ? {} : { body, duplex: "half" }) })
}

/** Where a parser has read the body already, what it left is the body: its bytes, or, of JSON, what it made of them. */
const bodyOf = (incoming: MountedRequest, headers: Headers): Body | undefined => {
  const { rawBody, body } = incoming
  const kept = rawBody ?? (body instanceof Uint8Array || typeof body === "string" ? body : undefined)
  if (kept !== undefined) return toBody(kept, headers)
  if (!incoming.readableEnded || body === undefined) return Readable.toWeb(incoming) as ReadableStream<Uint8Array>
  // Signatures are over bytes, which are gone. The trigger's answer then says so.
  headers.set(PARSED_HEADER, "1")
  return toBody(JSON.stringify(body), headers)
}

const toBody = (bytes: Uint8Array | string, headers: Headers): Body => {
  headers.delete("content-length")
  headers.delete("transfer-encoding")
  headers.delete("content-encoding")
  return bytes
}

const writeAnswer = async (answer: Response, response: MountedResponse, signal: AbortSignal): Promise<void> => {
  if (response.destroyed) {
    await answer.body?.cancel()
    return
  }
  response.statusCode = answer.status
  for (const [name, value] of answer.headers) response.setHeader(name, value)
  if (answer.body === null) {
    response.end()
    return
  }
  const reader = answer.body.getReader()
  const leave = (): void => void reader.cancel().catch(nothing)
  signal.addEventListener("abort", leave, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const isTaken = response.write(value)
      // Packages that compress keep what they have until they are told.
      response.flush?.()
      if (!isTaken && !signal.aborted) await drained(response, signal)
    }
    response.end()
  } catch (error) {
    // The head is sent, so the client learns it by the connection.
    response.destroy(error instanceof Error ? error : undefined)
  } finally {
    signal.removeEventListener("abort", leave)
  }
}

// A stream that has ended by itself meanwhile.
const nothing = (): void => undefined

const drained = (response: ServerResponse, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      response.removeListener("drain", go)
      signal.removeEventListener("abort", go)
      resolve()
    }
    response.once("drain", go)
    signal.addEventListener("abort", go, { once: true })
  })

export interface ListenOptions {
  /** 0 for any that is free. Default 8080. */
  readonly port?: number
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string
  /** Connections at once. Default 10,000. */
  readonly maxConnections?: number
}

export interface Listening {
  readonly url: string
  readonly server: Server
  /** Takes no more requests, and ends when those under way are answered, or after `timeoutMs` (default 5,000). */
  readonly close: (timeoutMs?: number) => Promise<void>
}

/** How long a client may take to send its head, milliseconds, and its whole request. */
const HEAD_MS = 10_000
const REQUEST_MS = 30_000
const LARGEST_HEAD = 16 * 1024

/** Serves the handler alone. Clients that are slow to ask are let go. */
export const listen = async (handle: Handle, options: ListenOptions = {}): Promise<Listening> => {
  const { port = 8080, host = "127.0.0.1", maxConnections = 10_000 } = options
  const listener = toNodeListener(handle)
  const server = createServer(
    { headersTimeout: HEAD_MS, requestTimeout: REQUEST_MS, maxHeaderSize: LARGEST_HEAD, connectionsCheckingInterval: 1000 },
    listener,
  )
  server.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, () => {
      server.removeListener("error", reject)
      resolve()
    })
  })
  const address = server.address()
  const actual = typeof address === "object" && address !== null ? address.port : port
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${actual}`,
    server,
    close: (timeoutMs) => closeServer(server, timeoutMs),
  }
}

const closeServer = async (server: Server, timeoutMs = 5000): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs)
  await closed
  clearTimeout(timer)
}
