/** The handler behind Node's own server: what sockets do that requests in process do not. */
import { connect } from "node:net"
import { createServer } from "node:http"
import { expect, it } from "vitest"
import { listen, toNodeListener } from "../src/node.ts"
import { definition, startServer } from "./server.ts"

const raw = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    socket.setEncoding("utf8")
    socket.on("data", (part) => (said += String(part)))
    socket.on("close", () => resolve(said))
    socket.on("error", reject)
  })

it("answers over a socket, bodies in parts too, and ends when it is told to", async () => {
  await using server = await startServer()
  const listening = await listen(server.handler, { port: 0 })
  const { port } = new URL(listening.url)
  const key = await server.keyFor("admin")
  const text = JSON.stringify(definition("parts"))
  const parts = text.match(/.{1,7}/gs)!.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`)
  const head = (method: string, more: string) =>
    `${method} /api/v1/pipelines HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\nconnection: close\r\n${more}\r\n`
  const chunked = await raw(
    Number(port),
    `${head("POST", "content-type: application/json\r\ntransfer-encoding: chunked\r\n")}${parts.join("")}0\r\n\r\n`,
  )
  expect(chunked).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
  const short = await raw(Number(port), `${head("GET", "")}`)
  expect(short).toMatch(/"name":"parts"/)
  for (const odd of [
    "GET //evil.example/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "GET /%zz HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n",
  ])
    expect(await raw(Number(port), odd)).toMatch(/^HTTP\/1\.1 40[04]/)
  const stream = await fetch(`${listening.url}/api/v1/events/stream`, { headers: { authorization: `Bearer ${key}` } })
  expect(stream.status).toBe(200)
  await server.handler.close(100)
  await listening.close(100)
  await expect(fetch(listening.url)).rejects.toThrow("fetch failed")
})

it("says where the port is taken", async () => {
  await using server = await startServer()
  const listening = await listen(server.handler, { port: 0 })
  await expect(listen(server.handler, { port: Number(new URL(listening.url).port) })).rejects.toMatchObject({ code: "EADDRINUSE" })
  await listening.close(100)
})

it("takes what a parser of the host has read, and refuses a signature over it", async () => {
  await using server = await startServer({ auth: "none" })
  const listener = toNodeListener(server.handler)
  // As express.json() before it does.
  const host = createServer((request, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (part: string) => (text += part))
    request.on("end", () => listener(Object.assign(request, { body: text === "" ? undefined : (JSON.parse(text) as unknown) }), response))
  })
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve))
  const origin = `http://127.0.0.1:${(host.address() as { port: number }).port}`
  const post = (address: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${origin}${address}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    })
  const trigger = { type: "webhook", path: "orders", secret: "a secret" }
  expect((await post("/api/v1/pipelines", definition("parsed", { trigger }))).status).toBe(201)
  const signed = await post("/api/trigger/orders", {}, { "webhook-signature": "v1,x", "webhook-id": "a", "webhook-timestamp": "1" })
  expect([signed.status, ((await signed.json()) as { error: { message: string } }).error.message]).toEqual([
    500,
    expect.stringContaining("express.json()"),
  ])
  expect((await post("/api/trigger/orders", { a: 1 }, { "x-webhook-secret": "a secret" })).status).toBe(202)
  host.closeAllConnections()
  await new Promise((resolve) => host.close(resolve))
})
