/** `deltaflow api start`, `serve` and `auth`, as processes: a server that is asked over a socket, with keys that the command made. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { deltaflow, folderWith, project } from "./inProcess.ts"
import { newKey, serving } from "./serving.ts"

it("serves the project's pipelines, which no request can change, and takes others", { timeout: 60_000 }, async () => {
  const root = folderWith(project)
  const key = await newKey(root)
  const { child, ended, url } = await serving(root, "api", "start")
  const ask = async (method: string, address: string, body?: string) => {
    const headers = { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "content-type": "application/json" }) }
    const response = await fetch(`${url}${address}`, { method, headers, ...(body === undefined ? {} : { body }) })
    return { status: response.status, body: response.status === 204 ? undefined : ((await response.json()) as any) }
  }
  const listed = await ask("GET", "/api/v1/pipelines")
  expect(listed.body.data).toMatchObject([{ name: "hello-world", status: "active" }])
  const text = await fetch(`${url}/api/v1/pipelines/hello-world`, {
    headers: { authorization: `Bearer ${key}`, accept: "application/yaml" },
  })
  expect(await text.text()).toBe(readFileSync(path.join(root, "deltaflow.yml"), "utf8"))
  expect((await ask("DELETE", "/api/v1/pipelines/hello-world")).body.error).toMatchObject({
    code: "FORBIDDEN",
    details: { origin: "deltaflow.yml" },
  })
  const run = await ask("POST", "/api/v1/pipelines/hello-world/runs", '{"full_refresh": false}')
  expect([run.status, run.body.data.status]).toEqual([202, "running"])
  const done = async () => (await ask("GET", `/api/v1/pipelines/hello-world/runs/${run.body.data.id}`)).body.data.status
  await expect.poll(done, { timeout: 20_000 }).toBe("success")
  expect(existsSync(path.join(root, "output"))).toBe(true)
  child.kill("SIGTERM")
  expect(await ended).toBe(0)
  // What a server did, the command knows.
  const { stdout } = await deltaflow(root, ["runs", "--json"])
  expect(JSON.parse(stdout)).toMatchObject([{ id: run.body.data.id, trigger: "api", status: "success" }])
})

it("shows no key where nobody looks, and says how to make one", { timeout: 30_000 }, async () => {
  const root = folderWith(project)
  const { child, ended, said } = await serving(root, "api", "start")
  child.kill("SIGTERM")
  await ended
  expect(said.stderr).toContain("deltaflow auth create-key --name NAME --scope admin")
  expect(said.stdout + said.stderr).not.toContain("df_key_")
})

it("makes, lists, replaces and revokes keys", async () => {
  const root = folderWith(project)
  const made = await deltaflow(root, [
    "auth",
    "create-key",
    "--name",
    "ci",
    "--scope",
    "pipelines:run",
    "--scope",
    "pipelines:read",
    "--expires",
    "90d",
  ])
  expect(made.stdout).toMatch(/^df_key_[\w-]{43}\n$/)
  const { stdout } = await deltaflow(root, ["auth", "list-keys", "--json"])
  expect(stdout).not.toContain(made.stdout.trim())
  expect(JSON.parse(stdout)).toMatchObject([{ name: "ci", scopes: ["pipelines:run", "pipelines:read"], revoked_at: null }])
  const table = await deltaflow(root, ["auth", "list-keys"])
  expect(table.stdout).toContain("valid until")
  expect((await deltaflow(root, ["auth", "rotate-key", "ci", "--grace", "0"])).stdout).toMatch(/^df_key_/)
  expect((await deltaflow(root, ["auth", "revoke-key", "ci", "--json"])).code).toBe(0)
  const states = (
    JSON.parse((await deltaflow(root, ["auth", "list-keys", "--json"])).stdout) as ReadonlyArray<{ revoked_at: string | null }>
  ).map(({ revoked_at }) => revoked_at !== null)
  expect(states).toEqual([true, true])
  for (const [args, said] of [
    [["create-key", "--scope", "admin"], "--name"],
    [["create-key", "--name", "a"], "--scope"],
    [["create-key", "--name", "a", "--scope", "root"], 'no scope "root"'],
    [["create-key", "--name", "a", "--scope", "admin", "--expires", "soon"], "--expires"],
    [["revoke-key", "none"], "no key none"],
    [["make-key"], "auth takes"],
  ] as const) {
    const wrong = await deltaflow(root, ["auth", ...args])
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining(said)])
  }
})

it("shows the next times of a schedule, and runs what is due", { timeout: 60_000 }, async () => {
  const scheduled = `${project["deltaflow.yml"]}schedule: "*/1 * * * * *"\ntimezone: Europe/Berlin\n`
  const root = folderWith({ ...project, "deltaflow.yml": scheduled })
  const { stdout } = await deltaflow(root, ["schedule", "next", "hello-world", "--from", "2026-03-29T00:59:59Z", "--count", "2", "--json"])
  expect(JSON.parse(stdout)).toEqual({
    pipeline: "hello-world",
    schedule: "*/1 * * * * *",
    timezone: "Europe/Berlin",
    next: ["2026-03-29T01:00:00.000Z", "2026-03-29T01:00:01.000Z"],
  })
  const table = await deltaflow(root, ["schedule", "next", "hello-world", "--from", "2026-03-29T00:59:59Z", "--count", "1"])
  expect(table.stdout).toContain("2026-03-29 01:00:00  2026-03-29 03:00:00 GMT+2")
  for (const [args, said] of [
    [["next", "none"], "no pipeline named none"],
    [["next", "hello-world", "--from", "soon"], "--from"],
    [["next", "hello-world", "--count", "0"], "--count"],
    [["last", "hello-world"], "schedule takes next or backfill"],
  ] as const)
    expect((await deltaflow(root, ["schedule", ...args])).stderr).toContain(said)
  const { child, ended, said } = await serving(root, "serve")
  const runs = async () =>
    (JSON.parse((await deltaflow(root, ["runs", "--json"])).stdout) as ReadonlyArray<{ trigger: string; status: string }>).filter(
      ({ status }) => status === "success",
    )
  await expect.poll(async () => (await runs()).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(2)
  expect(new Set((await runs()).map(({ trigger }) => trigger))).toEqual(new Set(["schedule"]))
  child.kill("SIGTERM")
  expect([await ended, said.stderr]).toEqual([0, expect.stringContaining("The scheduler looks after 1 pipeline of this project")])
})

describe("a server that is stopped", () => {
  const waits = (ms: number) => ({
    "deltaflow.yml": [
      "name: slow",
      "sources: [{ type: csv, path: in.csv }]",
      "transforms: [{ type: custom, module: ./wait.mjs }]",
      "destinations: [{ type: ndjson, path: out.ndjson }]",
    ].join("\n"),
    "in.csv": "id\n1\n",
    "wait.mjs": `export default async (row) => (await new Promise((resolve) => setTimeout(resolve, ${ms})), row)\n`,
  })

  const stopped = async (root: string, args: ReadonlyArray<string>) => {
    const key = await newKey(root)
    const { child, ended, url, said } = await serving(root, "serve", ...args)
    const response = await fetch(`${url}/api/v1/pipelines/slow/runs`, { method: "POST", headers: { authorization: `Bearer ${key}` } })
    expect(((await response.json()) as { data: { status: string } }).data.status).toBe("running")
    child.kill("SIGTERM")
    const code = await ended
    const [run] = JSON.parse((await deltaflow(root, ["runs", "--json"])).stdout) as ReadonlyArray<{ status: string }>
    return { code, status: run!.status, said: said.stderr }
  }

  it("waits for the runs that go on", { timeout: 60_000 }, async () => {
    const { code, status, said } = await stopped(folderWith(waits(800)), [])
    expect([code, status]).toEqual([0, "success"])
    expect(said).toContain("Waiting for runs that go on, 30s at most.")
  })

  it("cancels those that take longer than --shutdown-timeout", { timeout: 60_000 }, async () => {
    expect(await stopped(folderWith(waits(60_000)), ["--shutdown-timeout", "300ms"])).toMatchObject({ code: 0, status: "cancelled" })
  })

  it("refuses a time that is none, before it serves", async () => {
    const root = folderWith(waits(1))
    for (const command of [["serve"], ["api", "start"], ["scheduler", "start"]]) {
      const wrong = await deltaflow(root, [...command, "--shutdown-timeout", "soon"])
      expect([wrong.code, wrong.stderr]).toEqual([
        2,
        expect.stringContaining('--shutdown-timeout takes a duration such as 30s or 5m, not "soon"'),
      ])
      const none = await deltaflow(root, [...command, "--concurrency", "0"])
      expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("--concurrency takes a number from 1")])
    }
  })
})
