/** The lines around a place in a text, with a caret under it. */

export const splitLines = (text: string): ReadonlyArray<string> => text.split(/\r\n|\n|\r/)

const LINES_BEFORE = 2
const LINES_AFTER = 1
const WIDEST_LINE = 120

/** `line` and `column` from 1; `length` characters get a caret, as far as the line goes. */
export const codeFrame = (lines: ReadonlyArray<string>, line: number, column: number, length = 1): string => {
  const first = Math.max(1, line - LINES_BEFORE)
  const last = Math.max(line, Math.min(lastShown(lines), line + LINES_AFTER))
  const digits = String(last).length
  // A place far to the right of a long line moves all the lines to the left.
  const start = Math.max(0, column - Math.floor(WIDEST_LINE * 0.75))
  const frame: Array<string> = []
  for (let number = first; number <= last; number++) {
    const content = lines[number - 1] ?? ""
    frame.push(`${number === line ? ">" : " "} ${String(number).padStart(digits)} | ${visible(content, start)}`.trimEnd())
    if (number === line) frame.push(`  ${" ".repeat(digits)} | ${caret(content, start, column, length)}`)
  }
  return frame.join("\n")
}

// A text that ends in a line break has no line behind it.
const lastShown = (lines: ReadonlyArray<string>): number => (lines.at(-1) === "" ? lines.length - 1 : lines.length)

const visible = (line: string, start: number): string => {
  const cut = line.slice(start, start + WIDEST_LINE)
  return printable(`${start > 0 ? "…" : ""}${cut}${start + WIDEST_LINE < line.length ? "…" : ""}`)
}

// Tabs and control characters take one column each, so that the caret stands right.
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, (character) => (character === "\t" ? "→" : "·"))

const caret = (line: string, start: number, column: number, length: number): string => {
  const room = Math.min(line.length, start + WIDEST_LINE) - (column - 1)
  return " ".repeat(column - 1 - start + (start > 0 ? 1 : 0)) + "^".repeat(Math.max(1, Math.min(length, room)))
}
