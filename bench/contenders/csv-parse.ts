/** csv-parse as a stream of arrays, with `JSON.stringify`. */
import { createReadStream } from "node:fs"
import { parse } from "csv-parse"
import { contender, type Task } from "./contender.ts"
import { enrich, TextWriter } from "./order.ts"

async function run({ input, output }: Task): Promise<void> {
  const writer = new TextWriter(output)
  const rows = createReadStream(input).pipe(parse({ from_line: 2 }))
  rows.on("data", (fields: Array<string>) => {
    const enriched = enrich(fields)
    if (enriched !== undefined) writer.write(`${JSON.stringify(enriched)}\n`)
  })
  await new Promise<void>((resolve, reject) => rows.on("end", resolve).on("error", reject))
  writer.close()
}

await contender({ j1: run, "j1-opaque": run })
