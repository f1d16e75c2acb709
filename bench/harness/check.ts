/**
 * Compares what a contender wrote with the answers that the data itself gives.
 *
 * Values are compared as the columns' types ask: an amount by value (97.6 is 97.60), a time in any of the usual ISO spellings,
 * all else as text. A contender that promises to change nothing (`exact`) must also keep the amount's digits and the order.
 */
import { type Answer, answerColumns, collectors, inputValues } from "../answers.ts"
import { inputColumns } from "../columns.ts"
import { type DataSet, orders } from "../data.ts"
import { Digest, type DigestValue } from "../digest.ts"
import { csvRows, lines } from "./rows.ts"

/** Tells whether the order was kept, and throws with the first difference when the output is wrong. */
export function check(path: string, set: DataSet, answer: Answer, exact: boolean): "in order" | "order lost" {
  const found = digest(rowsOf(path, answer, exact))
  const wanted = set.answers[answer]
  if (same(found, wanted) && found.ordered === wanted.ordered) return "in order"
  if (same(found, wanted) && !exact) return "order lost"
  throw new Error(difference(rowsOf(path, answer, exact), set.rows, answer, found, wanted))
}

/** Throws where the output is not all rows by time and number. */
export function checkSorted(path: string, rows: number): void {
  const found = new Digest()
  let before = ""
  for (const row of csvValues(path, true)) {
    const key = `${row[9]!} ${row[0]!.padStart(12, "0")}`
    if (key < before) throw new Error(`row ${found.value().rows + 1}: ${key} stands behind ${before}.`)
    before = key
    found.add(row)
  }
  const wanted = new Digest()
  for (const order of orders(rows)) wanted.add(inputValues(order))
  if (!same(found.value(), wanted.value())) throw new Error(`${found.value().rows} rows were written, and not the ${rows} of the input.`)
}

const same = (a: DigestValue, b: DigestValue): boolean => a.rows === b.rows && a.unordered === b.unordered

/** Throws where the lines are not all rows of the input, with all of their digits, in any order. */
export function checkLines(path: string, rows: number): void {
  const found = digest(jsonValues(path, inputColumns, true))
  const wanted = new Digest()
  for (const order of orders(rows)) wanted.add(inputValues(order))
  if (!same(found, wanted.value())) throw new Error(`${found.rows} rows were written, and not the ${rows} of the input.`)
}

function digest(rows: Iterable<Array<string>>): DigestValue {
  const sum = new Digest()
  for (const row of rows) sum.add(row)
  return sum.value()
}

const rowsOf = (path: string, answer: Answer, exact: boolean): Generator<Array<string>> =>
  answer === "filtered" ? csvValues(path, exact) : jsonValues(path, answerColumns[answer], exact)

const amounts = new Set(["amount", "total", "average", "largest"])
const amountOf = new Map([...amounts].map((name) => [name, new RegExp(`"${name}":([^,}]*)`)]))
const numbers = new Set(["id", "customer_id", "year", "amount_cents", "orders", ...amounts])

function* jsonValues(path: string, columns: ReadonlyArray<string>, exact: boolean): Generator<Array<string>> {
  let n = 0
  for (const line of lines(path)) {
    n++
    const row = JSON.parse(line) as Record<string, unknown>
    const names = Object.keys(row)
    if (names.length !== columns.length || names.some((name, i) => name !== columns[i])) {
      throw new Error(`${path}, line ${n}: the columns are ${names.join(", ")} and should be ${columns.join(", ")}.`)
    }
    yield names.map((name) => jsonText(name, row[name], exact ? line : undefined))
  }
}

function jsonText(name: string, value: unknown, line: string | undefined): string {
  if (typeof value !== (numbers.has(name) ? "number" : "string")) return `${typeof value} ${String(value)}`
  if (amounts.has(name)) return line === undefined ? twoPlaces(String(value)) : amountOf.get(name)!.exec(line)![1]!
  return name === "created_at" ? isoSeconds(value as string) : String(value)
}

function* csvValues(path: string, exact: boolean): Generator<Array<string>> {
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

function* wantedRows(rows: number, answer: Answer): Generator<ReadonlyArray<string>> {
  const collector = collectors[answer]()
  for (const order of orders(rows)) {
    const values = collector.take(order)
    if (values !== undefined) yield values
  }
  yield* collector.rest()
}

/** Names the first row that differs. Slow, and only run to explain. */
function difference(found: Iterator<Array<string>>, rows: number, answer: Answer, sum: DigestValue, wanted: DigestValue): string {
  let n = 0
  for (const expected of wantedRows(rows, answer)) {
    n++
    const row = found.next()
    if (row.done === true) return `only ${n - 1} of ${wanted.rows} rows were written.`
    const column = expected.findIndex((value, i) => value !== row.value[i])
    if (column < 0 && row.value.length === expected.length) continue
    const [is, should] = [row.value[column], expected[column]].map((value) => JSON.stringify(value))
    const rowCount = sum.rows === wanted.rows ? "" : ` (${sum.rows} rows in all, ${wanted.rows} expected)`
    return `row ${n}, ${answerColumns[answer][column] ?? "end"}: ${is} should be ${should}${rowCount}.`
  }
  return `${sum.rows} rows were written, ${wanted.rows} expected.`
}
