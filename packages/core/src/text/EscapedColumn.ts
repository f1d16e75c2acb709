/** Fields of the text of COPY, in which a backslash begins an escape. */
import type { Column } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import { parseValue, type Value } from "../model/Value.ts"
import { decodeBytes, decodeText, isNullText } from "./decode.ts"
import { type CsvRows, csvEnd, csvStart, isCsvNull } from "./textLayout.ts"

/** One field of rows of which some have escapes there, decoded on demand. */
export class EscapedColumn implements Column {
  readonly rows: CsvRows
  readonly field: number
  readonly name: string
  readonly type: ColumnType
  constructor(rows: CsvRows, field: number, name: string, type: ColumnType) {
    this.rows = rows
    this.field = field
    this.name = name
    this.type = type
  }
  value(row: number): Value | null {
    const { rows, type } = this
    const { buffer } = rows
    const start = csvStart(rows, row, this.field)
    const end = csvEnd(rows, row, this.field)
    if (isNullText(buffer, start, end, rows.nulls)) return null
    const text = decodeText(buffer, start, end)
    if (!text.includes("\\")) return decodeBytes(buffer, start, end, type)
    const plain = text.replaceAll(/\\(.)/gs, unescaped)
    return type === "string" ? plain : parseValue(plain, type)
  }
  isNull(row: number): boolean {
    return isCsvNull(this.rows, row, this.field)
  }
  release(): void {
    this.rows.release?.()
  }
}

const LETTERS: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" }

const unescaped = (_: string, letter: string): string => LETTERS[letter] ?? letter

/** What stands for a character in the text of COPY. */
export const escapeText = (text: string): string => text.replaceAll(/[\\\n\r\t]/g, (character) => ESCAPES[character]!)

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** For each field whether some row has an escape in it; `\N` alone is a null. */
export const escapedFields = ({ buffer, offsets, columns }: CsvRows): ReadonlyArray<boolean> => {
  const found = Array.from({ length: columns }, () => false)
  const end = offsets.at(-1) ?? 0
  const text = Buffer.from(buffer.buffer, buffer.byteOffset, Math.min(end, buffer.length))
  let cell = 0
  for (let at = text.indexOf(BACKSLASH, offsets[0]); at >= 0;) {
    while (offsets[cell + 1]! <= at) cell++
    const next = offsets[cell + 1]!
    if (next - offsets[cell]! !== NULL_LENGTH + 1 || text[at + 1] !== LETTER_N) found[cell % columns] = true
    at = text.indexOf(BACKSLASH, next)
  }
  return found
}

const BACKSLASH = 92
const LETTER_N = 78
const NULL_LENGTH = 2
