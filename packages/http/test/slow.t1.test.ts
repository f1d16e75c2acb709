/** Clients that take their time: five hundred of them do not keep a good one waiting, and a thousand listeners hear each event soon. */
import { connect, type Socket } from "node:net"
import { newEventId } from "@deltaflow/core/adapter"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { listen } from "../src/node.ts"
import { definition, startServer } from "./server.ts"

it("answers a good client while 500 slow ones dawdle, and lets those go", async () => {
  await using server = await startServer()
  const listening = await listen(server.handler, { port: 0 })
  const { port } = new URL(listening.url)
  await server.send("POST", "/api/v1/pipelines", definition("orders"))
  const key = await server.keyFor("admin")
  let gone = 0
  const sockets: Array<Socket> = []
  for (let i = 0; i < 500; i++) {
    const socket = connect(Number(port), "127.0.0.1")
    socket.on("error", () => undefined)
    socket.on("close", () => gone++)
    socket.resume()
    // Half of them never end their head, half never end their body.
    socket.write(
      i % 2 === 0
        ? "GET /api/v1/pipelines HTTP/1.1\r\nhost: a\r\n"
        : `POST /api/v1/pipelines HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
    )
    sockets.push(socket)
  }
  const times: Array<number> = []
  const end = Date.now() + 15_000
  while (Date.now() < end) {
    const began = performance.now()
    const response = await fetch(`${listening.url}/api/v1/pipelines`, { headers: { authorization: `Bearer ${key}` } })
    await response.text()
    times.push(performance.now() - began)
    expect(response.status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  times.sort((a, b) => a - b)
  console.log(`p50 ${times[times.length >> 1]!.toFixed(1)} ms, p99 ${times[Math.floor(times.length * 0.99)]!.toFixed(1)} ms`)
  // Heads have 10 s.
  expect(gone).toBeGreaterThanOrEqual(250)
  for (const socket of sockets) socket.destroy()
  await listening.close(1000)
})

it("brings each event to 1,000 streams", async () => {
  await using server = await startServer()
  const listening = await listen(server.handler, { port: 0 })
  const { port } = new URL(listening.url)
  const key = await server.keyFor("pipelines:read")
  const heard: Array<Array<string>> = []
  const sockets = Array.from({ length: 1000 }, (_, i) => {
    const socket = connect(Number(port), "127.0.0.1")
    let rest = ""
    heard.push([])
    socket.setEncoding("utf8").on("data", (part: string) => {
      rest += part
      for (const [, id] of rest.matchAll(/^id: (evt_\w+)$/gm)) heard[i]!.push(id!)
      rest = rest.slice(rest.lastIndexOf("\n") + 1)
    })
    socket.on("error", () => undefined)
    socket.write(`GET /api/v1/events/stream HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\n\r\n`)
    return socket
  })
  const open = async () => (await server.send("GET", "/metrics")).text.includes("\ndeltaflow_event_streams 1000\n")
  await expect.poll(open, { timeout: 60_000 }).toBe(true)
  const slowest: Array<number> = []
  const ids: Array<string> = []
  for (let n = 0; n < 10; n++) {
    const id = newEventId(Date.now())
    ids.push(id)
    const began = performance.now()
    const event = { id, type: "pipeline.started", timestamp: Date.now(), pipeline: "orders", runId: `run_${n}`, data: {} }
    await Effect.runPromise(server.store.appendEvents([event]))
    await expect.poll(() => heard.every((list) => list.length === n + 1), { timeout: 20_000, interval: 5 }).toBe(true)
    slowest.push(performance.now() - began)
  }
  console.log(`the last of 1,000 heard an event after ${slowest.map((ms) => ms.toFixed(0)).join(", ")} ms`)
  expect(heard.every((list) => list.join() === ids.join())).toBe(true)
  for (const socket of sockets) socket.destroy()
  await listening.close(1000)
})
