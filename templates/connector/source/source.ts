import { defineSource, type Source } from "@deltaflow/core"
import * as Schema from "effect/Schema"

const AcmeOrdersConfig = Schema.Struct({
  orders: Schema.Int.annotate({ description: "How many orders the shop has, 0 or more." }),
})

type Config = typeof AcmeOrdersConfig.Type

/** Stored between runs: only ever add optional fields. `number` is that of the last order given. */
interface AcmeOrdersCursor {
  readonly number: number
}

/** Orders of the Acme shop, page by page. */
export const acmeOrdersSource: Source<Config> = defineSource<Config, AcmeOrdersCursor>({
  type: "acme-orders",
  summary: "Orders of an Acme shop",
  config: Schema.toStandardSchemaV1(AcmeOrdersConfig),
  async *read({ config, cursor, batchSize, signal }) {
    let last = cursor?.number ?? 0
    while (!signal.aborted) {
      const orders = await fetchOrders(config, last, batchSize)
      const end = orders.at(-1)
      if (end === undefined) return

      // The cursor travels with its rows, so that both are stored in one step.
      last = end.number
      yield { rows: orders, cursor: { number: last } satisfies AcmeOrdersCursor }
    }
  },
})

interface Order {
  readonly number: number
  readonly customer: string
}

/** The orders after number `last`, oldest first, at most `limit`. Here they are made up: ask the other side instead. */
const fetchOrders = async (config: Config, last: number, limit: number): Promise<ReadonlyArray<Order>> =>
  Array.from({ length: Math.max(0, Math.min(limit, config.orders - last)) }, (_, i) => orderOf(last + i + 1))

const orderOf = (number: number): Order => ({ number, customer: `customer ${number % 7}` })
