/** Stands for a web shop: orders by id, a page at a time, for who has the token. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

export const openShop = async (options: { readonly token: string; readonly orders: number }) => {
  const orders = Array.from({ length: options.orders }, (_, i) => ({ id: i + 1, item: `item ${i + 1}` }))
  let failure: number | undefined
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? "", "http://shop").searchParams
    const status = failure ?? (request.headers.authorization === `Bearer ${options.token}` ? 200 : 401)
    failure = undefined
    const page = orders.filter(({ id }) => id > Number(query.get("after"))).slice(0, Number(query.get("limit")))
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(status === 200 ? page : { status }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    orders,
    /** The next request gets this status. */
    failNext: (status: number) => {
      failure = status
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
