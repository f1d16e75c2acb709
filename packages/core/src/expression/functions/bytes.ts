/** Bytes: their texts, digests, and parts. */
import { hash } from "node:crypto"
import type { Whole } from "../../model/Decimal.ts"
import { quoteValue } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { formatBytes } from "./format.ts"
import { withinLimit } from "./limits.ts"
import { fn, op, type Signature } from "./signatures.ts"

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What a text stands for: `\x00ff` in hex, or characters with `\\` for a backslash and `\101` for a byte in octal. */
export const parseBytes = (text: string): Uint8Array | undefined => {
  if (text.startsWith("\\x")) return parseHex(text.slice(2))
  if (!text.includes("\\")) return new TextEncoder().encode(text)
  return parseEscaped(text)
}

/** Blanks may stand between the pairs of digits. */
const parseHex = (text: string): Uint8Array | undefined => {
  const runs = text.split(/[ \n\t\r]+/)
  const isHex = runs.every((run) => run.length % 2 === 0 && /^[0-9a-f]*$/i.test(run))
  return isHex ? new Uint8Array(Buffer.from(runs.join(""), "hex")) : undefined
}

const ESCAPED = /\\(?:([0-3][0-7]{2})|(\\))|([^\\]+)/y

const parseEscaped = (text: string): Uint8Array | undefined => {
  const parts: Array<Uint8Array> = []
  ESCAPED.lastIndex = 0
  for (let at = 0; at < text.length; at = ESCAPED.lastIndex) {
    const match = ESCAPED.exec(text)
    if (match === null) return undefined
    const [, octal, backslash, plain] = match
    parts.push(octal === undefined ? Buffer.from(backslash ?? plain!) : Uint8Array.of(Number.parseInt(octal, 8)))
  }
  return new Uint8Array(Buffer.concat(parts))
}

const digest = (algorithm: string, data: string | Uint8Array): Buffer => hash(algorithm, data, "buffer")

const md5Text = (text: string): string => hash("md5", text, "hex")
const md5Bytes = (bytes: Uint8Array): string => hash("md5", bytes, "hex")
const sha224Bytes = (data: string | Uint8Array): Uint8Array => new Uint8Array(digest("sha224", data))
const sha256Bytes = (data: string | Uint8Array): Uint8Array => new Uint8Array(digest("sha256", data))
const sha384Bytes = (data: string | Uint8Array): Uint8Array => new Uint8Array(digest("sha384", data))
const sha512Bytes = (data: string | Uint8Array): Uint8Array => new Uint8Array(digest("sha512", data))

const FORMATS: ReadonlySet<string> = new Set(["hex", "base64", "escape"])

/** Checked before any row where the format is constant. */
const refuseFormat = (constants: ReadonlyArray<unknown>): string | undefined => {
  const format = constants[1]
  return typeof format === "string" && !FORMATS.has(format.toLowerCase()) ? unknownFormat(format) : undefined
}

const unknownFormat = (format: string): string => `There is no encoding ${quoteValue(format)}. Use hex, base64 or escape.`

const encodeBytes = (bytes: Uint8Array, format: string): string => {
  withinLimit(bytes.length * 2, "encode")
  switch (format.toLowerCase()) {
    case "hex":
      return formatBytes(bytes).slice(2)
    case "base64":
      // PostgreSQL breaks lines as RFC 2045 has it.
      return asBuffer(bytes)
        .toString("base64")
        .replace(/.{76}(?=.)/g, "$&\n")
    case "escape":
      return escapeBytes(bytes)
    default:
      throw new ExpressionError("INVALID_ARGUMENT", unknownFormat(format))
  }
}

const escapeBytes = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) {
    if (byte === 0x5c) text += "\\\\"
    else text += byte === 0 || byte > 0x7f ? `\\${byte.toString(8).padStart(3, "0")}` : String.fromCharCode(byte)
  }
  return text
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

const decodeText = (text: string, format: string): Uint8Array => {
  const bytes = decodeAs(text, format.toLowerCase())
  if (bytes === undefined) throw new ExpressionError("INVALID_CAST", `${quoteValue(text)} is no ${format}.`)
  return bytes
}

const decodeAs = (text: string, format: string): Uint8Array | undefined => {
  if (format === "hex") return parseHex(text)
  if (format === "escape") return parseEscaped(text)
  if (format !== "base64") throw new ExpressionError("INVALID_ARGUMENT", unknownFormat(format))
  const digits = text.replace(/[ \t\r\n]+/g, "")
  return digits.length % 4 === 0 && BASE64.test(digits) ? new Uint8Array(Buffer.from(digits, "base64")) : undefined
}

const lengthBytes = (bytes: Uint8Array): number => bytes.length

const concatBytes = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  withinLimit(a.length + b.length, "The bytes")
  return new Uint8Array(Buffer.concat([a, b]))
}

const substringBytes = (bytes: Uint8Array, start: Whole, length: Whole): Uint8Array => {
  if (length < 0) throw new ExpressionError("INVALID_ARGUMENT", `substring: the length ${length} is negative.`)
  const from = Number(start) - 1
  return bytes.slice(Math.max(from, 0), Math.max(from + Number(length), 0))
}

const substringBytesFrom = (bytes: Uint8Array, start: Whole): Uint8Array => bytes.slice(Math.max(Number(start) - 1, 0))

export const bytesRuntime = {
  md5Text,
  md5Bytes,
  sha224Bytes,
  sha256Bytes,
  sha384Bytes,
  sha512Bytes,
  encodeBytes,
  decodeEncoded: decodeText,
  lengthBytes,
  concatBytes,
  substringBytes,
  substringBytesFrom,
}

export const bytesSignatures: ReadonlyArray<Signature> = [
  fn("md5(string)", "string", "md5Text"),
  fn("md5(bytes)", "string", "md5Bytes"),
  ...["224", "256", "384", "512"].flatMap((size) => [
    fn(`sha${size}(bytes)`, "bytes", `sha${size}Bytes`),
    fn(`sha${size}(string)`, "bytes", `sha${size}Bytes`),
  ]),
  fn("encode(bytes, string)", "string", "encodeBytes", { refuse: refuseFormat }),
  fn("decode(string, string)", "bytes", "decodeEncoded", { refuse: refuseFormat }),
  fn("length(bytes)", "integer", "lengthBytes"),
  fn("octet_length(bytes)", "integer", "lengthBytes"),
  fn("substring(bytes, integer)", "bytes", "substringBytesFrom"),
  fn("substring(bytes, integer, integer)", "bytes", "substringBytes"),
  fn("substr(bytes, integer, integer)", "bytes", "substringBytes"),
  op("bytes || bytes", "bytes", "concatBytes"),
]
