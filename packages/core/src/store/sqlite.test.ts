import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { StoreError } from "../contract/Errors.ts"
import type { Run, Store } from "../contract/Store.ts"
import { Database } from "./sqliteDatabase.ts"
import { storeError } from "./sqliteErrors.ts"
import { migrations } from "./sqliteSchema.ts"
import { sqliteStore } from "./sqlite.ts"

let folder = ""
let file = ""
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "sqlite-store-"))
  file = path.join(folder, "project", ".deltaflow", "state.db")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)
const fails = (effect: Effect.Effect<unknown, StoreError>): Promise<StoreError> => run(Effect.flip(effect))

const aRun = (id: string, pipeline = "orders"): Run => ({
  id,
  pipeline,
  revision: 1,
  status: "running",
  trigger: "manual",
  createdAt: 1,
  startedAt: 2,
  completedAt: null,
  fullRefresh: false,
  dryRun: false,
  rowsExtracted: 0,
  rowsFiltered: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  stages: [],
  error: null,
  attempt: 1,
  retryOf: null,
  variables: [],
  logicalTime: null,
})

const STORE = `
  import * as Effect from "effect/Effect"
  import { sqliteStore } from ${JSON.stringify(new URL("sqlite.ts", import.meta.url).href)}
  const store = sqliteStore({ path: file, busyTimeoutMs: 15_000 })
  const run = Effect.runPromise`

/** A process of its own that runs this code with a store `store` on the file, and what it prints. */
const child = (code: string, withStore = true) => {
  const source = `
    import { Database } from ${JSON.stringify(new URL("sqliteDatabase.ts", import.meta.url).href)}
    import { migrations } from ${JSON.stringify(new URL("sqliteSchema.ts", import.meta.url).href)}
    const file = ${JSON.stringify(file)}
    ${withStore ? STORE : ""}
    ${code}`
  const started = spawn(process.execPath, ["--conditions=source", "--input-type=module", "--eval", source], {
    cwd: import.meta.dirname,
    stdio: ["pipe", "pipe", "pipe"],
  })
  let printed = ""
  let errors = ""
  started.stdout.on("data", (bytes) => (printed += String(bytes)))
  started.stderr.on("data", (bytes) => (errors += String(bytes)))
  const ended = once(started, "close").then(([code]) => ({ code: code as number | null, printed: printed.trim(), errors }))
  const until = async (marker: string): Promise<void> => {
    while (!printed.includes(marker)) {
      if (started.exitCode !== null) throw new Error(`the process ended before it printed ${marker}: ${errors}`)
      await Promise.race([once(started.stdout, "data"), ended])
    }
  }
  return { started, ended, until }
}

describe("a state file", () => {
  test("is made with its folder on first use, and not before", async () => {
    const store = sqliteStore({ path: file })
    expect(existsSync(path.dirname(file))).toBe(false)
    await run(store.createRun(aRun("run_1")))
    await run(store.close())
    expect(existsSync(file)).toBe(true)
    const database = new DatabaseSync(file)
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" })
    expect(database.prepare("PRAGMA user_version").get()).toEqual({ user_version: migrations.length })
    database.close()
  })

  test("of a newer version is refused, naming both", async () => {
    await makeStore()
    const database = new DatabaseSync(file)
    database.exec("PRAGMA user_version = 7")
    database.close()
    const error = await fails(sqliteStore({ path: file }).getRun("run_1"))
    expect(error).toMatchObject({
      code: "STORE_NEWER",
      message: expect.stringContaining(`version 7, and this Deltaflow knows versions up to ${migrations.length}`),
    })
  })

  test("that is some other database is refused, and not touched", async () => {
    mkdirSync(path.dirname(file), { recursive: true })
    const database = new DatabaseSync(file)
    database.exec("CREATE TABLE mine (a)")
    database.close()
    const before = readFileSync(file)
    expect(await fails(sqliteStore({ path: file }).createRun(aRun("run_1")))).toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringContaining("no store of Deltaflow"),
    })
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test("that is no database at all is called damaged", async () => {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, "id,name\n1,Ann\n".repeat(500))
    expect(await fails(sqliteStore({ path: file }).listRuns({}))).toMatchObject({
      code: "STORE_CORRUPT",
      hint: expect.stringContaining("backup"),
    })
  })

  test("below a file cannot be made, and the error says what to do", async () => {
    writeFileSync(path.join(folder, "project"), "")
    expect(await fails(sqliteStore({ path: file }).listRuns({}))).toMatchObject({
      code: "STORE_FAILED",
      hint: expect.stringContaining("writable"),
    })
  })

  test("on a full disk fails with DISK_FULL, and takes writes again when there is room", async () => {
    const database = new Database({ path: file, busyTimeoutMs: 100, check: () => undefined })
    database.write(() => database.prepare("PRAGMA max_page_count = 40").get())
    const fill = () =>
      database.write(() =>
        database.prepare("INSERT INTO definitions VALUES (?, 1, ?, NULL, 0, 1, 1, 1)").run(Math.random().toString(), "x".repeat(9000)),
      )
    expect(() => Array.from({ length: 40 }, fill)).toThrow(
      expect.objectContaining({ code: "DISK_FULL", hint: expect.stringContaining("Free some space") }),
    )
    database.read(() => database.prepare("PRAGMA max_page_count = 4000").get())
    fill()
    database.close()
  })

  test.each([
    ["EACCES", "STORE_FAILED", false],
    ["ENOSPC", "DISK_FULL", false],
  ] as const)("%s of the file system is %s", (code, expected, retryable) => {
    expect(storeError(Object.assign(new Error(code), { code }), "state.db")).toMatchObject({
      code: expected,
      retryable,
      message: expect.stringContaining("state.db"),
    })
  })

  test("that another process has locked for too long fails, and may be tried again", async () => {
    const store = await makeStore()
    const other = new DatabaseSync(file)
    other.exec("BEGIN IMMEDIATE")
    const impatient = sqliteStore({ path: file, busyTimeoutMs: 20 })
    expect(await fails(impatient.createRun(aRun("run_x")))).toMatchObject({
      code: "STORE_FAILED",
      retryable: true,
      message: expect.stringContaining("locked"),
    })
    other.exec("ROLLBACK")
    other.close()
    await run(impatient.createRun(aRun("run_x")))
    for (const one of [store, impatient]) await run(one.close())
  })
})

/** A store with something in every table. */
const makeStore = async (): Promise<Store> => {
  const store = sqliteStore({ path: file })
  for (let i = 0; i < 20; i++) {
    const pipeline = `pipeline-${i}`
    await run(store.saveDefinition({ name: pipeline, definition: JSON.stringify({ name: pipeline }), source: null }))
    await run(store.createRun(aRun(`run_${i}`, pipeline)))
    await run(
      store.updateRun(`run_${i}`, { status: "success" }, [
        { id: `evt_${i}`, type: "pipeline.completed", timestamp: i, pipeline, runId: `run_${i}`, data: { i } },
      ]),
    )
    const lease = await run(store.acquireLease(pipeline, "one", 1e12))
    await run(store.saveCheckpoint({ ...checkpointOf(pipeline), epoch: lease!.epoch }, lease!))
  }
  return store
}

const checkpointOf = (pipeline: string) => ({
  pipeline,
  destination: "out",
  runId: "run_1",
  epoch: 1,
  batchId: 1,
  cursorVersions: { a: 1 },
  fingerprints: { a: "f" },
  state: { rows: 5 },
  updatedAt: 3,
  cursors: { a: JSON.stringify({ id: 123_456_789 }) },
})

/** All that decides about data, and the history, read in every way in which the engine reads it. */
const readAll = async (store: Store): Promise<unknown> => {
  const all: Array<unknown> = [await run(store.listRuns({})), await run(store.listEvents({})), await run(store.listDefinitions())]
  for (let i = 0; i < 20; i++) {
    const pipeline = `pipeline-${i}`
    all.push(await run(store.getCheckpoints(pipeline)), await run(store.getLease(pipeline)), await run(store.getDefinition(pipeline)))
    all.push(await run(store.getRun(`run_${i}`)), (await run(store.listEvents({ runId: `run_${i}` }))).length)
  }
  return all
}

describe("a damaged state file", () => {
  test("is never believed: 300 flipped or cut files are refused, or read as they were", async () => {
    const store = await makeStore()
    await run(store.close())
    const sound = readFileSync(file)
    const expected = await readSound()
    const random = seeded(20_261_124)
    let refused = 0
    for (let i = 0; i < 300; i++) {
      writeFileSync(file, sound)
      if (i % 3 === 0) truncateSync(file, 1 + Math.floor(random() * (sound.length - 1)))
      else flip(file, sound, Math.floor(random() * sound.length), 1 + Math.floor(random() * 255))
      const outcome = await readOrError()
      if (outcome instanceof StoreError) refused++
      else expect(outcome).toEqual(expected)
    }
    // The rest fell on bytes that hold nothing.
    expect(refused).toBeGreaterThan(120)
  })

  const readOrError = async (): Promise<unknown> => {
    const store = sqliteStore({ path: file })
    try {
      return await readAll(store)
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^STORE_(CORRUPT|FAILED|NEWER)$/) })
      return error
    } finally {
      await run(store.close())
      for (const suffix of ["-wal", "-shm", "-journal"]) rmSync(file + suffix, { force: true })
    }
  }

  const readSound = async () => {
    const outcome = await readOrError()
    expect(outcome).not.toBeInstanceOf(StoreError)
    return outcome
  }
})

const flip = (target: string, sound: Buffer, at: number, mask: number): void => {
  const bytes = Buffer.from(sound)
  bytes[at]! ^= mask
  writeFileSync(target, bytes)
}

/** Mulberry-like generator: the same damage in every run. */
const seeded = (seed: number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

describe("several processes on one state file", () => {
  test("20 that start at once: one migrates, all start", { timeout: 60_000 }, async () => {
    mkdirSync(path.dirname(file), { recursive: true })
    const children = Array.from({ length: 20 }, (_, i) =>
      child(
        `
        const database = new Database({ path: file, busyTimeoutMs: 30_000, check: () => {} })
        process.stdout.write("ready\\n")
        await new Promise((resolve) => process.stdin.once("data", resolve))
        database.write(() => database.prepare("INSERT INTO definitions VALUES ('p${i}', 1, '', NULL, 0, 1, 1, 1)").run())
        process.exit(0)`,
        false,
      ),
    )
    await Promise.all(children.map((one) => one.until("ready")))
    for (const one of children) one.started.stdin.write("go\n")
    const ends = await Promise.all(children.map((one) => one.ended))
    expect(ends.map(({ code, errors }) => [code, errors])).toEqual(ends.map(() => [0, ""]))
    const store = sqliteStore({ path: file })
    expect(await run(store.countDefinitions())).toBe(20)
    await run(store.close())
  })

  test("one that is killed in mid-migration leaves nothing behind, and the next start repairs", { timeout: 30_000 }, async () => {
    const killed = child(`
      const halfway = migrations[0] + "; CREATE TABLE half (a)"
      const database = new Database({ path: file, busyTimeoutMs: 1000, check: () => {}, migrations: [halfway, "SELECT stop()"] })
      const { DatabaseSync } = await import("node:sqlite")
      const exec = DatabaseSync.prototype.exec
      DatabaseSync.prototype.exec = function (sql) {
        if (sql !== "SELECT stop()") return exec.call(this, sql)
        process.stdout.write("halfway\\n")
        process.kill(process.pid, "SIGKILL")
        for (;;) {}
      }
      database.read(() => 0)`)
    await killed.until("halfway")
    expect((await killed.ended).code).toBeNull()
    const store = await makeStore()
    expect(await run(store.countDefinitions())).toBe(20)
    await run(store.close())
    const database = new DatabaseSync(file)
    expect(database.prepare("SELECT count(*) AS found FROM sqlite_schema WHERE name = 'half'").get()).toEqual({ found: 0 })
    database.close()
  })

  test("two that want one lease: each epoch is given once, and only its holder writes", { timeout: 30_000 }, async () => {
    const compete = (owner: string) =>
      child(`
        const epochs = []
        for (let i = 0; i < 150; i++) {
          const lease = await run(store.acquireLease("orders", ${JSON.stringify(owner)} + i, 1000))
          if (lease === undefined) continue
          const saved = await run(store.saveCheckpoint({ ...${JSON.stringify(checkpointOf("orders"))}, runId: lease.owner, epoch: lease.epoch }, lease))
          const [stored] = await run(store.getCheckpoints("orders"))
          if (!saved || stored.runId !== lease.owner || stored.epoch !== lease.epoch) throw new Error("another wrote under this lease")
          await run(store.releaseLease(lease))
          epochs.push(lease.epoch)
        }
        process.stdout.write(JSON.stringify(epochs))`)
    const ends = await Promise.all(["a", "b"].map((owner) => compete(owner).ended))
    expect(ends.map(({ code, errors }) => [code, errors])).toEqual([
      [0, ""],
      [0, ""],
    ])
    const epochs = ends.flatMap(({ printed }) => JSON.parse(printed) as Array<number>)
    expect(new Set(epochs).size).toBe(epochs.length)
    expect(epochs.length).toBeGreaterThan(50)
  })

  test("what was returned is there after the process was killed", { timeout: 30_000 }, async () => {
    const killed = child(`
      for (let i = 0; ; i++) {
        await run(store.saveDefinition({ name: "orders", definition: String(i), source: null }))
        process.stdout.write(i + "\\n")
      }`)
    await killed.until("\n25\n")
    killed.started.kill("SIGKILL")
    const { printed } = await killed.ended
    const last = Number(printed.split("\n").at(-1))
    const store = sqliteStore({ path: file })
    expect(Number((await run(store.getDefinition("orders")))?.definition)).toBeGreaterThanOrEqual(last)
    await run(store.close())
  })

  test("loading the store prints nothing", async () => {
    const { code, printed, errors } = await child(`await run(store.listRuns({})); await run(store.close())`).ended
    expect({ code, printed, errors }).toEqual({ code: 0, printed: "", errors: "" })
  })
})

describe("pages of a large history", () => {
  test("use an index for every filter, and never sort or walk the table", async () => {
    const store = await makeStore()
    const prepared = vi.spyOn(DatabaseSync.prototype, "prepare")
    const filters = [{}, { pipeline: "orders" }, { status: ["failed", "success"] as const }, { pipeline: "orders", since: 5, until: 9 }]
    for (const filter of filters) await run(store.listRuns(filter))
    const pages = prepared.mock.calls.map(([sql]) => sql).filter((sql) => sql.startsWith("SELECT runs.id"))
    prepared.mockRestore()
    await run(store.close())
    const database = new DatabaseSync(file)
    const plans = pages.flatMap((sql) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row["detail"])),
    )
    database.close()
    expect(plans.filter((detail) => /SCAN runs(?! USING (COVERING )?INDEX runs_by_time)|TEMP B-TREE/.test(detail))).toEqual([])
    expect(plans.join("\n")).toMatch(/SEARCH runs USING .*INDEX runs_of_pipeline \(pipeline=\? AND at>\? AND at<\?\)/)
  })
})
