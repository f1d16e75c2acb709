/**
 * One POST to an address that somebody gave, and nothing more: no redirect is followed, and where told so only public addresses are
 * reached.
 */
import { request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import type { AllowsAddress } from "@deltaflow/core"
import { checkHost, guardedLookup, type LookupAll } from "@deltaflow/core/node"

export interface Outgoing {
  readonly url: string
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds for all of it. */
  readonly timeout: number
  /** Default: every address. */
  readonly allowsAddress?: AllowsAddress
  /** For tests. Default: the system's. */
  readonly lookup?: LookupAll
}

export interface Sent {
  readonly status: number
  /** Seconds, as the receiver asked. */
  readonly retryAfter: number | undefined
}

/** Rejects where no answer comes, with what may be shown. */
export const send = ({ url, body, headers, timeout, allowsAddress, lookup }: Outgoing): Promise<Sent> =>
  new Promise((resolve, reject) => {
    if (!URL.canParse(url)) return reject(new Error(`${url} is no address`))
    const target = new URL(url)
    if (target.protocol !== "http:" && target.protocol !== "https:") return reject(new Error(`${target.protocol} is not spoken here`))
    const host = target.hostname.replace(/^\[(.*)\]$/, "$1")
    checkHost(host, allowsAddress)
    const request = (target.protocol === "https:" ? httpsRequest : httpRequest)(
      target,
      {
        method: "POST",
        headers: { ...headers, "content-length": String(body.length) },
        // A connection that is kept could have been made before a name led elsewhere.
        agent: false,
        lookup: guardedLookup(allowsAddress, lookup),
        signal: AbortSignal.timeout(timeout),
      },
      (response) => {
        response.resume()
        const after = response.headers["retry-after"]
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: after !== undefined && /^\d{1,6}$/.test(after) ? Number(after) : undefined,
        })
        response.destroy()
      },
    )
    request.on("error", reject)
    request.end(body)
  })
