import { expect, it } from "vitest"
import { folderWith } from "./inProcess.ts"
import { newKey, serving } from "./serving.ts"

it("goes on after it was killed: its run is closed at the next start", { timeout: 60_000 }, async () => {
  const slow = 'name: slow\nsources: [{ type: csv, path: "-" }]\ndestinations: [{ type: ndjson, path: out.ndjson }]\n'
  const root = folderWith({ "deltaflow.yml": slow })
  const key = await newKey(root)
  const first = await serving(root, "serve")
  const headers = { authorization: `Bearer ${key}` }
  const started = (await (await fetch(`${first.url}/api/v1/pipelines/slow/runs`, { method: "POST", headers })).json()) as any
  expect(started.data.status).toBe("running")
  first.child.kill("SIGKILL")
  await first.ended
  const { child, ended, url } = await serving(root, "serve")
  const status = async () => {
    const { data } = (await (await fetch(`${url}/api/v1/pipelines/slow/runs/${started.data.id}`, { headers })).json()) as any
    return [data.status, data.error?.code]
  }
  // The lease of the one that is gone holds for 12 s.
  await expect.poll(status, { timeout: 30_000, interval: 200 }).toEqual(["failed", "RUN_INTERRUPTED"])
  child.kill("SIGKILL")
  await ended
})
