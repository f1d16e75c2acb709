import { defineSource, type Source } from "@deltaflow/core"
import * as Schema from "effect/Schema"

/**
 * Arrays can be read again and again; other iterables only once, so give a function that makes them where a pipeline runs more than once.
 */
export type MemoryRows = Iterable<object> | AsyncIterable<object> | (() => Iterable<object> | AsyncIterable<object>)

const MemorySourceConfig = Schema.Struct({
  dataset: Schema.optionalKey(Schema.String).annotate({
    description: "Which of the datasets that the host gave to read. Default: `rows`.",
  }),
})

/** Stored between runs: only ever add optional fields. `rows` have been given so far. */
interface MemoryCursor {
  readonly rows: number
}

/**
 * A source over datasets of the host, by name: `memorySource({ users })` is read by `{ type: "memory", dataset: "users" }`.
 * With `incremental`, the cursor is the number of rows given so far, so a dataset may only grow at its end.
 */
export const memorySource = (datasets: Readonly<Record<string, MemoryRows>>): Source<typeof MemorySourceConfig.Type> =>
  defineSource<typeof MemorySourceConfig.Type, MemoryCursor>({
    type: "memory",
    summary: "Rows that the host gives: arrays, iterables and async iterables",
    config: Schema.toStandardSchemaV1(MemorySourceConfig),
    async *read({ config, cursor, batchSize, signal }) {
      const rows = openRows(datasets, config.dataset ?? "rows")
      let given = 0
      for await (const batch of batches(rows, cursor?.rows ?? 0, batchSize)) {
        if (signal.aborted) return
        given = (given === 0 ? (cursor?.rows ?? 0) : given) + batch.length
        yield { rows: batch, cursor: { rows: given } satisfies MemoryCursor }
      }
    },
  })

const openRows = (datasets: Readonly<Record<string, MemoryRows>>, name: string): Iterable<object> | AsyncIterable<object> => {
  const rows = Object.hasOwn(datasets, name) ? datasets[name] : undefined
  if (rows === undefined) throw new Error(`there is no dataset ${name}. The host gave: ${Object.keys(datasets).join(", ")}.`)
  return typeof rows === "function" ? rows() : rows
}

async function* batches(rows: Iterable<object> | AsyncIterable<object>, skip: number, size: number): AsyncGenerator<ReadonlyArray<object>> {
  if (Array.isArray(rows)) {
    for (let at = skip; at < rows.length; at += size) yield rows.slice(at, at + size) as ReadonlyArray<object>
    return
  }
  let seen = 0
  let batch: Array<object> = []
  for await (const row of rows) {
    if (seen++ < skip) continue
    batch.push(row)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
