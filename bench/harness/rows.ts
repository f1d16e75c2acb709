/** Reads back what a contender wrote, by parsers of the bench's own, a row of texts at a time. */
import { closeSync, openSync, readSync } from "node:fs"

/** The texts of a file in blocks that end anywhere between two characters. */
function* blocks(path: string): Generator<string> {
  const file = openSync(path, "r")
  const bytes = new Uint8Array(1 << 20)
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  try {
    for (let read = readSync(file, bytes); read > 0; read = readSync(file, bytes))
      yield decoder.decode(bytes.subarray(0, read), { stream: true })
    yield decoder.decode()
  } finally {
    closeSync(file)
  }
}

export function* lines(path: string): Generator<string> {
  let rest = ""
  for (const block of blocks(path)) {
    const parts = (rest + block).split("\n")
    rest = parts.pop()!
    yield* parts
  }
  if (rest !== "") yield rest
}

export function* csvRows(path: string): Generator<Array<string>> {
  let rest = ""
  let rows = 0
  for (const block of blocks(path)) {
    rest += block
    let start = 0
    for (let row = csvRow(rest, start); row !== undefined; row = csvRow(rest, start)) {
      yield row.fields
      rows++
      start = row.end
    }
    rest = rest.slice(start)
  }
  if (rest !== "") throw new Error(`${path}: what follows row ${rows} is not a whole CSV row: ${JSON.stringify(rest.slice(0, 100))}`)
}

const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)/y

/** One row and where it ends, or nothing when the text does not hold all of it. */
function csvRow(text: string, start: number): { readonly fields: Array<string>; readonly end: number } | undefined {
  const fields: Array<string> = []
  field.lastIndex = start
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    const [, quoted, plain, separator] = match
    fields.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'))
    if (separator !== ",") return { fields, end: field.lastIndex }
  }
  return undefined
}
