/** What tells rows that were expected from those that are there, as a table that a person reads. */
import type { ColumnSchema, Row } from "@deltaflow/core"
import { cut, table, visible } from "@deltaflow/core/table"
import { cellOf, identityOf, shownValue } from "./testRows.ts"

export interface DifferenceOptions {
  readonly columns: ReadonlyArray<ColumnSchema>
  readonly ordered: boolean
  /** Columns that tell rows apart; without one, rows that are most alike are laid side by side. */
  readonly key: ReadonlyArray<string>
}

/** Undefined where the rows are the same; else a line with the counts and the table. */
export const difference = (expected: ReadonlyArray<Row>, found: ReadonlyArray<Row>, options: DifferenceOptions): string | undefined => {
  const [wanted, there] = [linesOf(expected, options.columns), linesOf(found, options.columns)]
  const apart = options.ordered ? apartInOrder(wanted, there) : apartInAny(wanted, there)
  if (apart.missing.length + apart.added.length === 0) return undefined
  const isOnlyOrder = options.ordered && sumOf(apartInAny(wanted, there)) === 0
  const pairs = pairsOf(apart, options)
  const taken = new Set(pairs.flat())
  const missing = apart.missing.filter((line) => !taken.has(line))
  const added = apart.added.filter((line) => !taken.has(line))
  const head = isOnlyOrder
    ? "the rows are the expected ones in another order:"
    : `${sentence([
        [missing.length, "row is missing", "rows are missing"],
        [added.length, "row is not expected", "rows are not expected"],
        [pairs.length, "row differs", "rows differ"],
      ])}:`
  return `${head}\n${differenceTable({ missing, added, pairs }, options)}`
}

const sumOf = ({ missing, added }: Apart): number => missing.length + added.length

const sentence = (parts: ReadonlyArray<readonly [number, string, string]>): string =>
  parts
    .filter(([number]) => number > 0)
    .map(([number, one, many]) => `${number} ${number === 1 ? one : many}`)
    .join(", ")

interface Line {
  readonly index: number
  readonly row: Row
  /** One for each column. */
  readonly cells: ReadonlyArray<string>
  readonly id: string
}

type Pair = readonly [expected: Line, found: Line]

interface Apart {
  readonly missing: ReadonlyArray<Line>
  readonly added: ReadonlyArray<Line>
}

const linesOf = (rows: ReadonlyArray<Row>, columns: ReadonlyArray<ColumnSchema>): ReadonlyArray<Line> =>
  rows.map((row, index) => {
    const cells = columns.map(({ name, type }) => {
      const cell = cellOf(row[name], type)
      // A value of another type equals none that is there.
      return "problem" in cell ? `!${cell.problem}` : `=${identityOf(cell.value, type)}`
    })
    return { index, row, cells, id: JSON.stringify(cells) }
  })

const apartInAny = (expected: ReadonlyArray<Line>, found: ReadonlyArray<Line>): Apart => {
  const open = new Map<string, number>()
  for (const { id } of found) open.set(id, (open.get(id) ?? 0) + 1)
  const missing = expected.filter(({ id }) => !take(open, id))
  // Of rows that are there too often, the last ones are too many.
  const added = found.toReversed().filter(({ id }) => take(open, id))
  return { missing, added: added.toReversed() }
}

const take = (open: Map<string, number>, id: string): boolean => {
  const count = open.get(id) ?? 0
  if (count > 0) open.set(id, count - 1)
  return count > 0
}

/** Those outside of the longest sequence that both have. */
const apartInOrder = (expected: ReadonlyArray<Line>, found: ReadonlyArray<Line>): Apart => {
  let start = 0
  while (start < expected.length && expected[start]?.id === found[start]?.id) start++
  let end = 0
  const most = Math.min(expected.length, found.length) - start
  while (end < most && expected.at(-1 - end)!.id === found.at(-1 - end)!.id) end++
  return outsideOfCommon(expected.slice(start, expected.length - end), found.slice(start, found.length - end))
}

/** Beyond this many comparisons rows are compared place by place. */
const MOST_COMPARISONS = 4_000_000

const outsideOfCommon = (a: ReadonlyArray<Line>, b: ReadonlyArray<Line>): Apart => {
  if (a.length * b.length > MOST_COMPARISONS)
    return { missing: a.filter(({ id }, i) => id !== b[i]?.id), added: b.filter(({ id }, i) => id !== a[i]?.id) }
  const width = b.length + 1
  const longest = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i * width + j] =
        a[i]!.id === b[j]!.id ? longest[(i + 1) * width + j + 1]! + 1 : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!)
  const missing: Array<Line> = []
  const added: Array<Line> = []
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i]!.id === b[j]!.id) {
      i++
      j++
    } else if (j === b.length || (i < a.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)) missing.push(a[i++]!)
    else added.push(b[j++]!)
  }
  return { missing, added }
}

/** Rows of both sides that stand for the same thing. */
const pairsOf = ({ missing, added }: Apart, { columns, key }: DifferenceOptions): ReadonlyArray<Pair> => {
  const places = key.map((name) => columns.findIndex((column) => column.name === name))
  if (places.length > 0 && !places.includes(-1)) return pairsByKey(missing, added, places)
  return missing.length * added.length * columns.length > MOST_COMPARISONS ? [] : pairsByLikeness(missing, added)
}

const pairsByKey = (missing: ReadonlyArray<Line>, added: ReadonlyArray<Line>, places: ReadonlyArray<number>): ReadonlyArray<Pair> => {
  const keyOf = ({ cells }: Line): string => JSON.stringify(places.map((place) => cells[place]))
  const open = new Map(added.map((line) => [keyOf(line), line]))
  return missing.flatMap((line): ReadonlyArray<Pair> => {
    const other = open.get(keyOf(line))
    open.delete(keyOf(line))
    return other === undefined ? [] : [[line, other]]
  })
}

/** The most alike first, as long as at least half of their values are the same. */
const pairsByLikeness = (missing: ReadonlyArray<Line>, added: ReadonlyArray<Line>): ReadonlyArray<Pair> => {
  const likely = missing.flatMap((line) =>
    added.flatMap((other) => {
      const same = line.cells.filter((cell, i) => cell === other.cells[i]).length
      return same * 2 >= line.cells.length && same > 0 ? [{ pair: [line, other] as const, same }] : []
    }),
  )
  const taken = new Set<Line>()
  return likely
    .toSorted((a, b) => b.same - a.same || Math.abs(a.pair[0].index - a.pair[1].index) - Math.abs(b.pair[0].index - b.pair[1].index))
    .flatMap(({ pair }) => {
      if (pair.some((line) => taken.has(line))) return []
      for (const line of pair) taken.add(line)
      return [pair]
    })
}

interface Found extends Apart {
  readonly pairs: ReadonlyArray<Pair>
}

/** Rows that are shown at most. */
export const MOST_ROWS = 20

/** Columns that are shown at most, beside those that differ. */
const MOST_COLUMNS = 8

const WIDEST = 40

const differenceTable = ({ missing, added, pairs }: Found, { columns, key, ordered }: DifferenceOptions): string => {
  const differing = new Set(pairs.flatMap(([line, other]) => columns.flatMap((_, i) => (line.cells[i] === other.cells[i] ? [] : [i]))))
  const shown = shownColumns(columns, differing, key)
  const rows = [
    ...missing.map((line) => ({ line, mark: "-", place: place(line), cells: shown.map((i) => plain(line, columns[i]!)) })),
    ...added.map((line) => ({ line, mark: "+", place: place(line), cells: shown.map((i) => plain(line, columns[i]!)) })),
    ...pairs.map(([line, other]) => ({
      line: other,
      mark: "~",
      place: ordered && line.index !== other.index ? `${place(line)} → ${place(other)}` : place(other),
      cells: shown.map((i) => changed(line, other, columns[i]!, i)),
    })),
  ].toSorted((a, b) => a.line.index - b.line.index || a.mark.localeCompare(b.mark))
  return [
    rowsTable(
      shown.map((i) => columns[i]!),
      rows.slice(0, MOST_ROWS).map(({ mark, place, cells }) => [mark, place, ...cells]),
      true,
    ),
    ...more(rows.length - MOST_ROWS),
    ...(shown.length === columns.length ? [] : [`(${columns.length - shown.length} columns without a difference are not shown)`]),
    "- expected and not there   + there and not expected   ~ expected → found",
  ].join("\n")
}

const place = ({ index }: Line): string => String(index + 1)

/** `… and 12 more`. */
export const more = (count: number): ReadonlyArray<string> => (count > 0 ? [`… and ${count} more`] : [])

/** A table of rows with their number; with a mark before it where there is one. */
export const rowsTable = (columns: ReadonlyArray<ColumnSchema>, rows: ReadonlyArray<ReadonlyArray<string>>, isMarked = false): string =>
  table(
    [
      ...(isMarked ? [{ title: "" }] : []),
      { title: "row", align: "right" },
      ...columns.map(({ name, type }) => ({
        title: name,
        note: type,
        align: ["integer", "double", "decimal"].includes(type) ? ("right" as const) : ("left" as const),
        isWhole: true,
      })),
    ],
    rows,
  )

const shownColumns = (
  columns: ReadonlyArray<ColumnSchema>,
  differing: ReadonlySet<number>,
  key: ReadonlyArray<string>,
): ReadonlyArray<number> => {
  const wanted = columns.flatMap(({ name }, i) => (differing.has(i) || key.includes(name) ? [i] : []))
  const others = columns.map((_, i) => i).filter((i) => !wanted.includes(i))
  return [...wanted, ...others.slice(0, Math.max(0, MOST_COLUMNS - wanted.length))].toSorted((a, b) => a - b)
}

const plain = ({ row }: Line, { name, type }: ColumnSchema): string => shownCell(row[name], type)

/** A value in a table. */
export const shownCell = (value: unknown, type: ColumnSchema["type"]): string => cut(visible(shownValue(value, type)), WIDEST)

const changed = (expected: Line, found: Line, column: ColumnSchema, index: number): string => {
  if (expected.cells[index] === found.cells[index]) return plain(found, column)
  const [before, after] = [expected, found].map(({ row }) => visible(shownValue(row[column.name], column.type))) as [string, string]
  return aroundDifference(before, after).join(" → ")
}

/** Both texts from shortly before the place where they part, so that long ones show what is different in them. */
const aroundDifference = (a: string, b: string): readonly [string, string] => {
  const [left, right] = [Array.from(a), Array.from(b)]
  if (left.length <= WIDEST && right.length <= WIDEST) return [a, b]
  let same = 0
  while (same < left.length && left[same] === right[same]) same++
  const start = same <= CONTEXT + 1 ? 0 : same - CONTEXT
  const part = (all: ReadonlyArray<string>): string => (start > 0 ? "…" : "") + cut(all.slice(start).join(""), WIDEST)
  return [part(left), part(right)]
}

const CONTEXT = 8
