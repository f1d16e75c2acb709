/** TO_CHAR of numbers: `FM999,990.00` and the like. */
import { addWhole, Decimal, type Whole } from "../../model/Decimal.ts"
import { quoteValue } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { fn, type Signature } from "./signatures.ts"

type Mark =
  | { readonly kind: "digit"; readonly zero: boolean }
  | { readonly kind: "point" | "comma" }
  | { readonly kind: "text"; readonly text: string }

/** A template made ready. */
export interface NumberTemplate {
  readonly marks: ReadonlyArray<Mark>
  /** Digits after the point. */
  readonly fraction: number
  /** Digits before the point. */
  readonly integer: number
  /** The digit before the point from which zeros are written; -1: none. */
  readonly zeroFrom: number
  readonly fill: boolean
  readonly sign: "plain" | "S before" | "S after" | "MI before" | "MI after" | "PR"
}

const refuse = (template: string, what: string): ExpressionError =>
  new ExpressionError("INVALID_ARGUMENT", `The template ${quoteValue(template)} ${what}.`)

const TOKEN = /(FM)|(PR)|(MI)|(S)|([90])|([.D])|([,G])|"((?:[^"\\]|\\[^])*)"|(EEEE|TH|PL|SG|RN|V|L|B|C|SP)|([^])/giy

const numberTemplate = (template: string): NumberTemplate => {
  const marks: Array<Mark> = []
  let [fill, integer, fraction, zeroFrom, sawPoint] = [false, 0, 0, -1, false]
  let sign: NumberTemplate["sign"] = "plain"
  for (const match of template.matchAll(TOKEN)) {
    const [, fm, pr, mi, s, digit, point, comma, quoted, absent, text] = match
    if (fm !== undefined) fill = true
    else if (absent !== undefined) throw refuse(template, `uses ${absent.toUpperCase()}, which is not there`)
    else if (pr !== undefined || mi !== undefined || s !== undefined) {
      if (sign !== "plain") throw refuse(template, "has more than one sign")
      const place = integer + fraction > 0 || sawPoint ? "after" : "before"
      sign = pr !== undefined ? "PR" : mi !== undefined ? `MI ${place}` : `S ${place}`
    } else if (digit !== undefined) {
      if (digit === "0" && zeroFrom < 0 && !sawPoint) zeroFrom = integer
      if (sawPoint) fraction++
      else integer++
      marks.push({ kind: "digit", zero: digit === "0" })
    } else if (point !== undefined) {
      if (sawPoint) throw refuse(template, "has more than one point")
      sawPoint = true
      marks.push({ kind: "point" })
    } else if (comma !== undefined) marks.push({ kind: "comma" })
    else marks.push({ kind: "text", text: quoted?.replace(/\\([^])/g, "$1") ?? text! })
  }
  if (sawPoint && fraction === 0) throw refuse(template, "has a point without digits after it, which is not there")
  return { marks, fraction, integer, zeroFrom, fill, sign }
}

/** Digits of a number without its sign, rounded to the template. */
interface Digits {
  readonly isNegative: boolean
  readonly integer: string
  readonly fraction: string
}

const split = (text: string): Digits => {
  const [integer, fraction] = text.replace("-", "").split(".") as [string, string | undefined]
  return { isNegative: text.startsWith("-"), integer, fraction: fraction ?? "" }
}

/** A number that does not fit is written in `#`. */
const write = (template: NumberTemplate, digits: Digits): string => {
  if (digits.integer.length <= template.integer) return new Body(template, withoutZero(template, digits)).text()
  const { integer, fraction } = template
  return new Body(template, { ...digits, integer: "#".repeat(integer), fraction: "#".repeat(fraction) }).text()
}

/** `.50`: a zero before the point is left out, unless the template asks for it or nothing else would be written. */
const withoutZero = ({ fraction, zeroFrom, fill, marks, integer }: NumberTemplate, digits: Digits): Digits => {
  const isShown = fraction === 0 || zeroFrom >= 0 || (fill && fractionLength(marks, integer, digits) === 0)
  return digits.integer === "0" && !isShown ? { ...digits, integer: "" } : digits
}

/** With FM, zeros at the end are only written where the template has zeros. */
const fractionLength = (marks: ReadonlyArray<Mark>, integer: number, digits: Digits): number => {
  const places = marks.filter((mark) => mark.kind === "digit").slice(integer)
  const lastZero = places.findLastIndex((mark) => mark.zero)
  return Math.max(lastZero + 1, digits.fraction.replace(/0+$/, "").length)
}

/** Writes the digits into the places of the template. */
class Body {
  private readonly template: NumberTemplate
  private readonly digits: Digits
  /** Index of the first place before the point that has a digit. */
  private readonly first: number
  private out = ""
  private hasSign = false

  constructor(template: NumberTemplate, digits: Digits) {
    this.template = template
    this.digits = digits
    const { integer, zeroFrom } = template
    const natural = integer - digits.integer.length
    this.first = zeroFrom >= 0 ? Math.min(natural, zeroFrom) : natural
  }

  text(): string {
    const { sign, fill } = this.template
    if (sign === "MI before") this.out += this.mark("-", " ")
    this.places()
    if (!this.hasSign) this.signHere()
    if (sign === "MI after") this.out += this.mark("-", " ")
    if (sign === "S after") this.out += this.digits.isNegative ? "-" : "+"
    if (sign === "PR") this.out += this.mark(">", " ")
    return fill ? this.out.replace(/^ +| +$/g, "") : this.out
  }

  private mark(negative: string, positive: string): string {
    return this.digits.isNegative ? negative : this.template.fill ? "" : positive
  }

  /** The sign stands right before the first digit. */
  private signHere(): void {
    this.hasSign = true
    const { sign } = this.template
    if (sign === "plain") this.out += this.mark("-", " ")
    else if (sign === "S before") this.out += this.digits.isNegative ? "-" : "+"
    else if (sign === "PR") this.out += this.mark("<", " ")
  }

  private places(): void {
    const { marks, integer, fill } = this.template
    let place = 0
    for (const mark of marks) {
      const started = place > this.first || (place === this.first && this.hasSign)
      if (mark.kind === "text") this.out += mark.text
      else if (mark.kind === "comma") this.out += started && place > this.first ? "," : fill ? "" : " "
      else if (mark.kind === "point") {
        if (!this.hasSign) this.signHere()
        this.out += "."
      } else if (place >= integer) this.fractionDigit(place++ - integer)
      else this.integerDigit(place++)
    }
  }

  private integerDigit(place: number): void {
    const { integer, fill } = this.template
    if (place < this.first) {
      if (!fill) this.out += " "
      return
    }
    if (!this.hasSign) this.signHere()
    this.out += this.digits.integer[place - (integer - this.digits.integer.length)] ?? "0"
  }

  private fractionDigit(index: number): void {
    const { fill, marks, integer } = this.template
    if (!fill || index < fractionLength(marks, integer, this.digits)) this.out += this.digits.fraction[index] ?? "0"
  }
}

/** NaN and the infinities fit no template. */
const endless = (isNegative: boolean, { integer }: NumberTemplate): Digits => ({
  isNegative,
  integer: "#".repeat(integer + 1),
  fraction: "",
})

const formatDecimalAs = (value: Decimal, template: NumberTemplate): string => {
  if (!value.isFinite) return write(template, endless(value.coefficient < 0, template))
  return write(template, split(value.withScale(template.fraction).toString()))
}

const formatIntegerAs = (value: Whole, template: NumberTemplate): string => formatDecimalAs(new Decimal(value, 0), template)

/** Digits past the fifteenth of a double say nothing and are written as zeros. */
const formatDoubleAs = (value: number, template: NumberTemplate): string => {
  if (!Number.isFinite(value)) return write(template, endless(value < 0, template))
  const integer = String(Math.trunc(Math.abs(value))).length
  const fraction = Math.max(0, Math.min(template.fraction, 15 - integer))
  return formatDecimalAs(Decimal.parse(fixedHalfEven(value, fraction))!, template)
}

/** As C's printf: a value that lies exactly between goes to the even digit. JavaScript goes away from zero. */
const fixedHalfEven = (value: number, digits: number): string => {
  const exact = Math.abs(value) < 1e21 ? value.toFixed(Math.min(100, digits + 60)) : String(BigInt(value))
  const rounded = Decimal.parse(exact)!.withScale(digits)
  const isTie = digits < 40 && new RegExp(`\\.\\d{${digits}}50*$`).test(exact)
  const last = Number(String(rounded.coefficient).at(-1))
  if (!isTie || last % 2 === 0) return rounded.toString()
  return new Decimal(addWhole(rounded.coefficient, value < 0 ? 1 : -1), digits).toString()
}

export const numberFormatRuntime = { numberTemplate, formatDecimalAs, formatIntegerAs, formatDoubleAs }

const refuseTemplate = (constants: ReadonlyArray<unknown>): string | undefined => {
  try {
    if (typeof constants[1] === "string") numberTemplate(constants[1])
    return undefined
  } catch (error) {
    if (error instanceof ExpressionError) return error.message
    throw error
  }
}

const writing = { prepare: { by: "numberTemplate", from: [1] }, refuse: refuseTemplate }

export const numberFormatSignatures: ReadonlyArray<Signature> = [
  fn("to_char(integer, string)", "string", "formatIntegerAs", writing),
  fn("to_char(decimal, string)", "string", "formatDecimalAs", writing),
  fn("to_char(double, string)", "string", "formatDoubleAs", writing),
]
