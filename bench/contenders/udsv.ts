/** udsv by hand: streamed, each row as an array of fields, what comes out as objects with `JSON.stringify`. */
import { createReadStream } from "node:fs"
import { inferSchema, initParser, type Parser } from "udsv"
import { contender, type Task } from "./contender.ts"
import { enrich, type Rows, filteredGroups, latestRows, TextWriter } from "./order.ts"

async function read(input: string, take: (fields: Array<string>) => void): Promise<void> {
  let parser: Parser | undefined
  for await (const chunk of createReadStream(input, { encoding: "utf8" })) {
    parser ??= initParser(inferSchema(chunk as string, { encl: '"' }))
    // Arrays of text are this library's fastest form.
    parser.chunk<Array<string>>(chunk as string, parser.stringArrs, take)
  }
  parser?.end()
}

async function enrichRows({ input, output }: Task): Promise<void> {
  const writer = new TextWriter(output)
  await read(input, (fields) => {
    const enriched = enrich(fields)
    if (enriched !== undefined) writer.write(`${JSON.stringify(enriched)}\n`)
  })
  writer.close()
}

const collect =
  (make: () => Rows) =>
  async ({ input, output }: Task): Promise<void> => {
    const rows = make()
    await read(input, rows.take)
    const writer = new TextWriter(output)
    for (const row of rows.rest()) writer.write(`${JSON.stringify(row)}\n`)
    writer.close()
  }

await contender({ j1: enrichRows, "j1-opaque": enrichRows, j2: collect(filteredGroups), j3: collect(latestRows) })
