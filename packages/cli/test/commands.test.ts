import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it, vi } from "vitest"
import { deltaflow, folderWith, project, quickstart, users } from "./inProcess.ts"

// Each test starts the engine several times.
vi.setConfig({ testTimeout: 60_000 })

const corePath = path.resolve(import.meta.dirname, "../../core/src/index.ts")

const incremental = quickstart
  .replace("    path: data/users.csv", "    path: users.db\n    table: users\n    incremental: { column: id }")
  .replace("type: csv", "type: sqlite")
  .replace("type: json", "type: ndjson")
  .replace("    pretty: true\n", "    write_mode: append\n")

/** A project that reads a table by a cursor. */
const incrementalProject = (definition = incremental): string => {
  const root = folderWith({ "deltaflow.yml": definition })
  const database = new DatabaseSync(path.join(root, "users.db"))
  database.exec("CREATE TABLE users (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, age INTEGER)")
  database.exec("INSERT INTO users VALUES (1, 'Ada', 'Lovelace', 36), (2, 'Bo', 'Larsen', 17), (3, 'Chidi', 'Okafor', 18)")
  database.close()
  return root
}

describe("init", () => {
  it.each([
    ["csv-to-json", "adults.json", "output/adults.json"],
    ["csv-to-sqlite", "adults", "users.db"],
  ])("makes a project from %s that runs as it is", async (template, label, output) => {
    const root = folderWith({})
    const made = await deltaflow(root, ["init", "mine", "--template", template])
    expect(made.stderr).toMatch(/Next: cd mine && deltaflow run\n$/)
    const mine = path.join(root, "mine")
    const ran = await deltaflow(mine, ["run"])
    expect(ran.stderr).toContain(`✓ Destination: ${label} (3 rows written)`)
    expect(ran.code).toBe(0)
    expect(existsSync(path.join(mine, output))).toBe(true)
    expect((await deltaflow(mine, ["validate"])).code).toBe(0)
    expect(await deltaflow(mine, ["test"])).toMatchObject({ code: 0, stderr: expect.stringMatching(/\n2 passed \(/) as string })
    const text = readFileSync(path.join(mine, "deltaflow.yml"), "utf8")
    expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=./.deltaflow/schema.json")
    for (const schema of ["schema.json", "tests.schema.json"])
      expect(JSON.parse(readFileSync(path.join(mine, ".deltaflow", schema), "utf8"))).toMatchObject({ type: "object" })
  })

  it("overwrites nothing, names the file, and writes no half of a project", async () => {
    const root = folderWith({ "data/users.csv": "mine" })
    const { code, stderr } = await deltaflow(root, ["init"])
    expect(stderr).toContain(`${path.join(root, "data/users.csv")} is there already`)
    expect(code).toBe(2)
    expect(readFileSync(path.join(root, "data/users.csv"), "utf8")).toBe("mine")
    expect(existsSync(path.join(root, "deltaflow.yml"))).toBe(false)
  })
})

describe("validate", () => {
  it("prints the guarantee of each destination", async () => {
    const { code, stderr } = await deltaflow(folderWith(project), ["validate"])
    expect(stderr).toBe("✓ hello-world: destinations[0] (exactly once in effect: a repeat leaves the same)\n")
    expect(code).toBe(0)
  })

  it("shows everything that is wrong at once, each with its place and the lines around", async () => {
    const text = quickstart.replace("    pretty", "    prety").replace("path: data/users.csv", "path: ${NOT_SET}")
    const { code, stderr } = await deltaflow(folderWith({ "deltaflow.yml": text }), ["validate"])
    expect(stderr).toContain("error[UNKNOWN_KEY]: deltaflow.yml:17:5: unknown key `prety`")
    expect(stderr).toContain("> 17 |     prety: true")
    expect(stderr).toContain("error[MISSING_VARIABLE]: deltaflow.yml:6:")
    expect(stderr).toContain("NOT_SET")
    expect(stderr).toContain("2 errors")
    expect(code).toBe(2)
  })

  it("checks expressions against the columns, and shows where", async () => {
    const root = folderWith({ ...project, "deltaflow.yml": quickstart.replace("age >=", "agee >=") })
    const { code, stderr } = await deltaflow(root, ["validate"])
    expect(stderr).toContain("error[UNKNOWN_COLUMN]: deltaflow.yml:9:")
    expect(stderr).toContain('>  9 |     condition: "agee >= 18"')
    expect(stderr).toContain("Did you mean age?")
    expect(code).toBe(2)
  })

  it("shows where a module that is not there is named", async () => {
    const step = "  - type: custom\n    module: transforms/gone.ts\n"
    const root = folderWith({ ...project, "deltaflow.yml": quickstart.replace("  - type: rename", `${step}  - type: rename`) })
    const { code, stderr } = await deltaflow(root, ["validate"])
    expect(code).toBe(2)
    expect(stderr).toMatch(/error\[MODULE_FAILED\]: deltaflow\.yml:10:\d+: transforms\[1\] \(custom gone\.ts\)/)
    expect(stderr).toContain("10 |   - type: custom")
  })

  it("says where columns could not be checked because an input is not there yet", async () => {
    const { code, stderr } = await deltaflow(folderWith({ "deltaflow.yml": quickstart }), ["validate"])
    expect(stderr).toContain("! hello-world: columns are not checked:")
    expect(code).toBe(0)
  })

  it("gives the issues as JSON", async () => {
    const root = folderWith({ ...project, "deltaflow.yml": quickstart.replace("pretty", "prety") })
    const { code, stdout } = await deltaflow(root, ["validate", "--json"])
    expect(JSON.parse(stdout)).toMatchObject({ valid: false, issues: [{ code: "UNKNOWN_KEY", file: "deltaflow.yml", line: 17 }] })
    expect(code).toBe(2)
  })
})

describe("explain and preview", () => {
  it("shows the plan as text and as JSON", async () => {
    const root = folderWith(project)
    const { stdout } = await deltaflow(root, ["explain", "deltaflow.yml"])
    expect(stdout).toContain("Source sample_data (csv)")
    expect(stdout).toContain("where age >= 18")
    expect(stdout).toContain("2. rename: first_name → firstName, last_name → lastName")
    const { stdout: json } = await deltaflow(root, ["explain", "deltaflow.yml", "--json"])
    expect(JSON.parse(json)).toMatchObject({
      pipeline: "hello-world",
      sources: [{ name: "sample_data" }],
      steps: [{ type: "filter" }, { type: "rename" }],
    })
  })

  it("shows rows after a step as a table with types, and writes nothing", async () => {
    const root = folderWith(project)
    const { stdout, stderr } = await deltaflow(root, ["preview", "deltaflow.yml", "--step", "1", "--limit", "2"])
    expect(stdout.split("\n").slice(0, 5)).toEqual([
      "     id  first_name  last_name  email                  age",
      "integer  string      string     string             integer",
      "───────  ──────────  ─────────  ─────────────────  ───────",
      "      1  Ada         Lovelace   ada@example.com         36",
      "      3  Chidi       Okafor     chidi@example.com       18",
    ])
    expect(stderr).toBe("2 rows, nothing was written\n")
    expect(existsSync(path.join(root, "output"))).toBe(false)
    expect(existsSync(path.join(root, ".deltaflow"))).toBe(false)
  })

  it("gives the rows as lines of JSON", async () => {
    const { stdout } = await deltaflow(folderWith(project), ["preview", "deltaflow.yml", "--json"])
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { firstName: string }).firstName),
    ).toEqual(["Ada", "Chidi", "Élise"])
  })
})

describe("run", () => {
  it("prints the lines of the quickstart with the true counts", async () => {
    const root = folderWith(project)
    const { code, stdout, stderr } = await deltaflow(root, ["run"])
    expect(stderr.replace(/\d+\.\ds/, "0.3s")).toBe(`✓ Loaded pipeline: hello-world v1.0
✓ Source: sample_data (5 rows)
✓ Transform: filter (3 rows passed)
✓ Transform: rename (2 columns renamed)
✓ Destination: filtered_users.json (3 rows written)

Pipeline completed in 0.3s
`)
    expect(stdout).toBe("")
    expect(code).toBe(0)
    const rows = JSON.parse(readFileSync(path.join(root, "output/filtered_users.json"), "utf8")) as ReadonlyArray<unknown>
    expect(rows[0]).toEqual({ id: 1, firstName: "Ada", lastName: "Lovelace", email: "ada@example.com", age: 36 })
  })

  it("prints events and the result as lines of JSON", async () => {
    const { stdout, stderr } = await deltaflow(folderWith(project), ["run", "--json"])
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const events = lines.map(({ event }) => event)
    expect([events[0], ...events.slice(-2)]).toEqual(["pipeline.started", "pipeline.completed", undefined])
    for (const stage of ["extract", "transform", "load"]) {
      const told = lines.filter(({ event }) => event === `pipeline.stage.${stage}`).map(({ data }) => (data as { status: string }).status)
      expect([told[0], told.at(-1)]).toEqual(["started", "completed"])
    }
    expect(lines.at(-1)).toMatchObject({
      run: { status: "success", rows_extracted: 5, rows_filtered: 2, rows_loaded: 3, destinations: [{ rows: 3 }] },
    })
    expect(stderr).toBe("")
  })

  it("says where the time went with --profile, as a table beside the data and as JSON", async () => {
    const root = folderWith(project)
    const { code, stdout, stderr } = await deltaflow(root, ["run", "--profile"])
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" })
    const rows = stderr.split("\n").filter((line) => line.endsWith(" %"))
    expect(rows.map((row) => row.slice(0, 37).trim().split(/ {2,}/).slice(0, 2))).toEqual([
      ["start", "opening and planning"],
      ["extract", "sample_data"],
      ["transform", "filter"],
      ["transform", "rename"],
      ["load", "filtered_users.json"],
    ])
    const { run } = JSON.parse((await deltaflow(root, ["run", "--profile", "--json"])).stdout.trim().split("\n").at(-1)!) as {
      run: { profile: ReadonlyArray<{ name: string; rows: number | null; duration_ms: number; share: number }> }
    }
    expect(run.profile.map(({ name, rows }) => [name, rows])).toEqual([
      ["opening and planning", null],
      ["sample_data", 5],
      ["filter", 3],
      ["rename", 3],
      ["filtered_users.json", 3],
    ])
    expect(run.profile.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 2)
    expect(run.profile.every(({ duration_ms: time }) => time >= 0)).toBe(true)
  })

  it("fails with the name of an input that is not there", async () => {
    const { code, stderr } = await deltaflow(folderWith({ "deltaflow.yml": quickstart }), ["run"])
    expect(stderr).toMatch(/error\[FILE_NOT_FOUND\]: .*data\/users\.csv/)
    expect(stderr).not.toContain("    at ")
    expect(code).toBe(1)
  })

  it("fails with the name of an output that cannot be written, and leaves nothing", async () => {
    const root = folderWith({ ...project, output: "a file where the folder should be" })
    const { code, stderr } = await deltaflow(root, ["run"])
    expect(stderr).toMatch(/error\[OUTPUT_NOT_WRITABLE\]: .*output/)
    expect(code).toBe(1)
    expect(readFileSync(path.join(root, "output"), "utf8")).toBe("a file where the folder should be")
  })

  it("only looks with --dry-run", async () => {
    const root = folderWith(project)
    const { code, stderr } = await deltaflow(root, ["run", "--dry-run"])
    expect(stderr).toContain("Dry run of hello-world: everything opens and fits. Nothing was read or written.")
    expect(code).toBe(0)
    expect(existsSync(path.join(root, "output"))).toBe(false)
  })

  it("takes variables from --var, then the environment, then .env", async () => {
    const text = quickstart.replace("data/users.csv", "data/${FILE}.csv")
    const root = folderWith({ "deltaflow.yml": text, "data/users.csv": users, ".env": "FILE=none\n" })
    expect((await deltaflow(root, ["run", "--var", "FILE=users"], { FILE: "other" })).code).toBe(0)
    expect((await deltaflow(root, ["run"], { FILE: "users" })).code).toBe(0)
    expect((await deltaflow(root, ["run"])).stderr).toContain("there is no file data/none.csv")
  })

  it("shows no value of the environment, wherever it is used", async () => {
    const secret = "c4nary-of-the-folder"
    const text = quickstart.replace("data/users.csv", "${FOLDER}/users.csv").replace("output/filtered", "${FOLDER}/filtered")
    const root = folderWith({ "deltaflow.yml": text, ".env": `FOLDER=${secret}\n`, [`${secret}/users.csv`]: users })
    const look = async () => {
      for (const args of [
        "run",
        "run --json",
        "explain deltaflow.yml",
        "explain deltaflow.yml --json",
        "doctor",
        "validate",
        "runs --json",
      ])
        expect(JSON.stringify(await deltaflow(root, args.split(" "))), args).not.toContain(secret)
    }
    await look()
    expect(existsSync(path.join(root, secret, "filtered_users.json"))).toBe(true)
    rmSync(path.join(root, secret, "users.csv"))
    await look()
  })

  it("runs the pipelines of a project after those that they depend on", async () => {
    const second = quickstart
      .replace("hello-world", "a-second")
      .replace("data/users.csv", "output/filtered.csv")
      .replaceAll("first_name: firstName", "id: number")
    const root = folderWith({
      "data/users.csv": users,
      "pipelines/a.yml": `${second.replace("      last_name: lastName\n", "").replace("filtered_users", "second")}depends_on: hello-world\n`,
      "pipelines/b.yml": quickstart
        .replace("rename\n    columns:\n      first_name: firstName\n      last_name: lastName", "select\n    columns: [id, age]")
        .replace("filtered_users.json\n    pretty: true", "filtered.csv")
        .replace("type: json", "type: csv"),
    })
    const { code, stderr } = await deltaflow(root, ["run"])
    expect(stderr.match(/Loaded pipeline: \S+/g)).toEqual(["Loaded pipeline: hello-world", "Loaded pipeline: a-second"])
    expect(code).toBe(0)
  })

  it("goes on with the other pipelines where one fails, but not with those that wait for it", async () => {
    const named = (name: string, input: string, more = ""): string =>
      `${quickstart.replace("hello-world", name).replace("data/users.csv", input).replace("filtered_users", name)}${more}`
    const root = folderWith({
      "data/users.csv": users,
      "pipelines/a.yml": named("a-fails", "data/none.csv"),
      "pipelines/b.yml": named("b-waits", "data/users.csv", "depends_on: a-fails\n"),
      "pipelines/c.yml": named("c-waits-too", "data/users.csv", "depends_on: b-waits\n"),
      "pipelines/d.yml": named("d-is-free", "data/users.csv"),
      "pipelines/e.yml": named(
        "e-clears-up",
        "data/users.csv",
        "trigger: { type: pipeline, depends_on: [{ name: a-fails, status: failed }] }\n",
      ),
    })
    const { code, stderr } = await deltaflow(root, ["run"])
    expect(code).toBe(1)
    expect(stderr).toContain("! b-waits is left out: a-fails did not end as it waits for.")
    expect(stderr).toContain("! c-waits-too is left out: b-waits")
    expect(existsSync(path.join(root, "output/d-is-free.json"))).toBe(true)
    expect(existsSync(path.join(root, "output/e-clears-up.json"))).toBe(true)
    expect(existsSync(path.join(root, "output/b-waits.json"))).toBe(false)
    const { stdout } = await deltaflow(root, ["run", "--json"])
    const skipped = stdout.split("\n").filter((line) => line.startsWith('{"skipped"'))
    expect(skipped.map((line) => JSON.parse(line) as unknown)).toEqual([
      { skipped: { pipeline: "b-waits", depends_on: "a-fails" } },
      { skipped: { pipeline: "c-waits-too", depends_on: "b-waits" } },
    ])
  })

  it("is a plain run with --retry where there is nothing to go on with, and a retry where the last run failed", async () => {
    const root = folderWith({ "deltaflow.yml": quickstart })
    const last = async () => (JSON.parse((await deltaflow(root, ["runs", "--json"])).stdout) as ReadonlyArray<Record<string, unknown>>)[0]!
    expect((await deltaflow(root, ["run", "--retry"])).code).toBe(1)
    const failed = await last()
    expect(failed).toMatchObject({ trigger: "manual", retry_of: null })
    mkdirSync(path.join(root, "data"))
    writeFileSync(path.join(root, "data/users.csv"), users)
    expect((await deltaflow(root, ["run", "--retry"])).code).toBe(0)
    expect(await last()).toMatchObject({ status: "success", trigger: "retry", retry_of: failed["id"] })
    expect((await deltaflow(root, ["run", "--retry"])).code).toBe(0)
    expect(await last()).toMatchObject({ status: "success", trigger: "manual", retry_of: null })
  })

  it("says that it tries again, and when", async () => {
    const root = folderWith({
      "flaky.mjs": `import { defineSource } from "${corePath}"
let opened = 0
export default defineSource({
  type: "flaky",
  async *read() {
    if (opened++ === 0) throw Object.assign(new Error("the line was busy"), { retryable: true })
    yield [{ id: 1 }]
  },
})
`,
      "deltaflow.yml": `name: again
plugins: { connectors: [{ path: flaky.mjs }] }
sources: [{ type: flaky }]
destinations: [{ type: ndjson, path: out.ndjson }]
error_handling: { strategy: retry, retry_delay: 20ms, backoff: constant }
`,
    })
    const { code, stderr } = await deltaflow(root, ["run"])
    expect(stderr).toMatch(/! .*the line was busy.* Attempt 2 begins in 0\.02 s\./)
    expect(stderr).toContain("(1 row written)")
    expect(code).toBe(0)
  })

  it("moves rows between files without a project", async () => {
    const root = folderWith({ "users.csv": users })
    const { code, stderr } = await deltaflow(root, ["run", "--from", "users.csv", "--to", "out/adults.ndjson", "--where", "age >= 18"])
    expect(stderr).toContain("(3 rows written)")
    expect(code).toBe(0)
    expect(readFileSync(path.join(root, "out/adults.ndjson"), "utf8").split("\n")[0]).toContain('"first_name":"Ada"')
    expect((await deltaflow(root, ["run", "--from", "users.csv", "--to", "sqlite:out.db"])).code).toBe(0)
    expect(existsSync(path.join(root, ".deltaflow"))).toBe(false)
  })
})

describe("history and state", () => {
  it("lists runs as a table, as JSON, as CSV and as charts, and shows one with its events", async () => {
    const root = folderWith(project)
    await deltaflow(root, ["run"])
    const { stdout: json } = await deltaflow(root, ["runs", "--json", "--last", "1h"])
    const [run] = JSON.parse(json) as ReadonlyArray<{ id: string; rows_loaded: number }>
    expect(run).toMatchObject({ pipeline: "hello-world", status: "success", rows_loaded: 3 })
    expect((await deltaflow(root, ["runs"])).stdout).toContain(run!.id)
    expect((await deltaflow(root, ["runs", "--format", "csv"])).stdout.split("\n")[1]).toContain(run!.id)
    expect((await deltaflow(root, ["runs", "--gantt"])).stdout).toContain("Run 1 (success)")
    expect((await deltaflow(root, ["runs", "--gantt", "--format", "mermaid"])).stdout).toMatch(/^gantt\n {4}title /)
    expect((await deltaflow(root, ["runs", "--gantt", "--format", "svg"])).stdout).toMatch(/^<svg /)
    expect((await deltaflow(root, ["runs", "show", run!.id])).stdout).toContain("5 read, 2 filtered, 3 written, 0 rejected")
    const types = (await deltaflow(root, ["logs", run!.id])).stdout
      .trim()
      .split("\n")
      .map((line) => line.split("  ")[1])
    expect([types[0], types.at(-1)]).toEqual(["pipeline.started", "pipeline.completed"])
    expect(types).toContain("pipeline.stage.load")
    expect((await deltaflow(root, ["logs", run!.id])).stdout).toMatch(
      /pipeline\.stage\.transform {2}status=completed {2}rows_processed=5 {2}steps=filter:3,rename:3\n/,
    )
  })

  it("says how many runs are not shown, whatever the form", async () => {
    const root = folderWith(project)
    for (let i = 0; i < 3; i++) await deltaflow(root, ["run"])
    for (const form of ["table", "json", "csv", "mermaid", "svg"]) {
      const { stdout, stderr } = await deltaflow(root, ["runs", "--limit", "2", "--format", form])
      expect(stderr).toBe("1 more: raise --limit to see them\n")
      expect(stdout).not.toContain("1 more")
    }
  })

  it.each([["runs", "show"], ["logs"]])("says that there is no such run: %s", async (...verb) => {
    const { code, stderr } = await deltaflow(folderWith(project), [...verb, "run_nope"])
    const asJson = await deltaflow(folderWith(project), [...verb, "run_nope", "--json"])
    expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: "UNKNOWN_RUN" } })
    expect(asJson).toMatchObject({ code: 1, stderr: "" })
    expect(stderr).toContain("there is no run run_nope")
    expect(code).toBe(1)
  })

  it("goes on from the cursor, and shows, sets and forgets it", async () => {
    const root = incrementalProject()
    const rowsRead = async () => /Source: sample_data \((\d+) row/.exec((await deltaflow(root, ["run"])).stderr)?.[1]
    // The condition is pushed down, so the table gives two of its three rows.
    expect(await rowsRead()).toBe("2")
    expect(await rowsRead()).toBe("0")
    const shown = await deltaflow(root, ["state", "show", "hello-world", "--json"])
    const [checkpoint] = (JSON.parse(shown.stdout) as { checkpoints: ReadonlyArray<{ cursors: Record<string, string> }> }).checkpoints
    const cursor = checkpoint!.cursors["sample_data"]!
    expect((await deltaflow(root, ["state", "show", "hello-world"])).stdout).toContain(cursor)
    const earlier = cursor.replace('"3"', '"1"').replace(/"seen":\[[^\]]*\]/, '"seen":[]')
    expect(earlier).not.toBe(cursor)
    expect((await deltaflow(root, ["state", "set", "hello-world", "--source", "sample_data", "--cursor", earlier])).code).toBe(0)
    expect(await rowsRead()).toBe("2")
    expect((await deltaflow(root, ["state", "reset", "hello-world"])).code).toBe(0)
    expect((await deltaflow(root, ["state", "show", "hello-world"])).stdout).toContain("none: reads all")
    expect(await rowsRead()).toBe("2")
  })

  it("loads a range again, and leaves the cursor where it is", async () => {
    const destination = "  - { type: sqlite, path: copies.db, table: copies, write_mode: upsert, key: id }\n"
    const root = incrementalProject(incremental.replace(/(?<=destinations:\n)[^]*?(?=\n\S|$)/, destination))
    await deltaflow(root, ["run"])
    const state = async () => (await deltaflow(root, ["state", "show", "hello-world", "--json"])).stdout
    const before = await state()
    const again = await deltaflow(root, ["backfill", "hello-world", "--from", "1", "--to", "3", "--json"])
    const result = again.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(again.code).toBe(0)
    expect(result.at(-1)).toMatchObject({ run: { pipeline: "hello-world/backfill", status: "success", rows_loaded: 1 } })
    expect(await state()).toBe(before)
    expect((await deltaflow(root, ["backfill", "hello-world", "--from", "1"])).code).toBe(2)
    expect(await deltaflow(root, ["backfill", "hello-world", "--from", "1", "--to", "1"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Give a later end.") as string,
    })
    expect(await deltaflow(root, ["backfill", "hello-word", "--from", "1", "--to", "2"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Did you mean hello-world?") as string,
    })
  })

  it("refuses a cursor that is no JSON, a source that keeps none, and a pipeline that is not there", async () => {
    const root = incrementalProject()
    const set = (pipeline: string, source: string, cursor: string) =>
      deltaflow(root, ["state", "set", pipeline, "--source", source, "--cursor", cursor])
    expect(await set("hello-world", "sample_data", "{")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("the cursor is no JSON") as string,
    })
    expect(await set("hello-world", "other", "1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Choose sample_data") as string,
    })
    expect(await set("hello-word", "sample_data", "1")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Did you mean hello-world?") as string,
    })
  })
})

it("prints the schema that editors read", async () => {
  const { stdout } = await deltaflow(folderWith({}), ["schema"])
  expect(JSON.parse(stdout)).toMatchObject({ $schema: "http://json-schema.org/draft-07/schema#" })
})

it("shows a stack only where it is asked for", async () => {
  const root = folderWith({ "deltaflow.yml": quickstart })
  expect((await deltaflow(root, ["run", "--verbose"])).stderr).toMatch(/\n {4}at /)
  writeFileSync(path.join(root, "x"), "")
})
