/** The body of a request, within limits: bytes first, because signatures are over bytes, and then JSON. */
import { invalidRequest, Problem } from "./problems.ts"

export const LARGEST_BODY = 1024 * 1024

const DEEPEST_JSON = 64

export const readBytes = async (request: Request, most: number): Promise<Uint8Array> => {
  const encoding = request.headers.get("content-encoding")
  if (encoding !== null && encoding.toLowerCase() !== "identity")
    throw new Problem("UNSUPPORTED_MEDIA_TYPE", `The body is encoded as ${encoding}. Send it as it is.`, {
      details: { content_encoding: encoding },
    })
  const declared = Number(request.headers.get("content-length") ?? 0)
  if (declared > most) throw tooLarge(most)
  if (request.body === null) return new Uint8Array(0)
  const parts: Array<Uint8Array> = []
  let length = 0
  try {
    for await (const part of request.body as unknown as AsyncIterable<Uint8Array>) {
      length += part.length
      if (length > most) throw tooLarge(most)
      parts.push(part)
    }
  } catch (error) {
    if (error instanceof Problem) throw error
    throw invalidRequest("The body did not come whole.")
  }
  if (declared > 0 && length !== declared) throw invalidRequest(`The body has ${length} bytes, and its length was said to be ${declared}.`)
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

const tooLarge = (most: number): Problem =>
  new Problem("PAYLOAD_TOO_LARGE", `The body has more than ${most} bytes.`, { details: { limit: most } })

export type BodyForm = "json" | "yaml"

const YAML_TYPES = new Set(["application/yaml", "text/yaml", "application/x-yaml"])

/** What the body is said to be. */
export const formOf = (request: Request, takesYaml: boolean): BodyForm => {
  const written = request.headers.get("content-type")
  const type = (written ?? "").split(";")[0]!.trim().toLowerCase()
  if (type === "application/json" || type.endsWith("+json")) return "json"
  if (takesYaml && YAML_TYPES.has(type)) return "yaml"
  const known = takesYaml ? "application/json or application/yaml" : "application/json"
  throw new Problem(
    "UNSUPPORTED_MEDIA_TYPE",
    written === null ? `The request has no Content-Type. Say ${known}.` : `A body of type ${type} is not taken. Send ${known}.`,
    { details: { content_type: written, supported: takesYaml ? ["application/json", ...YAML_TYPES] : ["application/json"] } },
  )
}

export const decodeUtf8 = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw invalidRequest("The body is no UTF-8.")
  }
}

export const parseJsonText = (text: string): unknown => {
  if (isTooDeep(text)) throw invalidRequest(`The body is nested more than ${DEEPEST_JSON} levels deep.`)
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    const at = Number(/position (\d+)/.exec(said)?.[1] ?? lengthOfGood(text))
    const before = text.slice(0, at).split("\n")
    const message = `this is no valid JSON: ${said.split(/ in JSON| at position|, "/)[0]}.`
    throw invalidRequest("The body is no valid JSON.", [{ path: "", message, line: before.length, column: before.at(-1)!.length + 1 }])
  }
}

/** Where the engine names no place: how many characters begin some text that is right. */
const lengthOfGood = (text: string): number => {
  let [good, bad] = [0, text.length]
  while (good < bad) {
    const middle = (good + bad + 1) >> 1
    if (isBeginning(text.slice(0, middle))) good = middle
    else bad = middle - 1
  }
  return good
}

const isBeginning = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const said = error instanceof Error ? error.message : ""
    return /^Unexpected end|^Unterminated/.test(said) || said.includes(`position ${text.length}`)
  }
}

/** What would be too deep for whoever goes through it. */
const isTooDeep = (text: string): boolean => {
  let depth = 0
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isText) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) isText = false
    } else if (code === QUOTE) isText = true
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > DEEPEST_JSON) return true
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--
  }
  return false
}

const BACKSLASH = 92
const QUOTE = 34
const OPEN_LIST = 91
const CLOSE_LIST = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
