/**
 * Measures the kernels over text like a file of orders, and the JavaScript that stands in for them.
 *
 *   node packages/core/kernel/measure.mjs [--megabytes 200] [--chunk 1048576] [--rounds 5]
 *
 * Prints GB/s by wall clock (median and best of the rounds) and by processor time of the whole process, garbage collection included.
 */
import { parseArgs } from "node:util"
import { javascriptKernel, splitLines } from "../src/text/kernel.ts"
import { kernelBinary } from "../src/text/kernelBinary.ts"
import { makeWasmKernel } from "../src/text/kernelWasm.ts"

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "200" },
    chunk: { type: "string", default: "1048576" },
    rounds: { type: "string", default: "5" },
  },
})
const megabytes = Number(values.megabytes)
const chunk = Number(values.chunk)
const rounds = Number(values.rounds)

const columns = [
  "order_id",
  "customer_id",
  "first_name",
  "last_name",
  "status",
  "amount",
  "currency",
  "quantity",
  "country",
  "ordered_at",
  "note",
]
const first = ["Ada", "Björn", "Chloé", "Dmitri", "Elena", "Farid", "Grace", "Hana"]
const last = ["Lovelace", "Svensson", "Dubois", "Ivanov", "Garcia", "Haddad", "Hopper", "Sato"]
const states = ["paid", "open", "shipped", "cancelled"]
const notes = ["", "gift wrap", "call before delivery", "leave at the door", "second attempt", "fragile"]

const order = (i) => {
  const random = (i * 2654435761) % 4294967296
  const note = i % 20 === 0 ? `said "ring twice", then left` : notes[random % notes.length]
  const day = String(1 + (random % 28)).padStart(2, "0")
  const time = `${String(random % 24).padStart(2, "0")}:${String(random % 60).padStart(2, "0")}:${String(i % 60).padStart(2, "0")}`
  return [
    i + 1,
    random % 200_000,
    first[random % first.length],
    last[(random >> 4) % last.length] ?? last[0],
    states[(random >>> 8) % states.length],
    (random % 50_000) / 100,
    "EUR",
    1 + (random % 9),
    ["DE", "FR", "SE", "US"][random % 4],
    `2024-${String(1 + (random % 12)).padStart(2, "0")}-${day}T${time}Z`,
    note,
  ]
}

const csvField = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value))
const csvRow = (row, end) => row.map(csvField).join(",") + end
const jsonRow = (row) => `${JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, row[i]])))}\n`
const spacedRow = (row) => `{${columns.map((name, i) => `"${name}": ${JSON.stringify(row[i])}`).join(", ")}}\n`

/** The rows of a megabyte or more, until there is enough text. */
const make = (line) => {
  const lines = []
  for (let i = 0; i < 20_000; i++) lines.push(line(order(i)))
  const one = Buffer.from(lines.join(""))
  const bytes = new Uint8Array(one.length * Math.ceil((megabytes * 1e6) / one.length))
  for (let at = 0; at < bytes.length; at += one.length) bytes.set(one, at)
  return bytes
}

/** Calls `scan` for one chunk after the other, each from where the last one stopped. Returns what `scan` counted. */
const run = (bytes, scan) => {
  let total = 0
  let previous
  for (let at = 0; at < bytes.length;) {
    const to = Math.min(at + chunk, bytes.length)
    const found = scan(bytes, at, to, to === bytes.length, previous)
    if (found.problem !== undefined) throw new Error(`measure: ${JSON.stringify(found.problem)}`)
    if (found.consumed === at) throw new Error("measure: a row is larger than a chunk. Use a larger --chunk.")
    at = found.consumed
    total += found.rows
    previous = found
  }
  return total
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

const measure = (label, bytes, scan) => {
  const wall = []
  const cpu = []
  let total = 0
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    const start = performance.now()
    total = run(bytes, scan)
    wall.push(performance.now() - start)
    const used = process.cpuUsage(before)
    cpu.push((used.user + used.system) / 1000)
  }
  const speed = (ms) => (bytes.length / 1e6 / ms).toFixed(2).padStart(9)
  console.log(`${label.padEnd(52)}${speed(median(wall))}${speed(Math.min(...wall))}${speed(Math.min(...cpu))}  ${total} rows`)
}

const keys = columns.map((name) => Buffer.from(name))
const csv = (kernel, reuse) => (bytes, from, to, final, previous) =>
  kernel.scanCsv(bytes, from, to, {
    delimiter: 44,
    quote: 34,
    columns: columns.length,
    final,
    ...(reuse && previous !== undefined ? { reuse: previous.offsets } : {}),
  })
const ndjson = (kernel, reuse) => (bytes, from, to, final, previous) =>
  kernel.scanNdjson(bytes, from, to, keys, { final, ...(reuse && previous !== undefined ? { reuse: previous } : {}) })
const split = (kernel) => (bytes, from, to) => {
  const { insideQuotes } = kernel.splitCsv(bytes, from, to, 34, false)
  return { rows: insideQuotes ? 1 : 0, consumed: to }
}

const started = performance.now()
const wasm = makeWasmKernel()
wasm.splitCsv(new Uint8Array(64), 0, 64, 34, false)
console.log(
  `${(performance.now() - started).toFixed(2)} ms to the first call, ${Buffer.from(kernelBinary, "base64").length} bytes of WebAssembly\n`,
)

const lf = make((row) => csvRow(row, "\n"))
const crlf = make((row) => csvRow(row, "\r\n"))
const json = make(jsonRow)
const spaced = make(spacedRow)
console.log(`${(lf.length / 1e6).toFixed(0)} MB, ${columns.length} columns, chunks of ${chunk} bytes, ${rounds} rounds`)
console.log(`${"GB/s".padEnd(52)}${["median", "best", "best CPU"].map((title) => title.padStart(9)).join("")}`)
for (const kernel of [wasm, javascriptKernel]) {
  measure(`${kernel.name}: scanCsv`, lf, csv(kernel, false))
  measure(`${kernel.name}: scanCsv, arrays reused`, lf, csv(kernel, true))
  measure(`${kernel.name}: scanCsv of CRLF, arrays reused`, crlf, csv(kernel, true))
  measure(`${kernel.name}: splitCsv`, lf, split(kernel))
  measure(`${kernel.name}: scanNdjson`, json, ndjson(kernel, false))
  measure(`${kernel.name}: scanNdjson, arrays reused`, json, ndjson(kernel, true))
  measure(`${kernel.name}: scanNdjson with spaces, arrays reused`, spaced, ndjson(kernel, true))
}
measure("splitLines", json, (bytes, from, to) => ({ rows: 1, consumed: splitLines(bytes, from, to) }))
