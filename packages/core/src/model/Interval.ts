/** A span of time as PostgreSQL keeps it: months, days and microseconds apart, because neither of the first two has a fixed length. */
export class Interval {
  /** The infinite intervals have ±Infinity in all three parts. */
  readonly months: number
  readonly days: number
  /** Microseconds, a safe integer. */
  readonly micros: number

  constructor(months: number, days: number, micros: number) {
    this.months = months
    this.days = days
    this.micros = micros
  }

  /** PostgreSQL's own form: `1 year 2 mons 3 days 04:05:06.7`. */
  toString(): string {
    if (!this.isFinite) return this.months > 0 ? "infinity" : "-infinity"
    const years = Math.trunc(this.months / 12)
    const parts: Array<string> = []
    let negativeBefore = false
    const add = (value: number, unit: string) => {
      if (value === 0) return
      // After a negative part PostgreSQL marks a positive one with a plus.
      parts.push(`${negativeBefore && value > 0 ? "+" : ""}${value} ${unit}${value === 1 ? "" : "s"}`)
      negativeBefore = value < 0
    }
    add(years, "year")
    add(this.months - years * 12, "mon")
    add(this.days, "day")
    if (this.micros !== 0 || parts.length === 0) {
      const sign = this.micros < 0 ? "-" : negativeBefore && this.micros > 0 ? "+" : ""
      parts.push(sign + clock(Math.abs(this.micros)))
    }
    return parts.join(" ")
  }

  get isFinite(): boolean {
    return Number.isFinite(this.months)
  }

  toJSON(): string {
    return this.toString()
  }

  /** PostgreSQL compares intervals as if a month had 30 days and a day 24 hours. */
  static compare(a: Interval, b: Interval): number {
    if (!a.isFinite || !b.isFinite) return compareEndless(a, b)
    const left = (BigInt(a.months) * 30n + BigInt(a.days)) * DAY + BigInt(a.micros)
    const right = (BigInt(b.months) * 30n + BigInt(b.days)) * DAY + BigInt(b.micros)
    return left < right ? -1 : left > right ? 1 : 0
  }
}

const compareEndless = (a: Interval, b: Interval): number => {
  const [left, right] = [a.isFinite ? 0 : a.months, b.isFinite ? 0 : b.months]
  return left < right ? -1 : left > right ? 1 : 0
}

const DAY = 86_400_000_000n

const clock = (micros: number): string => {
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = micros % 1_000_000
  const text = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, "0")).join(":")
  return fraction === 0 ? text : `${text}.${String(fraction).padStart(6, "0").replace(/0+$/, "")}`
}
