import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { type Answer, answerColumns } from "../answers.ts"
import { dataSet } from "../data.ts"
import { check } from "./check.ts"
import { contenderOf } from "./contenders.ts"
import { measure } from "./measure.ts"
import { csvRows } from "./rows.ts"

const folder = mkdtempSync(join(tmpdir(), "bench-"))
after(() => rmSync(folder, { recursive: true }))
const set = dataSet(folder, 2000)

/** What the byte loop writes, which the check takes as right. */
async function output(job: "j1" | "j2" | "j3" | "j4"): Promise<{ readonly path: string; readonly text: string }> {
  const path = join(folder, `${job}.out`)
  await measure(contenderOf("limit").command({ job, input: job === "j4" ? set.ndjson : set.csv, output: path }))
  return { path, text: readFileSync(path, "utf8") }
}

const checked = (path: string, text: string, answer: Answer, exact = true): string => {
  writeFileSync(path, text)
  return check(path, set, answer, exact)
}

test("right output passes, in either format", async () => {
  const j1 = await output("j1")
  const j2 = await output("j2")
  const j3 = await output("j3")
  const j4 = await output("j4")
  assert.equal(checked(j1.path, j1.text, "enriched"), "in order")
  assert.equal(checked(j2.path, j2.text, "grouped"), "in order")
  assert.equal(checked(j3.path, j3.text, "latest"), "in order")
  assert.equal(checked(j4.path, j4.text, "filtered"), "in order")
})

test("a wrong value is named with its row and column", async () => {
  const { path, text } = await output("j1")
  assert.throws(
    () => checked(path, text.replace('"status":"paid"', '"status":"open"'), "enriched"),
    /row 1, status: "open" should be "paid"/,
  )
})

test("a wrong sum and a row that is not the latest are noticed", async () => {
  const j2 = await output("j2")
  assert.throws(() => checked(j2.path, j2.text.replace(/"total":\d/, '"total":9'), "grouped", false), /row 1, total/)
  const j3 = await output("j3")
  assert.throws(() => checked(j3.path, j3.text.replace(/"created_at":"20\d\d/, '"created_at":"1999'), "latest", false), /row 1, created_at/)
})

test("a number written as text is wrong", async () => {
  const { path, text } = await output("j1")
  assert.throws(() => checked(path, text.replace(/"id":(\d+)/, '"id":"$1"'), "enriched"), /row 1, id: "string 2" should be "2"/)
})

test("a missing, a repeated and a torn row are noticed", async () => {
  const { path, text } = await output("j4")
  const rows = [...csvRows(path)].length - 1
  const [header, first, ...others] = text.split("\n")
  assert.throws(
    () => checked(path, [header, ...others].join("\n"), "filtered"),
    new RegExp(`row 1, id: .*${rows - 1} rows in all, ${rows} expected`),
  )
  assert.throws(() => checked(path, [header, first, first, ...others].join("\n"), "filtered"), /row 2, id/)
  assert.throws(() => checked(path, text.slice(0, -30), "filtered"), /is not a whole CSV row/)
})

test("another order passes only for a contender that does not promise to keep it", async () => {
  const { path, text } = await output("j1")
  const turned = text.trimEnd().split("\n").toReversed().join("\n")
  assert.equal(checked(path, turned, "enriched", false), "order lost")
  assert.throws(() => checked(path, turned, "enriched"), /row 1, id/)
})

test("an amount without its last zero passes only for a contender that does not promise to keep digits", async () => {
  const { path, text } = await output("j1")
  const shorter = text.replaceAll(/("amount":\d+\.\d)0,/g, "$1,")
  assert.notEqual(shorter, text)
  assert.equal(checked(path, shorter, "enriched", false), "in order")
  assert.throws(() => checked(path, shorter, "enriched"), /amount/)
})

test("columns in another order or beyond those asked for are wrong", async () => {
  const { path, text } = await output("j1")
  assert.throws(() => checked(path, text.replace(/^\{/, '{"more":1,'), "enriched"), /line 1: the columns are more, id/)
  const first = text.split("\n")[0]!
  const sorted = JSON.stringify(JSON.parse(first), answerColumns.enriched.toSorted())
  assert.throws(() => checked(path, text.replace(first, sorted), "enriched"), /line 1: the columns are/)
})
