import { defineSource, type Source } from "@deltaflow/core"
import * as Schema from "effect/Schema"

const AcmeOrdersConfig = Schema.Struct({
  rows: Schema.Int.annotate({ description: "How many rows there are, 0 or more." }),
})

type Config = typeof AcmeOrdersConfig.Type

/** Stored between runs: only ever add optional fields. `id` is that of the last row given. */
interface AcmeOrdersCursor {
  readonly id: number
}

export const acmeOrdersSource: Source<Config> = defineSource<Config, AcmeOrdersCursor>({
  type: "acme-orders",
  summary: "Rows of acme-orders",
  config: Schema.toStandardSchemaV1(AcmeOrdersConfig),
  columns: { id: "integer", name: "string" },
  async *read({ config, cursor, batchSize, signal }) {
    let last = cursor?.id ?? 0
    while (!signal.aborted) {
      const page = await fetchPage(config, last, batchSize)
      const end = page.at(-1)
      if (end === undefined) return

      // The cursor travels with its rows, so that both are stored in one step.
      last = end.id
      yield { rows: page, cursor: { id: last } satisfies AcmeOrdersCursor }
    }
  },
})

interface Item {
  readonly id: number
  readonly name: string
}

/** What comes after `last`, oldest first, at most `limit`. Here it is made up: ask the other side instead. */
const fetchPage = async (config: Config, last: number, limit: number): Promise<ReadonlyArray<Item>> =>
  Array.from({ length: Math.max(0, Math.min(limit, config.rows - last)) }, (_, i) => ({
    id: last + i + 1,
    name: `row ${last + i + 1}`,
  }))
