/** TO_CHAR of numbers: `FM999,990.00` and the like, place by place as PostgreSQL fills a template. */
import { addWhole, Decimal, powerOfTen, type Whole } from "../../model/Decimal.ts"
import { int64, quoteValue } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { ordinalOf } from "./dateFormat.ts"
import { rescale } from "./decimals.ts"
import { outOfRange } from "./integers.ts"
import { fn, type Signature } from "./signatures.ts"

type Mark =
  | { readonly kind: "digit"; readonly zero: boolean }
  | { readonly kind: "point" | "comma" | "MI" | "PL" | "SG" | "TH" | "th" }
  | { readonly kind: "text"; readonly text: string }

/** A template made ready. */
export interface NumberTemplate {
  readonly marks: ReadonlyArray<Mark>
  /** Digits before the point, those after V too. */
  readonly integer: number
  /** Digits after the point. */
  readonly fraction: number
  /** Digits after V: the number is shifted by so many. */
  readonly shift: number
  readonly hasPoint: boolean
  /** The place from which zeros are written; -1: none. */
  readonly zeroFrom: number
  /** How many places there are up to the last 0. */
  readonly zeroTo: number
  readonly fill: boolean
  /** How the number itself is signed: `plain` with a minus, `none` where MI or SG stands for it. */
  readonly sign: "plain" | "S before" | "S after" | "PR" | "none"
  readonly style: "places" | "scientific" | "RN" | "rn"
}

const refuse = (template: string, what: string): ExpressionError =>
  new ExpressionError("INVALID_ARGUMENT", `The template ${quoteValue(template)} ${what}.`)

const TOKEN = /FM|PR|MI|PL|SG|S(?!P)|RN|EEEE|TH|V|L|B|SP|[90.,DG]|"(?:[^"\\]|\\[^])*"?|[^]/giy

const EXCLUSIVE: ReadonlySet<string> = new Set(["FM", "S", "MI", "PL", "SG", "PR", "V", "RN", "B"])

/** Reads a template from the left; what goes together is checked as PostgreSQL does. */
class TemplateReader {
  private readonly template: string
  private readonly marks: Array<Mark> = []
  private readonly seen = new Set<string>()
  private integer = 0
  private fraction = 0
  private shift = 0
  private zeroFrom = -1
  private zeroTo = 0
  /** Digits before S; -1 where S stands behind the point. */
  private beforeSign = -1

  constructor(template: string) {
    this.template = template
  }

  read(): NumberTemplate {
    for (const [token] of this.template.matchAll(TOKEN)) this.take(token)
    const { marks, integer, fraction, shift, zeroFrom, zeroTo, seen } = this
    const style = seen.has("EEEE") ? "scientific" : seen.has("RN") ? (/RN/.test(this.template) ? "RN" : "rn") : "places"
    return { marks, integer, fraction, shift, hasPoint: seen.has("."), zeroFrom, zeroTo, fill: seen.has("FM"), sign: this.sign(), style }
  }

  private sign(): NumberTemplate["sign"] {
    const { seen } = this
    if (seen.has("S")) return this.beforeSign >= 0 && this.beforeSign < this.integer ? "S before" : "S after"
    if (seen.has("PR")) return "PR"
    return seen.has("MI") || seen.has("SG") ? "none" : "plain"
  }

  private take(token: string): void {
    const name = token.toUpperCase()
    if (token.startsWith('"')) this.marks.push({ kind: "text", text: token.replace(/^"|"$/g, "").replace(/\\([^])/g, "$1") })
    else if (name === "9" || name === "0") this.digit(name === "0")
    else if (name === "." || name === "D") this.point()
    else if (name === "," || name === "G") this.marks.push({ kind: "comma" })
    else if (name === "TH") this.marks.push({ kind: token === "TH" ? "TH" : "th" })
    // The locale C has no currency; a blank stands for it.
    else if (name === "L") this.marks.push({ kind: "text", text: " " })
    else if (name === "SP") throw refuse(this.template, "uses SP, which is not there")
    else if (EXCLUSIVE.has(name) || name === "EEEE") this.special(name)
    else this.marks.push({ kind: "text", text: token })
  }

  private digit(zero: boolean): void {
    if (this.seen.has("PR")) throw refuse(this.template, "has a digit behind PR")
    if (this.seen.has("EEEE")) throw refuse(this.template, "has a digit behind EEEE")
    if (zero && this.zeroFrom < 0 && !this.seen.has(".")) this.zeroFrom = this.integer - this.shift
    if (this.seen.has(".")) this.fraction++
    else this.integer++
    if (this.seen.has("V") && !zero) this.shift++
    if (zero) this.zeroTo = this.integer - this.shift + this.fraction
    this.marks.push({ kind: "digit", zero })
  }

  private point(): void {
    if (this.seen.has(".")) throw refuse(this.template, "has more than one point")
    if (this.seen.has("V")) throw refuse(this.template, "has a point beside V")
    this.seen.add(".")
    this.marks.push({ kind: "point" })
  }

  private special(name: string): void {
    const { seen } = this
    const signs = ["S", "MI", "PL", "SG", "PR"].filter((sign) => seen.has(sign))
    const clashes =
      name === "S" || name === "PR" ? signs.length > 0 : ["MI", "PL", "SG"].includes(name) && (seen.has("S") || seen.has("PR"))
    if (clashes) throw refuse(this.template, "has more than one sign")
    if (name === "V" && seen.has(".")) throw refuse(this.template, "has a point beside V")
    if (name === "EEEE" && [...EXCLUSIVE, "EEEE"].some((other) => seen.has(other)))
      throw refuse(this.template, "has EEEE beside something other than digits and a point")
    if (name === "S") this.beforeSign = seen.has(".") ? -1 : this.integer - this.shift
    if (name === "MI" || name === "PL" || name === "SG") this.marks.push({ kind: name })
    seen.add(name)
  }
}

const numberTemplate = (template: string): NumberTemplate => new TemplateReader(template).read()

/** Writes the digits of a number, which has no sign and is rounded to the template, into its places. */
class Body {
  private readonly template: NumberTemplate
  private readonly number: string
  private readonly isNegative: boolean
  /** Places before the first digit of the number. */
  private readonly blanks: number
  /** With FM, the index of the last digit that is written; of the point where there is none. */
  private readonly last: number
  private at = 0
  private place = 0
  private out = ""
  private hasSign: boolean
  /** Whether the place before has given a digit, so that a comma is one. */
  private hasDigits = false
  private isOver = false

  constructor(template: NumberTemplate, number: string, isNegative: boolean) {
    this.template = template
    this.number = number
    this.isNegative = isNegative
    this.blanks = template.integer - number.split(".")[0]!.length
    this.last = template.fill && template.hasPoint ? this.lastDigit() : -1
    const isPlainPlus = template.fill && !isNegative && (template.sign === "plain" || template.sign === "PR")
    this.hasSign = template.sign === "none" || (isPlainPlus && !template.marks.some(({ kind }) => kind === "PL"))
  }

  private lastDigit(): number {
    const point = this.number.indexOf(".")
    if (point < 0) return -1
    const natural = this.number.replace(/0+$/, "").length - 1
    const forced = Math.min(this.number.length - 1, this.template.zeroTo - this.blanks)
    return this.template.zeroTo > this.blanks ? Math.max(natural, forced) : natural
  }

  text(): string {
    for (const mark of this.template.marks) {
      if (this.isOver) break
      this.write(mark)
    }
    return this.out
  }

  private write(mark: Mark): void {
    const { fill } = this.template
    switch (mark.kind) {
      case "digit":
      case "point":
        return this.writePlace(mark.kind === "digit" && mark.zero)
      case "comma":
        this.out += this.hasDigits ? "," : fill ? "" : " "
        return
      case "MI":
        this.out += this.isNegative ? "-" : fill ? "" : " "
        return
      case "PL":
        this.out += this.isNegative ? (fill ? "" : " ") : "+"
        return
      case "SG":
        this.out += this.isNegative ? "-" : "+"
        return
      case "TH":
      case "th":
        this.out += this.ordinal(mark.kind)
        return
      case "text":
        this.out += mark.text
    }
  }

  private ordinal(kind: "TH" | "th"): string {
    if (this.isNegative || this.template.hasPoint || this.number.startsWith("#")) return ""
    if (!/\d$/.test(this.number))
      throw new ExpressionError("INVALID_CAST", `to_char: ${this.number} is no number that TH can stand behind.`)
    return kind === "TH" ? ordinalOf(this.number).toUpperCase() : ordinalOf(this.number)
  }

  /** `9.9` leaves out the zero of 0.5. */
  private get skipsZero(): boolean {
    const { zeroFrom, fraction } = this.template
    return zeroFrom < 0 && this.at === 0 && this.number.startsWith("0") && fraction > 0
  }

  /** With FM there is nothing behind the point. */
  private get endsAtPoint(): boolean {
    return this.last >= 0 && this.number[this.last] === "."
  }

  private writePlace(isZero: boolean): void {
    this.hasDigits = false
    const { zeroFrom, fill } = this.template
    const isStart = this.place >= this.blanks || (zeroFrom >= 0 && zeroFrom === this.place)
    if (!this.hasSign && isStart && (!this.skipsZero || this.endsAtPoint)) this.writeSign()
    if (this.place < this.blanks && (zeroFrom < 0 || zeroFrom > this.place)) this.out += fill ? "" : " "
    else if (this.place < this.blanks) this.writeDigit("0")
    else this.writeNumber(isZero)
    if (!this.isOver && this.isLast()) this.writeEnd()
    this.place++
  }

  private writeSign(): void {
    const { sign, fill } = this.template
    if (sign === "S after") return
    this.hasSign = true
    if (sign === "S before") this.out += this.isNegative ? "-" : "+"
    else if (sign === "PR") this.out += this.isNegative ? "<" : " "
    else this.out += this.isNegative ? "-" : fill ? "" : " "
  }

  private writeDigit(digit: string): void {
    this.out += digit
    this.hasDigits = true
  }

  /** The next character of the number. */
  private writeNumber(isZero: boolean): void {
    const character = this.number[this.at]
    if (character === undefined) {
      this.isOver = true
      return
    }
    if (character === ".") this.out += "."
    else if (this.last >= 0 && this.at > this.last && !isZero) this.out += ""
    else if (this.skipsZero) this.out += this.template.fill ? (this.endsAtPoint ? "0" : "") : " "
    else this.writeDigit(character)
    this.at++
  }

  private isLast(): boolean {
    const { integer, fraction, hasPoint } = this.template
    if (this.last >= 0 && this.last === this.at) return false
    const extra = !this.hasSignAtStart && this.blanks === 0 ? 1 : 0
    const places = integer + fraction - 1 + extra + (this.blanks > 0 ? 1 : 0) + (hasPoint ? 1 : 0)
    return this.place + 1 === places
  }

  private get hasSignAtStart(): boolean {
    const { sign, fill, marks } = this.template
    if (sign === "none") return true
    return fill && !this.isNegative && (sign === "plain" || sign === "PR") && !marks.some(({ kind }) => kind === "PL")
  }

  private writeEnd(): void {
    if (this.hasSign && this.template.sign === "PR") this.out += this.isNegative ? ">" : this.template.fill ? "" : " "
    else if (this.template.sign === "S after") this.out += this.isNegative ? "-" : "+"
  }
}

/** A number that does not fit is written in `#`. */
const write = (template: NumberTemplate, number: string, isNegative: boolean): string => {
  const { integer, fraction } = template
  const fits = number.split(".")[0]!.length <= integer
  const hashes = `${"#".repeat(integer)}.${"#".repeat(fraction)}`
  return new Body(template, fits ? number : hashes, isNegative).text()
}

const ROMAN: ReadonlyArray<readonly [number, string]> = [
  [1000, "M"],
  [900, "CM"],
  [500, "D"],
  [400, "CD"],
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
]
const ROMAN_WIDTH = 15

const romanOf = (value: number): string => {
  if (!(value >= 1 && value <= 3999)) return "#".repeat(ROMAN_WIDTH)
  let [rest, text] = [value, ""]
  for (const [worth, letters] of ROMAN) {
    text += letters.repeat(Math.floor(rest / worth))
    rest %= worth
  }
  return text
}

const writeRoman = ({ style, fill, marks }: NumberTemplate, value: number): string => {
  const roman = style === "rn" ? romanOf(value).toLowerCase() : romanOf(value)
  const texts = marks.map((mark) => (mark.kind === "text" ? mark.text : "")).join("")
  return (fill ? roman : roman.padStart(ROMAN_WIDTH)) + texts
}

/** `1.50e+03`; `value` has digits after the point as the template does. */
const writeScientific = (text: string): string => (text.startsWith("-") ? text : ` ${text}`)

const endlessScientific = ({ integer, fraction }: NumberTemplate): string =>
  ` ${"#".repeat(Math.max(integer, 0))}.${"#".repeat(fraction + 4)}`

/** A mantissa that is rounded up to 10 stays 10 where `isExact`, as PostgreSQL leaves it for decimals. */
const scientificOf = (value: Decimal, digits: number, isExact: boolean): string => {
  const { coefficient, scale } = value
  if (coefficient === 0) return `${(0).toFixed(digits)}e+00`
  const text = String(coefficient).replace("-", "")
  let exponent = text.length - 1 - scale
  let mantissa = new Decimal(BigInt(text), text.length - 1).withScale(digits)
  if (!isExact && Decimal.compare(mantissa, TEN) >= 0) {
    mantissa = new Decimal(BigInt(text), text.length).withScale(digits)
    exponent++
  }
  const sign = coefficient < 0 ? "-" : ""
  return `${sign}${mantissa.toString()}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`
}

const TEN = new Decimal(10, 0)

const formatDecimalAs = (value: Decimal, template: NumberTemplate): string => {
  if (template.style === "RN" || template.style === "rn") return writeRoman(template, value.isFinite ? rescale(value, 0).toNumber() : 0)
  if (template.style === "scientific") {
    return value.isFinite ? writeScientific(scientificOf(value, template.fraction, true)) : endlessScientific(template)
  }
  if (!value.isFinite) return write(template, String(value.coefficient).replace("-", ""), value.coefficient < 0)
  const shifted = template.shift === 0 ? value : Decimal.multiply(value, new Decimal(powerOfTen(template.shift), 0))
  const text = rescale(shifted, template.fraction).toString()
  return write(template, text.replace("-", ""), text.startsWith("-"))
}

const formatIntegerAs = (value: Whole, template: NumberTemplate): string => {
  if (template.shift > 0 && int64(BigInt(value) * 10n ** BigInt(template.shift)) === undefined)
    throw outOfRange(`to_char: ${value} behind V`)
  return formatDecimalAs(new Decimal(value, 0), template)
}

/** Of a double no more than fifteen digits are written. */
const formatDoubleAs = (value: number, template: NumberTemplate): string => {
  if (template.style === "RN" || template.style === "rn")
    return writeRoman(template, Number.isFinite(value) ? Number(fixedHalfEven(value, 0)) : 0)
  if (template.style === "scientific") return formatDoubleScientific(value, template)
  const shifted = value * 10 ** template.shift
  if (!Number.isFinite(shifted)) return write(template, String(Math.abs(shifted)), shifted < 0)
  const integer = fixedHalfEven(Math.abs(shifted), 0).length
  const fraction = Math.max(0, Math.min(template.fraction, 15 - integer))
  const text = fixedHalfEven(Math.abs(shifted), fraction)
  return write(fraction === template.fraction ? template : { ...template, fraction }, text, shifted < 0 || Object.is(shifted, -0))
}

const formatDoubleScientific = (value: number, template: NumberTemplate): string => {
  if (!Number.isFinite(value)) return endlessScientific(template)
  // All digits of a double, so that it is rounded once.
  return writeScientific(scientificOf(Decimal.parse(exactDigits(value))!, template.fraction, false))
}

/** As many as JavaScript writes. */
const MOST_DIGITS = 100

const exactDigits = (value: number): string => (Math.abs(value) < 1e21 ? value.toPrecision(MOST_DIGITS) : String(BigInt(value)))

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
