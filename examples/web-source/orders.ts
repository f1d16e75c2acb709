import { defineSource, secret } from "@deltaflow/core"
import * as z from "zod"

const Orders = z.array(z.object({ id: z.number(), item: z.string() }))

export const shopOrders = defineSource({
  type: "shop_orders",
  config: z.object({ url: z.string(), token: secret() }),
  async *read({ config, cursor, batchSize, signal }) {
    let after = cursor?.after ?? 0
    while (true) {
      const address = `${config.url}/orders?after=${after}&limit=${batchSize}`
      const response = await fetch(address, { headers: { authorization: `Bearer ${config.token}` }, signal })
      if (!response.ok) throw Object.assign(new Error(`the shop answered ${response.status}`), { retryable: response.status >= 500 })
      const rows = Orders.parse(await response.json())
      if (rows.length === 0) return
      after = rows.at(-1)!.id
      yield { rows, cursor: { after } }
    }
  },
})
