/** The values of rows that our own encoder wrote: fields with commas between them, one line end after each row, and nothing for null. */
export const csvValues = (bytes: Uint8Array): ReadonlyArray<ReadonlyArray<string | null>> => {
  const text = new TextDecoder().decode(bytes)
  const rows: Array<ReadonlyArray<string | null>> = []
  let row: Array<string | null> = []
  for (let at = 0; at < text.length;) {
    const isQuoted = text[at] === '"'
    const end = isQuoted ? endOfQuoted(text, at) : endOfPlain(text, at)
    const field = text.slice(at, end)
    row.push(isQuoted ? field.slice(1, -1).replaceAll('""', '"') : field === "" ? null : field)
    if (text[end] === "\n") {
      rows.push(row)
      row = []
    }
    at = end + 1
  }
  return rows
}

const endOfPlain = (text: string, from: number): number => {
  let at = from
  while (text[at] !== "," && text[at] !== "\n") at++
  return at
}

const endOfQuoted = (text: string, from: number): number => {
  for (let at = from + 1; ; at++) {
    if (text[at] !== '"') continue
    if (text[at + 1] !== '"') return at + 1
    at++
  }
}
