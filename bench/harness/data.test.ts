import assert from "node:assert/strict"
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { isWanted } from "../answers.ts"
import { dataSet, orders } from "../data.ts"
import { Digest } from "../digest.ts"
import { csvRows, lines } from "./rows.ts"

const folder = mkdtempSync(join(tmpdir(), "bench-"))
after(() => rmSync(folder, { recursive: true }))

test("the first rows are the same whatever the number of rows", () => {
  const few = dataSet(folder, 100)
  const more = dataSet(folder, 1000)
  const csv = readFileSync(few.csv, "utf8")
  assert.equal(readFileSync(more.csv, "utf8").slice(0, csv.length), csv)
})

test("both files hold the same rows", () => {
  const { csv, ndjson } = dataSet(folder, 1000)
  const [header, ...rows] = csvRows(csv)
  const objects = [...lines(ndjson)].map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(rows.length, 1000)
  for (const [i, row] of rows.entries()) {
    const texts = header!.map((name) => (name === "amount" ? (objects[i]![name] as number).toFixed(2) : String(objects[i]![name])))
    assert.deepEqual(texts, row)
  }
})

test("about one note in twenty is quoted, and some hold line breaks, quotes and letters beyond ASCII", () => {
  const notes = [...orders(20_000)].map(({ note }) => note).filter((note) => /[",\n]/.test(note))
  assert.ok(notes.length > 800 && notes.length < 1200, `${notes.length} of 20000`)
  for (const kind of [/,/, /"/, /\n/, /[^\x00-\x7f]/])
    assert.ok(
      notes.some((note) => kind.test(note)),
      String(kind),
    )
})

test("the filter leaves neither nothing nor all, and the amounts meet its edge from both sides", () => {
  const paid = [...orders(200_000)].filter(({ status }) => status === "paid")
  const wanted = paid.filter(isWanted)
  assert.ok(wanted.length > 0.3 * 200_000 && wanted.length < 0.6 * 200_000)
  assert.ok(paid.some(({ amountCents }) => amountCents === 5000))
  assert.ok(wanted.some(({ amountCents }) => amountCents === 5001))
})

test("a file that was changed is made again", () => {
  const { csv, csvBytes } = dataSet(folder, 500)
  appendFileSync(csv, "x")
  assert.equal(dataSet(folder, 500).csvBytes, csvBytes)
  assert.equal(readFileSync(csv).length, csvBytes)
})

test("the digest tells apart values, their borders and their order", () => {
  const digestOf = (...rows: Array<Array<string>>) => {
    const digest = new Digest()
    for (const row of rows) digest.add(row)
    return digest.value()
  }
  assert.notEqual(digestOf(["ab", "c"]).unordered, digestOf(["a", "bc"]).unordered)
  assert.notEqual(digestOf(["a"], ["b"]).ordered, digestOf(["b"], ["a"]).ordered)
  assert.equal(digestOf(["a"], ["b"]).unordered, digestOf(["b"], ["a"]).unordered)
})
