import { describe, expect, it } from "vitest"
import { memoryFiles } from "../../test/pipeline/memoryFiles.ts"
import { csv, json, plugins } from "../../test/pipeline/plugins.ts"
import { defineTransform } from "../contract/define.ts"
import { formatIssue } from "../contract/Errors.ts"
import { nodeFiles } from "../node/nodeFiles.ts"
import { loadProject, runnablePipelines } from "./onDemand.ts"
import type { ProjectOptions } from "./Project.ts"

const moves = "sources:\n  - { type: csv, path: a.csv }\ndestinations:\n  - { type: json, path: b.json }\n"

const pipeline = (name: string, more = "") => `name: ${name}\n${more}${moves}`

const load = async (texts: Readonly<Record<string, string | Uint8Array>>, options: Partial<ProjectOptions> = {}) =>
  await loadProject({
    root: "/project",
    files: memoryFiles(
      Object.fromEntries(Object.entries(texts).map(([name, text]) => [name.startsWith("/") ? name : `/project/${name}`, text])),
    ),
    plugins,
    ...options,
  })

const messages = ({ issues }: Awaited<ReturnType<typeof load>>) => issues.map(formatIssue)

describe("a project", () => {
  it("is one file that is a pipeline", async () => {
    const project = await load({ "deltaflow.yml": pipeline("users") })
    expect(project.issues).toEqual([])
    expect(project.file).toBe("deltaflow.yml")
    expect(runnablePipelines(project).map(({ name }) => name)).toEqual(["users"])
    expect(project.settings).toMatchObject({ stateDir: ".deltaflow", apiPort: 8080, defaults: {} })
  })

  it("is a file with what pipelines share, and the pipelines, in order of their names", async () => {
    const project = await load({
      "deltaflow.yml": "name: shop\ndefaults: { workers: 2, batch_size: 10 }\nlogging: { level: warn }\nstate_dir: state\n",
      "pipelines/orders.yml": pipeline("orders", "defaults: { workers: 3 }\n"),
      "pipelines/items.yaml": pipeline("items"),
      "pipelines/more.json": JSON.stringify({
        name: "more",
        sources: [{ type: "csv", path: "a" }],
        destinations: [{ type: "json", path: "b" }],
      }),
      "pipelines/notes.txt": "not a pipeline",
      "pipelines/deeper/x.yml": "not: looked at",
    })
    expect(project.issues).toEqual([])
    expect(project.pipelines.map(({ file, name }) => [file, name])).toEqual([
      ["pipelines/items.yaml", "items"],
      ["pipelines/more.json", "more"],
      ["pipelines/orders.yml", "orders"],
    ])
    const [items, , orders] = runnablePipelines(project)
    expect(items).toMatchObject({ defaults: { workers: 2, batchSize: 10 }, logging: { level: "warn" } })
    expect(orders).toMatchObject({ defaults: { workers: 3, batchSize: 10 } })
    expect(project.settings.stateDir).toBe("state")
  })

  it("may have a project file that is a pipeline and shares its sections", async () => {
    const project = await load({ "deltaflow.yaml": pipeline("users", "defaults: { workers: 2 }\n"), "pipelines/b.yml": pipeline("b") })
    expect(runnablePipelines(project).map(({ name, defaults }) => [name, defaults.workers])).toEqual([
      ["users", 2],
      ["b", 2],
    ])
  })

  it("needs no project file", async () => {
    const project = await load({ "pipelines/b.yml": pipeline("b") })
    expect(project.issues).toEqual([])
    expect(project.file).toBeUndefined()
  })

  it("that is not there says what to do", async () => {
    const project = await load({ "readme.md": "" })
    expect(messages(project)).toEqual([
      "/project: there is no deltaflow.yml and no pipelines/*.yml here. Run `deltaflow init`, or name a file.",
    ])
  })

  it("takes files that are named, inside and outside, once", async () => {
    const project = await load(
      { "deltaflow.yml": "defaults: { workers: 2 }", "pipelines/b.yml": pipeline("b"), "/elsewhere/c.yml": pipeline("c") },
      { pipelineFiles: ["/elsewhere/c.yml", "/project/pipelines/b.yml", "/project/none.yml"] },
    )
    expect(project.pipelines.map(({ file, name }) => [file, name])).toEqual([
      ["pipelines/b.yml", "b"],
      ["/elsewhere/c.yml", "c"],
      ["none.yml", undefined],
    ])
    expect(messages(project)).toEqual(["none.yml: there is no such file. Check the path."])
  })

  it("lets the other pipelines run where one is wrong", async () => {
    const project = await load({
      "pipelines/a.yml": "name: a\n\tx: 1",
      "pipelines/b.yml": pipeline("b"),
      "pipelines/c.yml": pipeline("c", "mode: bach\n"),
    })
    expect(runnablePipelines(project).map(({ name }) => name)).toEqual(["b"])
    expect(project.issues.map(({ file, line, code }) => [file, line, code])).toEqual([
      ["pipelines/a.yml", 2, "YAML_SYNTAX"],
      ["pipelines/c.yml", 2, "INVALID_VALUE"],
    ])
  })

  it("tells what is wrong in its own file once, with the place", async () => {
    const project = await load({
      "deltaflow.yml": "defaults: { wrokers: 2, timeout: soon }\ncolour: red\n",
      "pipelines/b.yml": pipeline("b"),
    })
    expect(project.issues.map(({ file, line, column, path }) => [file, line, column, path])).toEqual([
      ["deltaflow.yml", 1, 13, "defaults.wrokers"],
      ["deltaflow.yml", 1, 34, "defaults.timeout"],
      ["deltaflow.yml", 2, 1, "colour"],
    ])
    const both = await load({ "deltaflow.yml": pipeline("users", "defaults: { wrokers: 2 }\n"), "pipelines/b.yml": pipeline("b") })
    expect(both.issues.map(({ path }) => path)).toEqual(["defaults.wrokers"])
  })

  it("says that a project file is no mapping, no YAML, not UTF-8", async () => {
    expect(messages(await load({ "deltaflow.yml": "- a\n" }))[0]).toContain("deltaflow.yml:1:1: expected a project: a mapping")
    expect(messages(await load({ "deltaflow.yml": "a: [1" }))[0]).toContain("deltaflow.yml:1:6: this list is not closed with ].")
    expect(messages(await load({ "deltaflow.yml": new Uint8Array([0xff, 0xfe]) }))[0]).toContain(
      "deltaflow.yml: the file is not text in UTF-8",
    )
  })

  it("may be empty beside its pipelines", async () => {
    expect((await load({ "deltaflow.yml": "# shared things go here\n", "pipelines/b.yml": pipeline("b") })).issues).toEqual([])
  })
})

describe("names and dependencies", () => {
  it("names that stand twice are told at the second", async () => {
    const project = await load({ "pipelines/a.yml": pipeline("users"), "pipelines/b.yml": pipeline("users") })
    expect(messages(project)).toEqual([
      "pipelines/b.yml:1:7: name: the name `users` is taken by pipelines/a.yml. Give each pipeline of the project its own.\n" +
        "> 1 | name: users\n    |       ^^^^^\n  2 | sources:",
    ])
    expect(runnablePipelines(project)).toHaveLength(1)
  })

  it("dependencies on nobody are told with the nearest name, in every form", async () => {
    const project = await load({
      "pipelines/a.yml": pipeline("load-orders"),
      "pipelines/b.yml": pipeline("b", "depends_on: load-order\n"),
      "pipelines/c.yml": pipeline("c", "depends_on: [load-orders, laod-orders]\n"),
      "pipelines/d.yml": pipeline("d", "trigger: { type: pipeline, depends_on: [{ name: nobody }] }\n"),
    })
    expect(project.issues.map(({ code, path, column, message }) => [code, path, column, message])).toEqual([
      ["UNKNOWN_PIPELINE", "depends_on", 13, "no pipeline of the name `load-order` is known. Did you mean `load-orders`?"],
      ["UNKNOWN_PIPELINE", "depends_on[1]", 27, "no pipeline of the name `laod-orders` is known. Did you mean `load-orders`?"],
      ["UNKNOWN_PIPELINE", "trigger.depends_on[0].name", 49, "no pipeline of the name `nobody` is known."],
    ])
  })

  it("circles are printed, at each pipeline in them, and keep only those from running", async () => {
    const project = await load({
      "pipelines/a.yml": pipeline("a", "depends_on: [x, b]\n"),
      "pipelines/b.yml": pipeline("b", "trigger: { type: pipeline, depends_on: [{ name: c }] }\n"),
      "pipelines/c.yml": pipeline("c", "depends_on: a\n"),
      "pipelines/d.yml": pipeline("d", "depends_on: a\n"),
      "pipelines/x.yml": pipeline("x"),
    })
    expect(project.issues.map(({ code, file, path, message }) => [code, file, path, message])).toEqual([
      ["CIRCULAR_DEPENDENCY", "pipelines/a.yml", "depends_on[1]", expect.stringContaining("a → b → c → a")],
      ["CIRCULAR_DEPENDENCY", "pipelines/b.yml", "trigger.depends_on[0].name", expect.stringContaining("b → c → a → b")],
      ["CIRCULAR_DEPENDENCY", "pipelines/c.yml", "depends_on", expect.stringContaining("c → a → b → c")],
    ])
    expect(runnablePipelines(project).map(({ name }) => name)).toEqual(["d", "x"])
  })

  it("a pipeline with other mistakes still has its name", async () => {
    const project = await load({ "pipelines/a.yml": pipeline("a", "mode: bach\n"), "pipelines/b.yml": pipeline("b", "depends_on: a\n") })
    expect(project.issues.map(({ code }) => code)).toEqual(["INVALID_VALUE"])
  })
})

describe("settings", () => {
  const files = {
    "deltaflow.yml": "defaults: { workers: 3, batch_size: 3 }\nlogging: { level: warn }\nstate_dir: project-state\n",
    "pipelines/b.yml": pipeline("b"),
    "/home/me/config.yml":
      "defaults: { workers: 4, batch_size: 4, timeout: 4 }\nlogging: { level: error, format: json }\nurl: https://example.com\napi_key: df_key_0123456789\n",
  }

  it("flags beat the environment, that beats the project file, that beats the user's own file", async () => {
    const options = {
      flags: { defaults: { workers: 1 } },
      env: { DELTAFLOW_WORKERS: "2", DELTAFLOW_BATCH_SIZE: "2", DELTAFLOW_API_PORT: "9999", DELTAFLOW_METRICS_PORT: "9191" },
      userFile: "/home/me/config.yml",
    }
    const project = await load(files, options)
    expect(project.issues).toEqual([])
    expect(project.settings).toMatchObject({
      defaults: { workers: 1, batch_size: 2, timeout: 4000 },
      logging: { level: "warn", format: "json" },
      monitoring: { metrics: { port: 9191 } },
      stateDir: "project-state",
      apiPort: 9999,
      url: "https://example.com",
      apiKey: "df_key_0123456789",
    })
    expect(runnablePipelines(project)[0]!.defaults).toMatchObject({ workers: 1, batchSize: 2, timeout: 4000 })
    expect(runnablePipelines(await load(files))[0]!.defaults).toMatchObject({ workers: 3, batchSize: 3, timeout: 300_000 })
  })

  it("the environment and flags beat the pipeline's own defaults too", async () => {
    const own = { "pipelines/b.yml": pipeline("b", "defaults: { workers: 9, batch_size: 9 }\n") }
    const project = await load(own, { env: { DELTAFLOW_WORKERS: "2" } })
    expect(runnablePipelines(project)[0]!.defaults).toMatchObject({ workers: 2, batchSize: 9 })
  })

  it("every DELTAFLOW_ variable is read, from .env files too", async () => {
    const project = await load({
      ...files,
      ".env":
        "DELTAFLOW_LOG_LEVEL=debug\nDELTAFLOW_TIMEOUT=1m\nDELTAFLOW_STATE_DIR=s\nDELTAFLOW_URL=u\nDELTAFLOW_API_KEY=df_key_abcdefgh\n",
    })
    expect(project.settings).toMatchObject({
      logging: { level: "debug" },
      defaults: { timeout: 60_000 },
      stateDir: "s",
      url: "u",
      apiKey: "df_key_abcdefgh",
    })
    expect(project.secrets.mask("df_key_abcdefgh")).toBe("***")
  })

  it("a wrong one is told by its name", async () => {
    const project = await load(files, {
      env: { DELTAFLOW_WORKERS: "many", DELTAFLOW_LOG_LEVEL: "loud", DELTAFLOW_API_PORT: "0", DELTAFLOW_TIMEOUT: "" },
    })
    expect(messages(project)).toEqual([
      'DELTAFLOW_LOG_LEVEL: expected one of debug, info, warn, error, silent, got the text "loud".',
      'DELTAFLOW_WORKERS: expected a whole number, 1 or more, got the text "many".',
      'DELTAFLOW_API_PORT: expected a port from 1 to 65535, got the text "0".',
    ])
  })

  it("the user's own file need not be there, and its mistakes are told", async () => {
    expect((await load(files, { userFile: "/home/me/none.yml" })).issues).toEqual([])
    const project = await load({ ...files, "/home/me/config.yml": "workers: 4\n" }, { userFile: "/home/me/config.yml" })
    expect(messages(project)[0]).toContain("/home/me/config.yml:1:1: workers: unknown key `workers`.")
  })
})

describe("variables of a project", () => {
  const text = { "pipelines/b.yml": pipeline("b", "description: ${A} ${B} ${C} ${D}\n") }
  const env = { ".env": "A=file\nB=file\nC=file\nD=file\n", ".env.test": "A=test\nB=test\nC=test\n", ".env.production": "A=production\n" }

  it("come from --var, the environment, .env.<environment> and .env, in this order", async () => {
    const project = await load({ ...text, ...env }, { environment: "test", env: { A: "env", B: "env" }, variables: { A: "var" } })
    expect(project.issues).toEqual([])
    expect(runnablePipelines(project)[0]!.description).toBe("var env test file")
    expect(project.environment).toBe("test")
  })

  it("of another environment do not count", async () => {
    const project = await load({ ...text, ...env })
    expect(runnablePipelines(project)[0]!.description).toBe("file file file file")
  })

  it("work in the sections that are shared", async () => {
    const project = await load({ "deltaflow.yml": "defaults: { workers: '${W}' }\n", ...text, ...env }, { env: { W: "7" } })
    expect(runnablePipelines(project)[0]!.defaults.workers).toBe(7)
  })

  it("that are missing name the file and the line", async () => {
    const project = await load({ "deltaflow.yml": "logging: { output: '${LOG}' }\n", ...text })
    expect(project.issues.map(({ code, file, line, column }) => [code, file, line, column])).toEqual([
      ["MISSING_VARIABLE", "deltaflow.yml", 1, 21],
      ["MISSING_VARIABLE", "pipelines/b.yml", 2, 14],
      ["MISSING_VARIABLE", "pipelines/b.yml", 2, 19],
      ["MISSING_VARIABLE", "pipelines/b.yml", 2, 24],
      ["MISSING_VARIABLE", "pipelines/b.yml", 2, 29],
    ])
  })

  it("are wrong where an .env file cannot be read", async () => {
    const project = await load({ ...text, ...env, ".env": "A=1\nB=2\nC=3\nD=4\nwrong line\n" })
    expect(messages(project)[0]).toContain(".env:5:1: expected NAME=value.")
  })

  it("are secrets: 25 of them, in every kind of mistake, stand in no issue in any form", async () => {
    const canaries = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`C${i}`, `canary/${i}+${"x".repeat(12)}=`]))
    const project = await load(
      {
        "deltaflow.yml":
          "defaults: { workers: '${C0}', timeout: '${C1}' }\nlogging: { level: '${C2}' }\nmonitoring: { metrics: { port: '${C3}' } }\n",
        "pipelines/a.yml": `name: \${C4}\nmode: \${C5}\nschedule: \${C6}\ntimezone: \${C7}\ndepends_on: [\${C8}]\ntrigger: { type: '\${C9}' }
sources:
  - { type: '\${C10}' }
  - { type: csv, path: x, delimiter: '\${C11}', skip: '\${C12}', columns: { a: '\${C13}' }, batch_size: '\${C14}' }
transforms:
  - { type: '\${C15}' }
  - { type: sort, by: x, order: '\${C16}' }
  - { type: anonymize, columns: '\${C17}' }
destinations:
  - { type: json, path: x, write_mode: '\${C18}', pretty: '\${C19}', delivery: '\${C20}' }
error_handling: { strategy: '\${C21}', dead_letter: { type: '\${C22}' } }
plugins: { connectors: [{ path: '\${C23}' }] }
notifications: { on_failure: [{ type: '\${C24}' }] }
`,
      },
      { env: canaries },
    )
    expect(project.issues.length).toBeGreaterThanOrEqual(20)
    const shown = JSON.stringify(project.issues) + messages(project).join("\n")
    for (const canary of Object.values(canaries)) {
      for (const form of [
        canary,
        Buffer.from(canary).toString("base64"),
        Buffer.from(canary).toString("hex"),
        encodeURIComponent(canary),
      ]) {
        expect(shown).not.toContain(form)
      }
    }
  })
})

describe("plugins of a project", () => {
  const shout = defineTransform({ type: "shout", row: (row) => row })
  const loadModule = (path: string) =>
    Promise.resolve(path.endsWith("transforms.ts") ? { default: [shout], other: 5 } : path.endsWith("empty.ts") ? {} : { csv, json })
  const withStep = pipeline("b", "transforms: [{ type: shout }]\n")

  it("are loaded from the modules that files name, for all pipelines or for one", async () => {
    const shared = await load(
      { "deltaflow.yml": "plugins: { transforms: [{ path: ./transforms.ts }] }\n", "transforms.ts": "", "pipelines/b.yml": withStep },
      { loadModule },
    )
    expect(shared.issues).toEqual([])
    expect(shared.plugins).toContain(shout)
    const own = await load(
      {
        "transforms.ts": "",
        "pipelines/b.yml": `${withStep}plugins: { transforms: [{ path: transforms.ts }] }\n`,
        "pipelines/c.yml": withStep.replace("b", "c"),
      },
      { loadModule },
    )
    expect(own.issues.map(({ code, file }) => [code, file])).toEqual([["UNKNOWN_PLUGIN", "pipelines/c.yml"]])
  })

  it("may be named by a variable", async () => {
    const files = { "transforms.ts": "", "pipelines/b.yml": `${withStep}plugins: { transforms: [{ path: "\${WHERE}/transforms.ts" }] }\n` }
    expect((await load(files, { loadModule, env: { WHERE: "." } })).issues).toEqual([])
  })

  it.each([
    ["./none.ts", "FILE_NOT_FOUND", "does not exist"],
    ["./empty.ts", "MODULE_FAILED", "exports no plugin"],
    ["../outside.ts", "MODULE_FAILED", "leads out of the project's folder"],
    ["/etc/passwd", "MODULE_FAILED", "leads out of the project's folder"],
  ])("that are wrong say so: %s", async (path, code, message) => {
    const project = await load(
      { "deltaflow.yml": `plugins: { connectors: [{ path: ${path} }] }\n`, "empty.ts": "", "pipelines/b.yml": pipeline("b") },
      { loadModule },
    )
    expect(project.issues).toEqual([expect.objectContaining({ code, file: "deltaflow.yml", line: 1, path: "plugins.connectors[0].path" })])
    expect(project.issues[0]!.message).toContain(message)
  })

  it("that throw while they load, and hosts that load none, say so", async () => {
    const files = { "deltaflow.yml": "plugins: { connectors: [{ path: a.ts }] }\n", "a.ts": "", "pipelines/b.yml": pipeline("b") }
    const broken = await load(files, { loadModule: () => Promise.reject(new Error("Unexpected token")) })
    expect(broken.issues[0]!.message).toBe('the module "a.ts" could not be loaded: Unexpected token')
    expect((await load(files)).issues[0]!.message).toContain("this host gives the engine its plugins in code")
  })
})

it("loads a real folder", async () => {
  const project = await loadProject({ root: `${import.meta.dirname}/../../../../examples/quickstart`, files: nodeFiles(), plugins })
  expect(project.file).toBe("deltaflow.yml")
  expect(project.pipelines[0]!.name).toBe("hello-world")
})
