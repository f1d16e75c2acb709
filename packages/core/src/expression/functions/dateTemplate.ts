/** Templates of TO_CHAR, TO_DATE and TO_TIMESTAMP, taken apart. */
import { quoteValue } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"

export interface PatternPart {
  readonly kind: "pattern"
  /** In capitals. */
  readonly name: string
  /** As it was written, which says how names of months and days are written. */
  readonly written: string
  /** `FM`: without padding. */
  readonly fill: boolean
  /** `TH` or `th` after a number. */
  readonly ordinal: "TH" | "th" | undefined
}

export interface TextPart {
  readonly kind: "text"
  readonly text: string
  /** Stood in quotes or is a letter: TO_DATE skips as many characters. */
  readonly isQuoted: boolean
}

export type TemplatePart = PatternPart | TextPart

const NUMERIC =
  "YYYY YYY YY Y IYYY IYY IY I DDD DD D IDDD ID HH24 HH12 HH MI MM MS US SSSSS SSSS SS FF1 FF2 FF3 FF4 FF5 FF6 WW W IW Q CC J Y,YYY".split(
    " ",
  )
const WORDS = "A.D. A.M. B.C. P.M. AD AM BC PM RM MONTH MON DAY DY TZH TZM TZ OF".split(" ")
/** PostgreSQL has these too. */
const ABSENT = "TM FX SP".split(" ")

const NAMES: ReadonlyMap<string, string> = new Map(
  [...NUMERIC, ...WORDS, ...ABSENT]
    .flatMap((name): Array<[string, string]> => {
      const capital = name.charAt(0) + name.slice(1).toLowerCase()
      const isName = ["MONTH", "MON", "DAY", "DY"].includes(name)
      return [[name, name], [name.toLowerCase(), name], ...(isName ? [[capital, name] as [string, string]] : [])]
    })
    .sort(([a], [b]) => b.length - a.length),
)

const ABSENT_NAMES: ReadonlySet<string> = new Set(ABSENT)
const ORDERED = Array.from(NAMES.keys())

export const isNumericPattern = (name: string): boolean => NUMERIC.includes(name)

const parsed = new Map<string, ReadonlyArray<TemplatePart>>()
const MOST_REMEMBERED = 64

/** The parts of a template. Throws where it has a pattern that is not there. */
export const dateTemplate = (template: string): ReadonlyArray<TemplatePart> => {
  const known = parsed.get(template)
  if (known !== undefined) return known
  const parts = parse(template)
  if (parsed.size >= MOST_REMEMBERED) parsed.clear()
  parsed.set(template, parts)
  return parts
}

const parse = (template: string): ReadonlyArray<TemplatePart> => {
  const parts: Array<TemplatePart> = []
  for (let at = 0; at < template.length;) {
    if (template[at] === '"') {
      const [text, end] = quoted(template, at + 1)
      parts.push({ kind: "text", text, isQuoted: true })
      at = end
      continue
    }
    if (template.startsWith('\\"', at)) {
      parts.push({ kind: "text", text: '"', isQuoted: true })
      at += 2
      continue
    }
    const fill = /^FM/i.test(template.slice(at, at + 2))
    const from = fill ? at + 2 : at
    const written = ORDERED.find((name) => template.startsWith(name, from))
    if (written === undefined) {
      parts.push({ kind: "text", text: template[from] ?? "", isQuoted: /[A-Za-z]/.test(template[from] ?? "") })
      at = from + 1
      continue
    }
    const name = NAMES.get(written)!
    if (ABSENT_NAMES.has(name))
      throw new ExpressionError("INVALID_ARGUMENT", `The template ${quoteValue(template)} uses ${name}, which is not there.`)
    const end = from + written.length
    const ordinal = /^(TH|th)/.exec(template.slice(end))?.[1] as "TH" | "th" | undefined
    parts.push({ kind: "pattern", name, written, fill, ordinal })
    at = end + (ordinal === undefined ? 0 : 2)
  }
  return parts
}

const quoted = (template: string, from: number): readonly [text: string, end: number] => {
  let text = ""
  let at = from
  while (at < template.length && template[at] !== '"') {
    if (template[at] === "\\" && at + 1 < template.length) at++
    text += template[at++]!
  }
  return [text, at + 1]
}
