import { expect, it } from "vitest"
import { isSameText, isSigned, sign } from "./signatures.ts"

const encoder = new TextEncoder()

/** The example of the specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
const id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
const seconds = 1_614_265_330
const body = encoder.encode('{"test": 2432232314}')

const headers = (changes: Readonly<Record<string, string>> = {}) =>
  new Headers({ "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": sign(secret, id, seconds, body), ...changes })

it("signs as the specification's example does", () => {
  expect(sign(secret, id, seconds, body)).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
})

it("takes one right signature among several, within five minutes", () => {
  const right = sign(secret, id, seconds, body)
  expect(isSigned({ headers: headers({ "webhook-signature": `v1,AAAA v2,BBBB ${right}` }), body }, secret, seconds * 1000)).toBe(true)
  for (const off of [-300, 300]) expect(isSigned({ headers: headers(), body }, secret, (seconds + off) * 1000)).toBe(true)
  for (const off of [-301, 301]) expect(isSigned({ headers: headers(), body }, secret, (seconds + off) * 1000)).toBe(false)
})

it("takes none of 10,000 messages that were changed", () => {
  let taken = 0
  const original = [id, String(seconds), sign(secret, id, seconds, body), new TextDecoder().decode(body)] as const
  for (let round = 0; round < 10_000; round++) {
    const parts = [...original]
    const part = round % 4
    const text = parts[part]!
    const at = (round * 7919) % text.length
    const other = String.fromCharCode(33 + ((text.charCodeAt(at) + 1 + (round % 89)) % 94))
    // The last character of base64 has bits that mean nothing, and version and comma stand before it.
    if (other === text[at] || other === "," || other === " ") continue
    parts[part] = text.slice(0, at) + other + text.slice(at + 1)
    const [messageId, time, signature, changed] = parts
    const request = {
      headers: new Headers({ "webhook-id": messageId!, "webhook-timestamp": time!, "webhook-signature": signature! }),
      body: encoder.encode(changed),
    }
    if (isSigned(request, secret, seconds * 1000)) taken++
  }
  expect(taken).toBe(0)
})

it("compares texts of any length", () => {
  expect([isSameText("", ""), isSameText("a", "ab"), isSameText("ä", "ä")]).toEqual([true, false, true])
})
