/**
 * A checksum over the values of rows, fast enough for millions of them.
 *
 * It tells apart a wrong value, a missing row and a changed order. It does not defend against an adversary.
 */
export interface DigestValue {
  readonly rows: number
  /** Changes when any value or the order of the rows changes. */
  readonly ordered: string
  /** Changes when any value changes, whatever the order of the rows. */
  readonly unordered: string
}

export class Digest {
  #rows = 0
  #ordered = 0x811c9dc5
  #sumLow = 0
  #sumHigh = 0

  add(values: ReadonlyArray<string>): void {
    let low = 0x811c9dc5
    let high = 0x2545f491
    for (const value of values) {
      for (let i = 0; i < value.length; i++) {
        const unit = value.charCodeAt(i)
        low = Math.imul(low ^ unit, 0x01000193)
        high = Math.imul(((high << 5) | (high >>> 27)) ^ unit, 0x9e3779b1)
      }
      // Ends every value with a unit that no text has, so that "ab","c" differs from "a","bc".
      low = Math.imul(low ^ 0xffff, 0x01000193)
      high = Math.imul(high ^ 0xffff, 0x9e3779b1)
    }
    this.#rows++
    this.#ordered = (Math.imul(this.#ordered ^ low, 0x01000193) + high) | 0
    this.#sumLow = (this.#sumLow + low) | 0
    this.#sumHigh = (this.#sumHigh + high) | 0
  }

  value(): DigestValue {
    return { rows: this.#rows, ordered: hex(this.#ordered), unordered: hex(this.#sumHigh) + hex(this.#sumLow) }
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0")
