/** Signatures of webhooks as https://www.standardwebhooks.com says: HMAC-SHA256 over id, time and the raw bytes of the body. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"

/** How far the sender's clock may be off, and how old a copy may be. */
const TOLERANCE_SECONDS = 300

/** A secret is text, or `whsec_` and base64. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.from(secret)

export const sign = (secret: string, id: string, seconds: number, body: Uint8Array): string =>
  `v1,${createHmac("sha256", keyOf(secret)).update(`${id}.${seconds}.`).update(body).digest("base64")}`

/** In constant time, whatever the lengths. */
export const isSameText = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

export interface SignedRequest {
  readonly headers: Headers
  readonly body: Uint8Array
}

/** Whether one of the signatures is one of this secret, and the message is not old. `now` in milliseconds. */
export const isSigned = ({ headers, body }: SignedRequest, secret: string, now: number): boolean => {
  const id = headers.get("webhook-id")
  const time = headers.get("webhook-timestamp")
  const signatures = headers.get("webhook-signature")
  if (id === null || time === null || signatures === null || !/^\d{1,12}$/.test(time)) return false
  if (Math.abs(now / 1000 - Number(time)) > TOLERANCE_SECONDS) return false
  const right = sign(secret, id, Number(time), body)
  return signatures.split(" ").some((one) => isSameText(one, right))
}
