/** Starts `main.ts` of the folder that it is called in, and asks it what an API below a prefix must do there. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { createHmac } from "node:crypto"

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-mount-"))
writeFileSync(path.join(folder, "users.csv"), "id,age\n1,20\n")
const port = await freePort()
const child = spawn(process.execPath, [...process.execArgv, path.resolve("main.ts")], {
  cwd: folder,
  env: { ...process.env, PORT: String(port) },
  stdio: ["ignore", "inherit", "inherit"],
})
const origin = `http://127.0.0.1:${port}`
const api = `${origin}/etl/api/v1`

const untilReached = async () => {
  for (;;) {
    try {
      return await fetch(origin)
    } catch {
      assert.equal(child.exitCode, null, "main.ts has ended")
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const yaml = (name, more = "") =>
  `name: ${name} # kept\nsources: [{ type: csv, path: users.csv }]\ndestinations: [{ type: ndjson, path: ${name}.ndjson }]\n${more}`

const post = (address, body, type, more = {}) =>
  fetch(address, { method: "POST", headers: { "content-type": type, ...more }, ...(body === undefined ? {} : { body }) })

const tries = {
  "the host's own routes": async () => assert.equal(await (await fetch(origin)).text(), "the shop\n"),

  "JSON and YAML": async () => {
    const definition = {
      name: "json",
      sources: [{ type: "csv", path: "users.csv" }],
      destinations: [{ type: "ndjson", path: "json.ndjson" }],
    }
    const made = await post(`${api}/pipelines`, JSON.stringify(definition), "application/json")
    assert.deepEqual([made.status, made.headers.get("location")], [201, "/etl/api/v1/pipelines/json"])
    assert.equal((await post(`${api}/pipelines`, yaml("yaml"), "application/yaml")).status, 201)
    const shown = await fetch(`${api}/pipelines/yaml`, { headers: { accept: "application/yaml" } })
    assert.equal(await shown.text(), yaml("yaml"))
    const broken = await post(`${api}/pipelines`, "{", "application/json")
    assert.deepEqual([broken.status, (await broken.json()).error.code], [400, "INVALID_REQUEST"])
  },

  "what is not there": async () => {
    for (const address of [`${api}/nowhere`, `${api}/pipelines/none`]) {
      const answer = await fetch(address)
      assert.equal(answer.status, 404)
      assert.match((await answer.json()).meta.request_id, /^req_/)
    }
    assert.equal((await fetch(`${api}/pipelines`, { method: "PATCH" })).status, 405)
  },

  "a run, and its events as they come": async () => {
    const leaving = new AbortController()
    const stream = await fetch(`${api}/events/stream?pipeline=yaml`, { signal: leaving.signal })
    assert.equal(stream.headers.get("content-type"), "text/event-stream; charset=utf-8")
    const started = await post(`${api}/pipelines/yaml/runs`, undefined, "application/json")
    assert.equal(started.status, 202)
    let text = ""
    for await (const part of stream.body.pipeThrough(new TextDecoderStream())) {
      text += part
      if (text.includes("event: pipeline.completed")) break
    }
    assert.match(text, /id: evt_\w+\nevent: pipeline\.started\ndata: \{/)
    leaving.abort()
  },

  "a client that hangs up": async () => {
    const open = async () => Number(/^deltaflow_event_streams (\d+)$/m.exec(await (await fetch(`${origin}/etl/metrics`)).text())?.[1])
    const until = async (wanted) => {
      for (let i = 0; i < 100; i++) {
        if ((await open()) === wanted) return
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      assert.equal(await open(), wanted)
    }
    await until(0)
    const socket = connect(port, "127.0.0.1")
    socket.write(`GET /etl/api/v1/events/stream HTTP/1.1\r\nhost: a\r\n\r\n`)
    await until(1)
    socket.destroy()
    await until(0)
  },

  "a webhook, signed over the bytes": async () => {
    const secret = "a secret of the shop"
    const trigger = `trigger: { type: webhook, path: orders, secret: "${secret}" }\n`
    assert.equal((await post(`${api}/pipelines`, yaml("hooked", trigger), "text/yaml")).status, 201)
    const body = '{ "order" :  1.0 }'
    const seconds = Math.floor(Date.now() / 1000)
    const signature = createHmac("sha256", secret).update(`msg_1.${seconds}.${body}`).digest("base64")
    const headers = { "webhook-id": "msg_1", "webhook-timestamp": String(seconds), "webhook-signature": `v1,${signature}` }
    const address = `${origin}/etl/api/trigger/orders`
    const answer = await post(address, body, "application/json", headers)
    assert.equal(answer.status, 202, await answer.text())
    assert.equal((await post(address, body.replace("1.0", "1"), "application/json", headers)).status, 401)
  },
}

try {
  await untilReached()
  for (const [name, one] of Object.entries(tries)) {
    await one()
    console.log(`✓ ${name}`)
  }
} finally {
  child.kill("SIGKILL")
  rmSync(folder, { recursive: true, force: true })
}
