/** J4 as a loop over lines with `JSON.parse`, streamed. */
import { createReadStream } from "node:fs"
import { inputColumns } from "../columns.ts"
import { contender, type Task } from "./contender.ts"
import { TextWriter } from "./order.ts"

async function run({ input, output }: Task): Promise<void> {
  const writer = new TextWriter(output)
  writer.write(`${inputColumns.join(",")}\n`)
  let rest = ""
  for await (const chunk of createReadStream(input, { encoding: "utf8", highWaterMark: 1 << 18 })) {
    const text = rest + (chunk as string)
    let start = 0
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      writeRow(JSON.parse(text.slice(start, end)) as Row, writer)
      start = end + 1
    }
    rest = text.slice(start)
  }
  if (rest !== "") writeRow(JSON.parse(rest) as Row, writer)
  writer.close()
}

type Row = Readonly<Record<(typeof inputColumns)[number], string | number>>

function writeRow(row: Row, writer: TextWriter): void {
  if (row.status !== "paid" || !(Number(row.amount) > 50)) return
  const { id, customer_id, first_name, last_name, email, status, amount, currency, country, created_at, note } = row
  writer.write(
    `${id},${customer_id},${quoted(first_name)},${quoted(last_name)},${quoted(email)},${quoted(status)},${amount},` +
      `${quoted(currency)},${quoted(country)},${quoted(created_at)},${quoted(note)}\n`,
  )
}

const quoted = (value: string | number): string => {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

await contender({ j4: run })
