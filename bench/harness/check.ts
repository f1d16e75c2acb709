/**
 * Compares what a contender wrote with the answers that the data itself gives.
 *
 * Values are compared as the columns' types ask: an amount by value (97.6 is 97.60), a time in any of the usual ISO spellings,
 * all else as text. A contender that promises to change nothing (`exact`) must also keep the amount's digits and the order.
 */
import { addedColumns, type DataSet, enrichedValues, filteredValues, inputColumns, isWanted, type Order, orders } from "../data.ts"
import { Digest, type DigestValue } from "../digest.ts"
import { csvRows, lines } from "./rows.ts"

export type Answer = "enriched" | "filtered"

/** Tells whether the order was kept, and throws with the first difference when the output is wrong. */
export function check(path: string, set: DataSet, answer: Answer, exact: boolean): "in order" | "order lost" {
  const found = digest(rowsOf(path, answer, exact))
  const wanted = set[answer]
  if (same(found, wanted) && found.ordered === wanted.ordered) return "in order"
  if (same(found, wanted) && !exact) return "order lost"
  throw new Error(difference(rowsOf(path, answer, exact), wantedRows(set.rows, answer), found, wanted))
}

const same = (a: DigestValue, b: DigestValue): boolean => a.rows === b.rows && a.unordered === b.unordered

function digest(rows: Iterable<Array<string>>): DigestValue {
  const sum = new Digest()
  for (const row of rows) sum.add(row)
  return sum.value()
}

const rowsOf = (path: string, answer: Answer, exact: boolean): Generator<Array<string>> =>
  answer === "enriched" ? enrichedRows(path, exact) : filteredRows(path, exact)

const enrichedNames: ReadonlyArray<string> = [...inputColumns, ...addedColumns]
const numbers = new Set(["id", "customer_id", "amount", "year", "amount_cents"])

function* enrichedRows(path: string, exact: boolean): Generator<Array<string>> {
  let n = 0
  for (const line of lines(path)) {
    n++
    const row = JSON.parse(line) as Record<string, unknown>
    const names = Object.keys(row)
    if (names.length !== enrichedNames.length || names.some((name, i) => name !== enrichedNames[i])) {
      throw new Error(`${path}, line ${n}: the columns are ${names.join(", ")} and should be ${enrichedNames.join(", ")}.`)
    }
    yield names.map((name) => jsonText(name, row[name], exact ? line : undefined))
  }
}

function jsonText(name: string, value: unknown, line: string | undefined): string {
  if (typeof value !== (numbers.has(name) ? "number" : "string")) return `${typeof value} ${String(value)}`
  if (name === "amount") return line === undefined ? twoPlaces(String(value)) : /"amount":([^,}]*)/.exec(line)![1]!
  return name === "created_at" ? isoSeconds(value as string) : String(value)
}

function* filteredRows(path: string, exact: boolean): Generator<Array<string>> {
  const rows = csvRows(path)
  const header = rows.next().value as Array<string> | undefined
  if (header?.join() !== inputColumns.join())
    throw new Error(`${path}: the header is ${header?.join()} and should be ${inputColumns.join()}.`)
  for (const row of rows) {
    if (!exact) row[6] = twoPlaces(row[6]!)
    row[9] = isoSeconds(row[9]!)
    yield row
  }
}

/** Gives 97.6 and 97 two places; a text with more of them is another value and stays. */
function twoPlaces(text: string): string {
  const [, whole, fraction = ""] = /^(\d+)(?:\.(\d{1,2}))?$/.exec(text) ?? []
  return whole === undefined ? text : `${whole}.${fraction.padEnd(2, "0")}`
}

const isoSeconds = (text: string): string => text.replace(/^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.0+)?(?:Z|\+00(?::?00)?)?$/, "$1T$2Z")

function* wantedRows(rows: number, answer: Answer): Generator<Array<string>> {
  const values: (order: Order) => Array<string> = answer === "enriched" ? enrichedValues : filteredValues
  for (const order of orders(rows)) if (isWanted(order)) yield values(order)
}

/** Names the first row that differs. Slow, and only run to explain. */
function difference(found: Iterator<Array<string>>, wanted: Generator<Array<string>>, sum: DigestValue, answer: DigestValue): string {
  let n = 0
  for (const expected of wanted) {
    n++
    const row = found.next()
    if (row.done === true) return `only ${n - 1} of ${answer.rows} rows were written.`
    const column = expected.findIndex((value, i) => value !== row.value[i])
    if (column < 0 && row.value.length === expected.length) continue
    const [is, should] = [row.value[column], expected[column]].map((value) => JSON.stringify(value))
    const rowCount = sum.rows === answer.rows ? "" : ` (${sum.rows} rows in all, ${answer.rows} expected)`
    return `row ${n}, ${enrichedNames[column] ?? "end"}: ${is} should be ${should}${rowCount}.`
  }
  return `${sum.rows} rows were written, ${answer.rows} expected.`
}
