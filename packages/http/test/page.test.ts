/** Every endpoint, parameter, default and example of the page of the Pipeline API, as it stands there. */
import { readFileSync } from "node:fs"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { definition, ended, startServer, type TestServer } from "./server.ts"

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

describe("the page of the Pipeline API", () => {
  it("creates a pipeline of the example's form", async () => {
    const { status, headers, body } = await server.send(
      "POST",
      "/api/v1/pipelines",
      definition("user-analytics", { schedule: "0 */6 * * *" }),
    )
    expect(status).toBe(201)
    expect(headers.get("location")).toBe("/api/v1/pipelines/user-analytics")
    expect(body.data).toMatchObject({ name: "user-analytics", version: "1.0", status: "active", revision: 1, last_run: null })
  })

  it("creates one from YAML too", async () => {
    const text = "name: from-yaml # mine\nsources: [{ type: csv, path: users.csv }]\ndestinations: [{ type: ndjson, path: yaml.ndjson }]\n"
    for (const type of ["application/yaml", "text/yaml", "application/x-yaml"]) {
      const named = text.replace("from-yaml", `from-${type.replace("/", "-")}`)
      const { status, body } = await server.send("POST", "/api/v1/pipelines", named, { "content-type": type })
      expect([status, body.data.version]).toEqual([201, ""])
    }
  })

  it("triggers a run with the body of the curl line, and answers with the body of the page", async () => {
    const { status, headers, body } = await server.send("POST", "/api/v1/pipelines/user-analytics/runs", { full_refresh: false })
    expect(status).toBe(202)
    expect(Object.keys(body.data)).toEqual(["id", "pipeline", "status", "started_at", "progress"])
    expect(body.data).toMatchObject({ pipeline: "user-analytics", id: expect.stringMatching(/^run_/) })
    expect(body.data.started_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(headers.get("location")).toBe(`/api/v1/pipelines/user-analytics/runs/${body.data.id}`)
    const run = await ended(server, "user-analytics", body.data.id)
    expect(run).toMatchObject({ status: "success", trigger: "api", rows_extracted: 3, rows_loaded: 2, revision: 1, error: null })
    expect(readFileSync(path.join(server.folder, "user-analytics.ndjson"), "utf8")).toBe(
      '{"id":1,"name":"Ada","age":36}\n{"id":3,"name":"Grace","age":85}\n',
    )
  })

  it("lists pipelines with exactly the fields of the page", async () => {
    const { status, body } = await server.send("GET", "/api/v1/pipelines")
    expect(status).toBe(200)
    expect(Object.keys(body.meta)).toEqual(["total", "page", "per_page", "request_id", "timestamp"])
    expect(body.meta).toMatchObject({ total: 4, page: 1, per_page: 20 })
    const item = body.data.find((one: { name: string }) => one.name === "user-analytics")
    expect(Object.keys(item)).toEqual(["name", "version", "status", "schedule", "last_run", "next_run_at"])
    expect(Object.keys(item.last_run)).toEqual(["id", "status", "started_at", "duration_ms", "rows_loaded"])
    expect(item).toMatchObject({
      version: "1.0",
      status: "active",
      schedule: "0 */6 * * *",
      last_run: { status: "success", rows_loaded: 2 },
    })
    expect(item.next_run_at).toMatch(/T(00|06|12|18):00:00Z$/)
  })

  it("pages with page and per_page, and links to the pages beside", async () => {
    const { body, headers } = await server.send("GET", "/api/v1/pipelines?page=2&per_page=1")
    expect(body.data).toHaveLength(1)
    expect(body.meta).toMatchObject({ total: 4, page: 2, per_page: 1 })
    expect(headers.get("link")).toBe('</api/v1/pipelines?page=3&per_page=1>; rel="next", </api/v1/pipelines?page=1&per_page=1>; rel="prev"')
    expect((await server.send("GET", "/api/v1/pipelines?page=9")).body.data).toEqual([])
    for (const query of ["per_page=101", "per_page=0", "page=0", "page=x", "page=1&page=2", "pages=1"]) {
      const wrong = await server.send("GET", `/api/v1/pipelines?${query}`)
      expect([query, wrong.status, wrong.body.error.code]).toEqual([query, 400, "INVALID_REQUEST"])
      expect(wrong.body.error.details.issues[0].path).toBe(query.split("=")[0])
    }
  })

  it("filters by status", async () => {
    await server.send("POST", "/api/v1/pipelines", definition("failing", { sources: [{ type: "csv", path: "missing.csv" }] }))
    const { body } = await server.send("POST", "/api/v1/pipelines/failing/runs")
    await ended(server, "failing", body.data.id)
    await server.send("POST", "/api/v1/pipelines", definition("resting"))
    expect((await server.send("POST", "/api/v1/pipelines/resting/pause")).body.data.status).toBe("paused")
    const names = async (status: string) =>
      (await server.send("GET", `/api/v1/pipelines?status=${status}`)).body.data.map(({ name }: { name: string }) => name)
    expect(await names("error")).toEqual(["failing"])
    expect(await names("paused")).toEqual(["resting"])
    expect(await names("active")).toContain("user-analytics")
    expect((await server.send("GET", "/api/v1/pipelines?status=odd")).status).toBe(400)
  })

  it("gets the details of a pipeline", async () => {
    const { status, headers, body } = await server.send("GET", "/api/v1/pipelines/user-analytics")
    expect([status, headers.get("etag")]).toEqual([200, '"1"'])
    expect(body.data.definition).toEqual(definition("user-analytics", { schedule: "0 */6 * * *" }))
    expect(Object.keys(body.data)).toEqual([
      "name",
      "version",
      "status",
      "schedule",
      "last_run",
      "next_run_at",
      "definition",
      "revision",
      "created_at",
      "updated_at",
    ])
  })

  it("updates a pipeline", async () => {
    const changed = definition("user-analytics", { version: "1.1" })
    const { status, body } = await server.send("PUT", "/api/v1/pipelines/user-analytics", changed)
    expect([status, body.data.version, body.data.revision]).toEqual([200, "1.1", 2])
  })

  it("runs in full again, and dry, and with variables", async () => {
    const trigger = async (body: object) => {
      const answer = await server.send("POST", "/api/v1/pipelines/user-analytics/runs", body)
      return await ended(server, "user-analytics", answer.body.data.id)
    }
    expect(await trigger({ full_refresh: true })).toMatchObject({ full_refresh: true, status: "success", revision: 2 })
    expect(await trigger({ dry_run: true })).toMatchObject({
      dry_run: true,
      status: "success",
      rows_extracted: 0,
      checks: [
        { name: "definition", ok: true, message: null },
        { name: "sources[0]", ok: true, message: null },
        { name: "plan", ok: true, message: null },
      ],
    })
    await server.send(
      "POST",
      "/api/v1/pipelines",
      definition("with-variable", { sources: [{ type: "csv", path: "${INPUT:-missing.csv}" }] }),
    )
    const run = await server.send("POST", "/api/v1/pipelines/with-variable/runs", { variables: { INPUT: "users.csv" } })
    expect(await ended(server, "with-variable", run.body.data.id)).toMatchObject({ status: "success", variables: ["INPUT"] })
  })

  it("lists the history, newest first, and draws it as the page does", async () => {
    const { body } = await server.send("GET", "/api/v1/pipelines/user-analytics/runs?limit=10")
    expect(body.meta).toMatchObject({ total: 3, page: 1, per_page: 10 })
    expect(body.data.map((run: { dry_run: boolean }) => run.dry_run)).toEqual([true, false, false])
    const drawn = await server.send("GET", "/api/v1/runs", undefined, { accept: "text/vnd.mermaid" })
    expect(drawn.headers.get("content-type")).toBe("text/vnd.mermaid; charset=utf-8")
    expect(drawn.text).toMatch(/^gantt\n {4}title Pipeline Run History \(Last 24h\)\n {4}dateFormat HH:mm\n {4}axisFormat %H:%M\n/)
    expect(drawn.text).toContain("    section user-analytics\n    Run 1 (success)    :done, ")
    expect((await server.send("GET", "/api/v1/runs", undefined, { accept: "image/svg+xml" })).text).toMatch(/^<svg /)
    expect((await server.send("GET", "/api/v1/runs")).body.meta.total).toBe(5)
  })

  it("deletes a pipeline with all of its history", async () => {
    const { status, text } = await server.send("DELETE", "/api/v1/pipelines/user-analytics")
    expect([status, text]).toEqual([204, ""])
    for (const address of ["", "/runs"])
      expect((await server.send("GET", `/api/v1/pipelines/user-analytics${address}`)).body.error).toMatchObject({
        code: "PIPELINE_NOT_FOUND",
        details: { pipeline: "user-analytics" },
      })
  })
})
