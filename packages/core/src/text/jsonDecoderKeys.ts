/** The keys that a JSON decoder looks for, and those that it finds besides. */
import { decodeText } from "./decode.ts"
import type { JsonKeys } from "./kernel.ts"

/** How a key is spelled where nobody says otherwise. */
export const plainSpelling = (name: string): string => JSON.stringify(name).slice(1, -1)

/** More keys than this are no columns: the rows use keys as data. */
export const MOST_KEYS = 4096

/** The keys that are looked for, each a spelling of a column's name. */
export class KeySet {
  readonly keys: JsonKeys
  readonly spellings: ReadonlyArray<string>
  /** The column of each key. */
  readonly columnOf: ReadonlyArray<number>
  readonly names: ReadonlyArray<string>
  private readonly wider = new Map<string, KeySet>()

  constructor(names: ReadonlyArray<string>, spellings: ReadonlyArray<string>, columnOf: ReadonlyArray<number>) {
    this.names = names
    this.spellings = spellings
    this.columnOf = columnOf
    this.keys = spellings.map((spelling) => Buffer.from(spelling))
  }

  get hasAliases(): boolean {
    return this.spellings.length > this.names.length
  }

  /** The first spelling of each name, where it is not the usual one. */
  oddSpellings(): Readonly<Record<string, string>> {
    const first = this.names.map((name, i) => [name, this.spellings[this.columnOf.indexOf(i)]!] as const)
    return Object.fromEntries(first.filter(([name, spelling]) => spelling !== plainSpelling(name)))
  }

  /** With more spellings. Remembered, because the next text often has the same. */
  with(spellings: ReadonlyArray<string>): KeySet {
    const added = spellings.filter((spelling) => !this.spellings.includes(spelling) && nameOf(spelling) !== undefined)
    const id = added.join('"')
    const known = this.wider.get(id)
    if (known !== undefined) return known
    const columns = new Map(this.names.map((name, i) => [name, i]))
    const columnOf = added.map((spelling) => {
      const name = nameOf(spelling)!
      if (!columns.has(name)) columns.set(name, columns.size)
      return columns.get(name)!
    })
    const wider = new KeySet([...columns.keys()], [...this.spellings, ...added], [...this.columnOf, ...columnOf])
    if (this.wider.size < REMEMBERED) this.wider.set(id, wider)
    return wider
  }
}

const REMEMBERED = 16

/** The name that a key spells; undefined where what was found in looking ahead is no key. */
const nameOf = (spelling: string): string | undefined => {
  try {
    return JSON.parse(`"${spelling}"`) as string
  } catch {
    return undefined
  }
}

/** White space of JSON. */
export const isSpace = (byte: number | undefined): boolean => byte === 10 || byte === 13 || byte === 32 || byte === 9

/** The text between the quotes of the key that opens here. */
export const keyAt = (bytes: Uint8Array, at: number): string => decodeText(bytes, at + 1, stringEnd(bytes, at) - 1)

/** Behind the quote that closes the string at `at`. */
export const stringEnd = (bytes: Uint8Array, at: number): number => {
  let end = at + 1
  while (end < bytes.length && bytes[end] !== 34) end += bytes[end] === 92 ? 2 : 1
  return end + 1
}

/** Text that is looked through for more keys, once one is unknown: rows with many of them must not be scanned once for each. */
const LOOK_AHEAD = 256 * 1024

/**
 * Keys of the object that `at` stands in, from the key there on, and of the complete objects behind it. The scan that follows checks them.
 */
export const keysFrom = (bytes: Uint8Array, at: number, most: number): ReadonlyArray<string> => {
  const found = new Set<string>([keyAt(bytes, at)])
  let inObject: Array<string> = []
  const limit = Math.min(bytes.length, at + LOOK_AHEAD)
  let depth = 1
  for (let i = at; i < limit && found.size < most; i++) {
    const byte = bytes[i]!
    if (byte === 34) {
      const end = stringEnd(bytes, i)
      if (depth === 1 && isKey(bytes, end)) inObject.push(keyAt(bytes, i))
      i = end - 1
    } else if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) {
      depth--
      if (depth > 0) continue
      for (const key of inObject) found.add(key)
      inObject = []
    }
  }
  return [...found]
}

const isKey = (bytes: Uint8Array, stringEnds: number): boolean => {
  let at = stringEnds
  while (isSpace(bytes[at])) at++
  return bytes[at] === 58
}
