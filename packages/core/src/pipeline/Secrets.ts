/**
 * The values that must not be shown. What came from the environment is one, what a plugin's config marks is one, and so are the passwords
 * inside them.
 *
 * `mask` replaces every form in which such a value is likely to turn up: as it is, in base64, in hex, URL-encoded, escaped for JSON.
 * Values of fewer than four characters cannot be told from ordinary text and stay. One registry belongs to one engine, and only grows.
 */
import { isMapping } from "./path.ts"

export const MASK = "***"

/** Shorter values stay: masking `1` or `eu` would make nonsense of every message and hide nothing. */
const SHORTEST_SECRET = 4

/** Shorter values are masked only where they stand alone: `prod` in `prod.db`, and not in `product`. */
const SHORTEST_PART = 8

/** Lines of a key in PEM form, say, turn up one by one. */
const SHORTEST_LINE = 16

/** Words that say nothing, and stand in every log. */
const plainWords: ReadonlySet<string> = new Set(["true", "false", "null", "none", "undefined", "default"])

export class Secrets {
  private readonly forms = new Set<string>()
  private readonly words = new Set<string>()
  private pattern: RegExp | undefined

  constructor(values: Iterable<string> = []) {
    for (const value of values) this.add(value)
  }

  /** Masks this value from now on. */
  add(value: string): void {
    for (const secret of partsOf(value)) {
      if (secret.length < SHORTEST_SECRET || plainWords.has(secret.toLowerCase())) continue
      for (const form of formsOf(secret)) (form.length < SHORTEST_PART ? this.words : this.forms).add(form)
      this.pattern = undefined
    }
  }

  /** The text without any secret. */
  mask(text: string): string {
    if (this.forms.size + this.words.size === 0) return text
    this.pattern ??= patternOf(this.forms, this.words)
    return text.replace(this.pattern, MASK)
  }

  /** A copy of a value made of plain objects, in which every text and key is masked. */
  maskAll<A>(value: A): A {
    return this.maskAny(value, 0) as A
  }

  private maskAny(value: unknown, depth: number): unknown {
    if (typeof value === "string") return this.mask(value)
    if (depth > DEEPEST_VALUE) return MASK
    if (Array.isArray(value)) return value.map((item) => this.maskAny(item, depth + 1))
    return isMapping(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [this.mask(key), this.maskAny(inner, depth + 1)]))
      : value
  }
}

const DEEPEST_VALUE = 64

const patternOf = (forms: Iterable<string>, words: Iterable<string>): RegExp => {
  // The longest first, so that a secret inside another does not leave the rest of it standing.
  const whole = [...forms].toSorted((a, b) => b.length - a.length).map(escapeRegExp)
  const alone = [...words]
    .toSorted((a, b) => b.length - a.length)
    .map((word) => `(?<![\\p{L}\\p{N}])${escapeRegExp(word)}(?![\\p{L}\\p{N}])`)
  return new RegExp([...whole, ...alone].join("|"), "gu")
}

const escapeRegExp = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)

/** The value itself, the credentials of an address, the lines of a longer text. */
const partsOf = (value: string): ReadonlyArray<string> => [
  value,
  value.trim(),
  ...credentialsOf(value),
  ...value.split(/\r\n|\n|\r/).filter((line) => line.length >= SHORTEST_LINE),
]

const credentialsOf = (value: string): ReadonlyArray<string> => {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || !URL.canParse(value)) return []
  const { password, searchParams } = new URL(value)
  const keys = [...searchParams].filter(([name]) => /pass|secret|token|key|sig|auth/i.test(name)).map(([, secret]) => secret)
  return password === "" ? keys : [password, decoded(password), ...keys]
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // A `%` that begins no escape: the text stands for itself.
  }
}

const formsOf = (secret: string): ReadonlySet<string> => {
  const bytes = Buffer.from(secret, "utf8")
  const hex = bytes.toString("hex")
  return new Set([secret, JSON.stringify(secret).slice(1, -1), ...urlForms(secret), hex, hex.toUpperCase(), ...base64Forms(bytes)])
}

const urlForms = (secret: string): ReadonlyArray<string> => {
  const percent = encodeURIComponent(secret.toWellFormed())
  const strict = percent.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
  return [percent, strict, encodeURI(secret.toWellFormed()), strict.replaceAll("%20", "+")].flatMap((form) => [form, lowerEscapes(form)])
}

const lowerEscapes = (text: string): string => text.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())

/** Within a longer text base64 begins at any of three places in a group of bytes; what neighbours share a character with is left out. */
const base64Forms = (bytes: Buffer): ReadonlyArray<string> => {
  const whole = bytes.toString("base64")
  const inside = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replaceAll("=", "")
    const isCut = (before + bytes.length) % 3 !== 0
    return text.slice(Math.ceil((before * 8) / 6), isCut ? -1 : undefined)
  })
  const forms = [whole, ...inside.filter((form) => form.length >= SHORTEST_PART)]
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")])
}
