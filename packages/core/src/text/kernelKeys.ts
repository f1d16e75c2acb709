/** The keys that a JSON scan looks for, in a hash table that both kernels read. */
import type { JsonKeys } from "./kernelTypes.ts"

export class KeyTable {
  readonly keys: JsonKeys
  /** Column plus one at the key's hash, or the next free place after it; 0 is free. Never more than half full. */
  readonly hashes: Uint32Array<ArrayBuffer>
  readonly mask: number

  constructor(keys: JsonKeys) {
    const size = 2 ** Math.ceil(Math.log2(2 * keys.length + 1))
    this.keys = keys
    this.hashes = new Uint32Array(size)
    this.mask = size - 1
    for (const [column, key] of keys.entries()) this.add(key, column)
  }

  /** The column whose key is the bytes from `start` to `end`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    for (let i = hash(bytes, start, end) & this.mask; ; i = (i + 1) & this.mask) {
      const column = this.hashes[i]! - 1
      if (column < 0 || isSame(this.keys[column]!, bytes, start, end)) return column
    }
  }

  private add(key: Uint8Array, column: number): void {
    if (!isRawKey(key)) throw keyError(key, column, "holds what cannot stand between quotes in JSON. Give the raw bytes, with escapes.")
    if (this.find(key, 0, key.length) >= 0) throw keyError(key, column, "is there twice. Give each key once.")
    let i = hash(key, 0, key.length) & this.mask
    while (this.hashes[i] !== 0) i = (i + 1) & this.mask
    this.hashes[i] = column + 1
  }
}

const tables = new WeakMap<JsonKeys, KeyTable>()

export const keyTable = (keys: JsonKeys): KeyTable => {
  const known = tables.get(keys)
  if (known !== undefined) return known
  const table = new KeyTable(keys)
  tables.set(keys, table)
  return table
}

/** FNV-1a, as in kernel/json.ts. */
const hash = (bytes: Uint8Array, start: number, end: number): number => {
  let value = 0x811c9dc5
  for (let i = start; i < end; i++) value = Math.imul(value ^ bytes[i]!, 0x01000193)
  return value
}

const isSame = (key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean => {
  if (key.length !== end - start) return false
  for (let i = 0; i < key.length; i++) if (key[i] !== bytes[start + i]) return false
  return true
}

const isRawKey = (key: Uint8Array): boolean =>
  key.every((byte) => byte >= 0x20) && /^(?:[^"\\]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*$/.test(latin1(key))

const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")

const keyError = (key: Uint8Array, column: number, what: string): TypeError =>
  new TypeError(`scan of JSON / keys[${column}]: ${JSON.stringify(new TextDecoder().decode(key))} ${what}`)
