/** Aligned tables for people. */
import { cut, pad, padStart, textWidth, visible } from "./width.ts"

export { cut, pad, textWidth, visible }

export interface TableColumn {
  readonly title: string
  /** A second line under the title. */
  readonly note?: string
  readonly align?: "left" | "right"
  /** Never cut. */
  readonly isWhole?: boolean
}

/** Longer values are cut: a table is for looking, `--json` has all of it. */
const LONGEST = 40

export const table = (columns: ReadonlyArray<TableColumn>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const cells = rows.map((row) => row.map((value, i) => (columns[i]?.isWhole === true ? visible(value) : cut(visible(value), LONGEST))))
  const titles = columns.map(({ title }) => cut(visible(title), LONGEST))
  const notes = columns.some(({ note }) => note !== undefined) ? [columns.map(({ note = "" }) => note)] : []
  const heads = [titles, ...notes]
  const widths = columns.map((_, i) => Math.max(...[...heads, ...cells].map((row) => textWidth(row[i] ?? ""))))
  const line = (row: ReadonlyArray<string>): string =>
    row
      .map((text, i) => aligned(text, widths[i]!, columns[i]!))
      .join("  ")
      .trimEnd()
  return [...heads.map(line), widths.map((width) => "─".repeat(width)).join("  "), ...cells.map(line)].join("\n")
}

const aligned = (text: string, width: number, { align }: TableColumn): string =>
  align === "right" ? padStart(text, width) : pad(text, width)
