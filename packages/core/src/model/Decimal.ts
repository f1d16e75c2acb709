/**
 * Exact decimal numbers with a scale, as PostgreSQL's `numeric` has them: 1.50 is not written as 1.5.
 *
 * Small values stay plain numbers inside, so that money costs no BigInt. NaN and the infinities are kept.
 */

/** A whole number: `number` where it is safe (below 2^53), `bigint` above. */
export type Whole = number | bigint

const SAFE = Number.MAX_SAFE_INTEGER
const SAFE_BIG = BigInt(SAFE)

/** Brings a bigint back to a number where that is exact. */
export const whole = (value: bigint): Whole => (value <= SAFE_BIG && value >= -SAFE_BIG ? Number(value) : value)

export const addWhole = (a: Whole, b: Whole): Whole => {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b
    if (sum <= SAFE && sum >= -SAFE) return sum
  }
  return whole(BigInt(a) + BigInt(b))
}

export const multiplyWhole = (a: Whole, b: Whole): Whole => {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b
    // Minus zero would be printed as such by some, so it is folded into zero.
    if (product <= SAFE && product >= -SAFE) return product + 0
  }
  return whole(BigInt(a) * BigInt(b))
}

export const compareWhole = (a: Whole, b: Whole): number => (a < b ? -1 : a > b ? 1 : 0)

const POWERS: ReadonlyArray<number> = Array.from({ length: 16 }, (_, i) => 10 ** i)

/** 10^exponent, exact. */
export const powerOfTen = (exponent: number): Whole => (exponent < 16 ? POWERS[exponent]! : 10n ** BigInt(exponent))

export class Decimal {
  /** The value times 10^scale; NaN or an infinity for the special values, whose scale is 0. */
  readonly coefficient: Whole
  /** Digits after the point, as they are written. */
  readonly scale: number

  constructor(coefficient: Whole, scale: number) {
    this.coefficient = coefficient
    this.scale = scale
  }

  /** Reads `-12.340`, `1e3`, `NaN`, `Infinity`; undefined where the text is none of these. */
  static parse(text: string): Decimal | undefined {
    const match = PATTERN.exec(text.trim())
    if (match === null) return special(text.trim().toLowerCase())
    const fraction = match[3] ?? match[4] ?? ""
    const exponent = match[5] === undefined ? 0 : Number(match[5])
    if (Math.abs(exponent) > MAX_EXPONENT) return undefined
    const digits = (match[2] ?? "") + fraction
    const scale = fraction.length - exponent
    const magnitude = digits.length < 16 ? Number(digits) : whole(BigInt(digits))
    const coefficient = match[1] === "-" ? negate(magnitude) : magnitude
    return scale >= 0 ? new Decimal(coefficient, scale) : new Decimal(multiplyWhole(coefficient, powerOfTen(-scale)), 0)
  }

  /** The shortest decimal that reads back as this double. */
  static fromNumber(value: number): Decimal {
    if (!Number.isFinite(value)) return new Decimal(value, 0)
    return Number.isSafeInteger(value) ? new Decimal(value + 0, 0) : Decimal.parse(String(value))!
  }

  static fromWhole(value: Whole): Decimal {
    return new Decimal(value, 0)
  }

  get isFinite(): boolean {
    return typeof this.coefficient === "bigint" || Number.isFinite(this.coefficient)
  }

  toString(): string {
    if (!this.isFinite) return String(this.coefficient)
    if (this.scale === 0) return String(this.coefficient)
    const negative = this.coefficient < 0
    const digits = String(negative ? negate(this.coefficient) : this.coefficient).padStart(this.scale + 1, "0")
    const point = digits.length - this.scale
    return `${negative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`
  }

  /** JSON has no exact decimals in JavaScript, so a decimal is written as text. */
  toJSON(): string {
    return this.toString()
  }

  /** The nearest double. Lets JavaScript functions compare and calculate, at a double's precision. */
  valueOf(): number {
    return this.toNumber()
  }

  toNumber(): number {
    if (typeof this.coefficient === "number" && this.scale <= 15) return this.coefficient / POWERS[this.scale]!
    return Number(this.toString())
  }

  /** The same value with `scale` digits after the point; digits that do not fit are rounded half away from zero. */
  withScale(scale: number): Decimal {
    if (!this.isFinite || scale === this.scale) return this
    if (scale > this.scale) return new Decimal(multiplyWhole(this.coefficient, powerOfTen(scale - this.scale)), scale)
    return new Decimal(divideRounded(this.coefficient, powerOfTen(this.scale - scale)), scale)
  }

  /** -1, 0 or 1. NaN equals itself and is above all else, as in PostgreSQL. */
  static compare(a: Decimal, b: Decimal): number {
    if (!a.isFinite || !b.isFinite) return compareSpecial(a.coefficient, b.coefficient)
    if (a.scale === b.scale) return compareWhole(a.coefficient, b.coefficient)
    const scale = Math.max(a.scale, b.scale)
    return compareWhole(a.withScale(scale).coefficient, b.withScale(scale).coefficient)
  }

  static add(a: Decimal, b: Decimal): Decimal {
    if (!a.isFinite || !b.isFinite) return new Decimal(a.toNumber() + b.toNumber(), 0)
    const scale = Math.max(a.scale, b.scale)
    return new Decimal(addWhole(a.withScale(scale).coefficient, b.withScale(scale).coefficient), scale)
  }

  static negate(a: Decimal): Decimal {
    return new Decimal(negate(a.coefficient), a.scale)
  }

  static multiply(a: Decimal, b: Decimal): Decimal {
    if (!a.isFinite || !b.isFinite) return new Decimal(a.toNumber() * b.toNumber(), 0)
    return new Decimal(multiplyWhole(a.coefficient, b.coefficient), a.scale + b.scale)
  }
}

/** a / b, rounded half away from zero; b is above zero. */
export const divideRounded = (a: Whole, b: Whole): Whole => {
  const dividend = BigInt(a)
  const divisor = BigInt(b)
  const quotient = dividend / divisor
  const rest = dividend % divisor
  const away = (rest < 0n ? -rest : rest) * 2n >= divisor
  return whole(away ? quotient + (dividend < 0n ? -1n : 1n) : quotient)
}

export const negate = (value: Whole): Whole => (typeof value === "bigint" ? whole(-value) : value === 0 ? 0 : -value)

// PostgreSQL refuses an exponent beyond its numeric's range; a larger one would only build a huge string of zeros.
const MAX_EXPONENT = 131_072

const PATTERN = /^([+-])?(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/

const special = (text: string): Decimal | undefined => {
  if (text === "nan") return new Decimal(NaN, 0)
  if (text === "infinity" || text === "inf" || text === "+infinity") return new Decimal(Infinity, 0)
  return text === "-infinity" || text === "-inf" ? new Decimal(-Infinity, 0) : undefined
}

const compareSpecial = (a: Whole, b: Whole): number => {
  const aNan = a !== a
  const bNan = b !== b
  if (aNan || bNan) return aNan && bNan ? 0 : aNan ? 1 : -1
  return compareWhole(a, b)
}
