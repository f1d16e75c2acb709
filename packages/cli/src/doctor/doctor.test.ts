import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { builtins } from "@deltaflow/connectors"
import { createEngine, loadProject, type Project, StoreError } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { expect, it, vi } from "vitest"
import { deltaflow, folderWith, project as files, quickstart } from "../../test/inProcess.ts"
import { someRun } from "../../test/someRuns.ts"
import { allChecks, examine } from "../commands/doctor.ts"
import type { DoctorContext, Finding, Host } from "./Check.ts"
import { isPortFree, lookAtDisk, lookAtHost, lookAtStore } from "./look.ts"

vi.setConfig({ testTimeout: 60_000 })

const GIB = 1024 ** 3

const goodHost: Host = {
  nodeVersion: "24.0.0",
  kernel: "wasm",
  codeGeneration: true,
  zstd: true,
  sqlite: true,
  timeZones: true,
  openFiles: 4096,
  memory: 8 * GIB,
  platform: "linux",
}

/** A sound project on a sound machine, with what the test changes. */
const contextOf = async (change: Readonly<Record<string, string>> = {}, more: Partial<DoctorContext> = {}): Promise<DoctorContext> => {
  const root = folderWith({ ...files, ...change })
  return { ...(await contextIn(root)), ...more }
}

const contextIn = async (root: string): Promise<DoctorContext> => ({
  host: goodHost,
  project: await projectIn(root),
  statePath: path.join(root, ".deltaflow", "state.db"),
  userFile: path.join(root, "user.yml"),
  now: Date.now,
  store: { exists: false, bytes: 0, runs: [], leases: new Map() },
  disk: () => Promise.resolve({ freeBytes: 100 * GIB, kind: 0xef53 }),
  isPortFree: () => Promise.resolve(true),
  schema: async () => {
    await using engine = createEngine({ plugins: builtins })
    return await engine.jsonSchema()
  },
  loadModule: (url) => import(url) as Promise<Record<string, unknown>>,
})

const projectIn = async (root: string): Promise<Project> =>
  await loadProject({ root, files: nodeFiles(), plugins: builtins, loadModule: (url) => import(url) as Promise<Record<string, unknown>> })

const found = async (name: string, context: DoctorContext): Promise<Finding> => {
  const [finding] = await examine(
    allChecks.filter((check) => check.name === name),
    context,
  )
  return finding!
}

const withPipeline = (from: string, to: string) => ({ "deltaflow.yml": quickstart.replace(from, to) })

const withHost = (change: Partial<Host>) => contextOf({}, { host: { ...goodHost, ...change } })

const withDisk = (freeBytes: number, kind = 0xef53) => contextOf({}, { disk: () => Promise.resolve({ freeBytes, kind }) })

const withStore = (change: Partial<DoctorContext["store"]>) =>
  contextOf({}, { store: { exists: true, integrity: "ok", bytes: 1, runs: [], leases: new Map(), ...change } })

const failure = (code: string) => ({ code, message: "it went wrong", stage: null, step: null, hint: null })

const filesChanged = async (change: (root: string) => void, texts: Readonly<Record<string, string>> = {}): Promise<DoctorContext> => {
  const root = folderWith({ ...files, ...texts })
  change(root)
  return await contextIn(root)
}

const custom = withPipeline("transforms:", "transforms:\n  - type: custom\n    module: steps/mine.mjs")
const isRoot = process.getuid?.() === 0

/** For every check, a context that it must find fault with, and what it must say. */
const faults: Readonly<Record<string, readonly [level: "warn" | "fail", says: RegExp, make: () => Promise<DoctorContext>]>> = {
  "node version": ["fail", /older than 22.18/, () => withHost({ nodeVersion: "22.17.1" })],
  "text kernel": ["warn", /without WebAssembly/, () => withHost({ kernel: "javascript" })],
  "code generation": ["warn", /new Function/, () => withHost({ codeGeneration: false })],
  zstd: ["warn", /no zstd/, () => withHost({ zstd: false })],
  sqlite: ["fail", /node:sqlite/, () => withHost({ sqlite: false })],
  "time zones": ["warn", /no time zones/, () => withHost({ timeZones: false })],
  "open files": ["warn", /256 files only/, () => withHost({ openFiles: 256 })],
  memory: ["warn", /more than half/, () => withHost({ memory: 300 * 1024 * 1024 })],
  "disk room": ["fail", /50 MB are free/, () => withDisk(50 * 1024 * 1024)],
  "file system of the state": ["fail", /NFS/, () => withDisk(100 * GIB, 0x6969)],
  "project file": ["fail", /no deltaflow.yml/, async () => await contextIn(folderWith({ "other.txt": "" }))],
  "project settings": [
    "fail",
    /unknown key `defualts`/,
    async () =>
      await contextIn(folderWith({ "deltaflow.yml": "defualts: { workers: 1 }\n", "pipelines/a.yml": quickstart, "data/users.csv": "" })),
  ],
  pipelines: ["fail", /has 1 error: deltaflow.yml:\d+:\d+: unknown key/, () => contextOf(withPipeline("    pretty", "    prety"))],
  variables: ["fail", /NOT_SET/, () => contextOf(withPipeline("data/users.csv", "${NOT_SET}"))],
  plugins: [
    "fail",
    /mine.mjs/,
    () =>
      contextOf({ "deltaflow.yml": `${quickstart}plugins:\n  connectors:\n    - path: mine.mjs\n`, "mine.mjs": "export const x = 1\n" }),
  ],
  "custom steps": ["fail", /exports no function default/, () => contextOf({ ...custom, "steps/mine.mjs": "export const other = 1\n" })],
  "permissions of .env": [
    "warn",
    /other users/,
    () => filesChanged((root) => chmodSync(path.join(root, ".env"), 0o644), { ".env": "A=1\n" }),
  ],
  ".env in version control": [
    "warn",
    /does not name .env/,
    () => filesChanged((root) => mkdirSync(path.join(root, ".git")), { ".env": "A=1\n" }),
  ],
  "secrets in files": [
    "warn",
    /deltaflow.yml:\d+ looks like a secret/,
    () => contextOf(withPipeline("version:", "api_key: hunter22222\nversion:")),
  ],
  ports: [
    "warn",
    /hello-world: port 9191 of its metrics is taken/,
    () =>
      contextOf(
        { "deltaflow.yml": `${quickstart}monitoring: { metrics: { enabled: true, port: 9191 } }\n` },
        { isPortFree: (port) => Promise.resolve(port !== 9191) },
      ),
  ],
  "user settings": [
    "warn",
    /can be read by other users/,
    () => filesChanged((root) => chmodSync(path.join(root, "user.yml"), 0o644), { "user.yml": "api_key: x\n" }),
  ],
  "editor schema": ["warn", /of another version/, () => contextOf({ ".deltaflow/schema.json": "{}\n" })],
  inputs: ["fail", /none.csv is not there/, () => contextOf(withPipeline("data/users.csv", "data/none.csv"))],
  "output folders": ["fail", /is a file, not a folder/, () => contextOf({ output: "a file where the folder should be" })],
  "outputs apart": [
    "warn",
    /another destination too/,
    () => contextOf({ "deltaflow.yml": `${quickstart}  - type: json\n    name: again\n    path: output/filtered_users.json\n` }),
  ],
  "input is no output": [
    "warn",
    /read by a pipeline too/,
    () => contextOf({ "deltaflow.yml": `${quickstart}  - type: csv\n    name: again\n    path: data/users.csv\n` }),
  ],
  leftovers: [
    "warn",
    /left by a run/,
    () =>
      filesChanged((root) => {
        const file = path.join(root, "output", ".filtered_users.json.hello-world.run_1.tmp")
        mkdirSync(path.dirname(file))
        writeFileSync(file, "")
        utimesSync(file, 1, 1)
      }),
  ],
  "state folder": ["fail", /is a file, not a folder/, () => contextOf({ ".deltaflow": "a file where the folder should be" })],
  store: ["fail", /it is damaged/, () => withStore({ problem: new StoreError({ code: "STORE_CORRUPT", message: "it is damaged" }) })],
  "store version": ["fail", /newer version/, () => withStore({ problem: new StoreError({ code: "STORE_NEWER", message: "newer" }) })],
  "store integrity": ["fail", /page 7/, () => withStore({ integrity: "page 7 is never used" })],
  "store size": ["warn", /2,048 MB/, () => withStore({ bytes: 2 * GIB })],
  "stuck leases": [
    "warn",
    /lease has run out/,
    () =>
      withStore({
        runs: [someRun({ status: "running", completedAt: null })],
        leases: new Map([["user-analytics", { name: "", owner: "run_1", epoch: 1, expiresAt: 5 }]]),
      }),
  ],
  "crashed runs": [
    "warn",
    /ended in the middle/,
    () => withStore({ runs: [someRun({ status: "failed", error: failure("RUN_INTERRUPTED") })] }),
  ],
  "failed runs": ["warn", /it went wrong/, () => withStore({ runs: [someRun({ status: "failed", error: failure("SOURCE_FAILED") })] })],
  clock: ["warn", /the clock is before run/, () => withStore({ runs: [someRun({ createdAt: Date.now() + 3_600_000 })] })],
}

it("has a fault for every check, so that none can pass whatever it sees", () => {
  expect(Object.keys(faults).toSorted()).toEqual(allChecks.map(({ name }) => name).toSorted())
  expect(allChecks.length).toBeGreaterThanOrEqual(20)
})

it.each(allChecks.map(({ name }) => name))("%s: finds the fault, says how to mend it, and is content without it", async (name) => {
  const [level, says, make] = faults[name]!
  const finding = await found(name, await make())
  expect(finding).toMatchObject({ level, message: expect.stringMatching(says) as string })
  expect(finding.fix).toBeTruthy()
  expect(await found(name, await contextOf())).toMatchObject({ level: "ok" })
})

it("dates the clock by the files that it makes, and leaves none behind", async () => {
  const context = await contextOf({}, { now: () => Date.now() - 60_000 })
  expect((await found("clock", context)).message).toMatch(/60 s off the clock/)
  expect(existsSync(path.join(context.project.root, ".deltaflow"))).toBe(false)
})

it("sees a damaged store and a newer one in the file itself", async () => {
  const root = folderWith({ "damaged.db": "this is no database, and long enough to be taken for one".repeat(50) })
  expect((await lookAtStore(path.join(root, "damaged.db"))).problem).toBeInstanceOf(StoreError)
  await deltaflow(folderIn(root), ["run"])
  const file = path.join(root, "project", ".deltaflow", "state.db")
  expect(await lookAtStore(file)).toMatchObject({ exists: true, integrity: "ok", runs: [{ status: "success" }] })
  const database = new DatabaseSync(file)
  database.exec("PRAGMA user_version = 999")
  database.close()
  expect((await lookAtStore(file)).problem?.code).toBe("STORE_NEWER")
})

const folderIn = (root: string): string => {
  const folder = path.join(root, "project")
  mkdirSync(path.join(folder, "data"), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return folder
}

it.skipIf(isRoot)("finds a folder that this user may not write", async () => {
  const root = folderWith(files)
  mkdirSync(path.join(root, "output"), { mode: 0o500 })
  expect((await found("output folders", await contextIn(root))).message).toMatch(/cannot be written \(EACCES\)/)
})

it("sees whether a port is taken, and when two want the same", async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const { port } = server.address() as AddressInfo
  expect(await isPortFree(port)).toBe(false)
  await new Promise((resolve) => server.close(resolve))
  expect(await isPortFree(port)).toBe(true)
  const same = await contextOf({ "deltaflow.yml": `${quickstart}monitoring: { metrics: { enabled: true, port: 8080 } }\n` })
  expect(await found("ports", same)).toMatchObject({ level: "fail", message: expect.stringContaining("8080") as string })
})

it("refuses a custom step that a link leads out of the project", async () => {
  const root = folderWith({ ...files, ...custom })
  mkdirSync(path.join(root, "steps"))
  symlinkSync(path.join(root, ".."), path.join(root, "steps", "mine.mjs"))
  expect((await found("custom steps", await contextIn(root))).level).toBe("fail")
})

it("looks at this machine", async () => {
  const host = lookAtHost()
  expect(host).toMatchObject({ sqlite: true, zstd: true, timeZones: true, codeGeneration: true })
  expect(host.memory).toBeGreaterThan(0)
  expect((await lookAtDisk(import.meta.dirname)).freeBytes).toBeGreaterThan(0)
})

it("ends with 0 for a sound project and 1 for a wrong one, as text and as JSON", async () => {
  const root = folderWith(files)
  const sound = await deltaflow(root, ["doctor"])
  expect(sound.stdout).toContain("✓ pipelines: 1 pipeline is valid")
  expect(sound.stdout).not.toContain("✗")
  expect(sound.code).toBe(0)
  writeFileSync(path.join(root, "deltaflow.yml"), readFileSync(path.join(root, "deltaflow.yml"), "utf8").replace("users.csv", "none.csv"))
  const wrong = await deltaflow(root, ["doctor", "--json"])
  expect(wrong.code).toBe(1)
  const { checks } = JSON.parse(wrong.stdout) as { checks: ReadonlyArray<{ check: string; level: string; fix?: string }> }
  expect(checks.filter(({ level }) => level === "fail")).toMatchObject([{ check: "inputs", fix: expect.any(String) as string }])
})
