/** Papa Parse in blocks of arrays, with `JSON.stringify`. */
import { createReadStream } from "node:fs"
import Papa from "papaparse"
import { contender, type Task } from "./contender.ts"
import { enrich, TextWriter } from "./order.ts"

async function run({ input, output }: Task): Promise<void> {
  const writer = new TextWriter(output)
  await new Promise<void>((resolve, reject) => {
    Papa.parse(createReadStream(input, { encoding: "utf8" }), {
      skipFirstNLines: 1,
      skipEmptyLines: true,
      chunk: ({ data }: { data: Array<Array<string>> }) => writeRows(data, writer),
      complete: () => resolve(),
      error: reject,
    })
  })
  writer.close()
}

function writeRows(rows: ReadonlyArray<Array<string>>, writer: TextWriter): void {
  for (const fields of rows) {
    const enriched = enrich(fields)
    if (enriched !== undefined) writer.write(`${JSON.stringify(enriched)}\n`)
  }
}

await contender({ j1: run, "j1-opaque": run })
