import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { memoryStore } from "@deltaflow/core/store/memory"
import { nodeFiles } from "@deltaflow/core/node"
import type { Destination, Files, Source } from "@deltaflow/core"
import { defineDestination, defineSource, Engine, StateStore } from "@deltaflow/core/effect"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { faultyDestination, Faults, faultyFiles, faultySource, faultyStore } from "./faults.ts"
import { memoryFiles } from "./memoryFiles.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

/** What every destination of files does: temporary name, sync, rename, sync of the folder. */
const replaceFile = async (files: Files, target: string, text: string): Promise<void> => {
  const handle = await files.openWrite(`${target}.tmp`, "create")
  try {
    await handle.write(bytes(text))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await files.rename(`${target}.tmp`, target)
  await files.syncDirectory(path.posix.dirname(target))
}

describe("files in memory", () => {
  test("forget in a crash what was not synced", async () => {
    const files = memoryFiles()
    files.put("/out/a", "old")
    const handle = await files.openWrite("/out/a", "append")
    await handle.write(bytes(" synced"))
    await handle.sync()
    await handle.write(bytes(" lost"))
    expect(files.text("/out/a")).toBe("old synced lost")
    files.crash()
    expect(files.text("/out/a")).toBe("old synced")
    await expect(handle.write(bytes("x"))).rejects.toMatchObject({ code: "EBADF" })
  })

  test("forget a rename and a removal whose folder was not synced", async () => {
    const files = memoryFiles()
    files.put("/out/a", "old")
    files.put("/out/b", "b")
    files.put("/out/c", "c")
    await files.rename("/out/a", "/out/b")
    await files.remove("/out/c")
    files.crash()
    expect([files.text("/out/a"), files.text("/out/b"), files.text("/out/c")]).toEqual(["old", "b", "c"])
    await files.rename("/out/a", "/out/b")
    await files.syncDirectory("/out")
    files.crash()
    expect([files.text("/out/a"), files.text("/out/b")]).toEqual([undefined, "old"])
  })

  test("keep a rename without its bytes where only the folder was synced", async () => {
    const files = memoryFiles()
    files.put("/out/a", "old")
    const handle = await files.openWrite("/out/a.tmp", "create")
    await handle.write(bytes("new"))
    await handle.close()
    await files.rename("/out/a.tmp", "/out/a")
    await files.syncDirectory("/out")
    files.crash()
    expect(files.text("/out/a")).toBe("")
  })

  test("do what the real file system does", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "files-"))
    try {
      const name = fc.constantFrom("a", "b", "sub", "sub/a", "none/a")
      const step = fc.oneof(
        fc.record({
          call: fc.constantFrom("write", "append", "remove", "list", "stat", "read", "truncate", "sync"),
          name,
          text: fc.string({ maxLength: 5 }),
        }),
        fc.record({ call: fc.constant("make"), name: fc.constant("sub"), text: fc.constant("") }),
        fc.record({ call: fc.constant("rename"), name: fc.constantFrom("a", "b", "sub/a", "none/a"), text: name }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 15 }), fc.nat(), async (steps, number) => {
          const real = path.join(folder, String(number), Math.random().toString(36).slice(2))
          await nodeFiles().makeDirectory(real)
          const memory = memoryFiles()
          await memory.makeDirectory("/root")
          for (const one of steps) expect(await callFiles(memory, "/root", one)).toEqual(await callFiles(nodeFiles(), real, one))
          expect(memory.openHandles()).toEqual([])
        }),
        { numRuns: 150 },
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

interface Step {
  readonly call: string
  readonly name: string
  readonly text: string
}

const callFiles = async (files: Files, root: string, step: Step): Promise<unknown> => {
  try {
    return await plainCall(files, `${root}/${step.name}`, step, root)
  } catch (error) {
    // Which code says that a folder is in the way differs by call and system; that there is an error does not.
    const { code } = error as { code: string }
    return ["EISDIR", "ENOTDIR", "ENOTEMPTY", "EEXIST", "EINVAL", "ERR_FS_EISDIR"].includes(code) ? "in the way" : code
  }
}

const plainCall = async (files: Files, file: string, { call, text }: Step, root: string): Promise<unknown> => {
  switch (call) {
    case "write":
    case "append":
    case "truncate": {
      const handle = await files.openWrite(file, call === "write" ? "create" : "append")
      await handle.write(bytes(text))
      if (call === "truncate") await handle.truncate(2)
      await handle.close()
      return "done"
    }
    case "read": {
      const handle = await files.openRead(file)
      const buffer = new Uint8Array(20)
      try {
        return new TextDecoder().decode(buffer.subarray(0, await handle.read(buffer, 1)))
      } finally {
        await handle.close()
      }
    }
    case "rename":
      return await files.rename(file, `${root}/${text}`)
    case "remove":
      return await files.remove(file)
    case "list":
      return await files.list(file)
    case "make":
      return await files.makeDirectory(file)
    case "sync":
      return await files.syncDirectory(root)
    default: {
      const stat = await files.stat(file)
      return stat?.kind === "file" ? stat.size : stat?.kind
    }
  }
}

describe("files with faults", () => {
  test("count and log the operations of a run without a plan", async () => {
    const disk = memoryFiles()
    await disk.makeDirectory("/out")
    const files = faultyFiles(disk)
    await replaceFile(files, "/out/a", "new")
    expect(files.operations.map(({ name, target }) => `${name} ${target}`)).toEqual([
      "openWrite /out/a.tmp",
      "write /out/a.tmp",
      "sync /out/a.tmp",
      "rename /out/a",
      "syncDirectory /out",
    ])
    expect([files.struck(), files.openHandles(), disk.openHandles()]).toEqual([false, [], []])
  })

  test.each(["before", "after", "short"] as const)(
    "a careful writer is whole after any fault that fails %s, and after a crash there",
    async (how) => {
      for (let at = 1; at <= 5; at++) {
        const disk = memoryFiles()
        disk.put("/out/a", "old")
        const files = faultyFiles(disk, { at, how, code: "ENOSPC" })
        await expect(replaceFile(files, "/out/a", "new text")).rejects.toMatchObject({ code: "ENOSPC" })
        expect([files.struck(), files.openHandles(), disk.openHandles()]).toEqual([true, [], []])
        expect(["old", "new text"]).toContain(disk.text("/out/a"))
        disk.crash()
        expect(["old", "new text"]).toContain(disk.text("/out/a"))
      }
    },
  )

  test("a careless writer is found out", async () => {
    const disk = memoryFiles()
    disk.put("/out/a", "old")
    const handle = await disk.openWrite("/out/a", "append")
    const files = faultyFiles(disk, { at: 2, how: "short" })
    const leaky = await files.openWrite("/out/b", "create")
    await expect(leaky.write(bytes("12345678"))).rejects.toMatchObject({ code: "EIO" })
    expect(files.openHandles()).toEqual(["/out/b"])
    expect(disk.openHandles()).toEqual(["/out/a", "/out/b"])
    expect(disk.text("/out/b")).toBe("1234")
    await handle.close()
  })

  test("`after` took effect, `before` did not, `forever` goes on, `only` picks", async () => {
    for (const [how, expected] of [
      ["before", undefined],
      ["after", ""],
    ] as const) {
      const disk = memoryFiles()
      await disk.makeDirectory("/out")
      await expect(faultyFiles(disk, { at: 1, how }).openWrite("/out/a", "create")).rejects.toMatchObject({ code: "EIO" })
      expect([disk.text("/out/a"), disk.openHandles()]).toEqual([expected, []])
    }
    const full = faultyFiles(memoryFiles(), { at: 1, forever: true, only: ["list"] })
    await full.makeDirectory("/x")
    for (let i = 0; i < 3; i++) await expect(full.list("/x")).rejects.toMatchObject({ code: "EIO" })
    const once = faultyFiles(memoryFiles(), { at: 1 })
    await expect(once.makeDirectory("/x")).rejects.toMatchObject({ code: "EIO" })
    await once.makeDirectory("/x")
  })

  test("a hanging operation hangs, and a crash can be put where it is", async () => {
    const disk = memoryFiles()
    disk.put("/out/a", "old")
    const files = faultyFiles(disk, { at: 2, how: "hangs", onFault: () => disk.crash() })
    const outcome = await Promise.race([replaceFile(files, "/out/a", "new"), new Promise((resolve) => setTimeout(resolve, 20, "hangs"))])
    expect([outcome, disk.text("/out/a"), disk.text("/out/a.tmp")]).toEqual(["hangs", "old", undefined])
  })
})

describe("a store with faults", () => {
  const definition = { name: "orders", definition: "{}", source: null }

  test("fails before or after taking effect, once", async () => {
    for (const [how, stored] of [
      ["before", undefined],
      ["after", "orders"],
    ] as const) {
      const store = memoryStore()
      const faulty = faultyStore(store, { at: 2, how, code: "DISK_FULL" })
      await Effect.runPromise(faulty.getRun("run_1"))
      const error = await Effect.runPromise(Effect.flip(faulty.saveDefinition(definition)))
      expect(error).toMatchObject({ code: "DISK_FULL", _tag: "StoreError" })
      expect((await Effect.runPromise(store.getDefinition("orders")))?.name).toBe(stored)
      await Effect.runPromise(faulty.saveDefinition(definition))
      expect(faulty.operations.map(({ name }) => name)).toEqual(["getRun", "saveDefinition", "saveDefinition"])
    }
  })

  test("hangs, and can be interrupted", async () => {
    const faulty = faultyStore(memoryStore(), { at: 1, how: "hangs" })
    const outcome = await Effect.runPromise(
      Effect.timeoutOrElse(faulty.getRun("run_1"), { duration: 10, orElse: () => Effect.succeed("hangs") }),
    )
    expect([outcome, faulty.struck()]).toEqual(["hangs", true])
  })
})

describe("plugins with faults", () => {
  const rows = () =>
    defineSource({
      type: "rows",
      read: () => Stream.make([{ id: 1 }], [{ id: 2 }]),
    })
  const kept = () => {
    const seen: Array<string> = []
    const destination = defineDestination({
      type: "kept",
      checkpoint: () => Effect.sync(() => void seen.push("checkpoint")),
      open: () =>
        Effect.succeed({
          write: (batch) => Effect.sync(() => void seen.push(`write ${batch.length}`)),
          commit: () => Effect.sync(() => void seen.push("commit")),
        }),
    })
    return { seen, destination }
  }
  const pipeline = { name: "faulty", sources: [{ type: "rows" }], destinations: [{ type: "kept" }] }
  const run = (plugins: ReadonlyArray<Source | Destination>) =>
    Effect.runPromise(
      Effect.provide(
        Engine.use((engine) => Effect.exit(engine.run(pipeline, { timeout: 50 }))),
        Engine.layer({ plugins }).pipe(Layer.provide(StateStore.layerMemory)),
        { local: true },
      ),
    )
  const codeOf = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isSuccess(exit) ? "success" : (Option.getOrThrow(Cause.findErrorOption(exit.cause)) as { readonly code: string }).code

  test("count all operations together, in the order of the run", async () => {
    const faults = new Faults()
    const { destination, seen } = kept()
    expect(codeOf(await run([faultySource(rows(), faults), faultyDestination(destination, faults)]))).toBe("success")
    const names = faults.operations.map(({ name, target }) => `${name} ${target}`)
    expect(names.toSorted()).toEqual([
      "checkpoint kept",
      "commit kept",
      "open kept",
      "open rows",
      "read rows",
      "read rows",
      "write kept",
      "write kept",
    ])
    // What the destination holds is asked for before anything is opened.
    expect([names[0], names[1], names.at(-1), faults.struck()]).toEqual(["checkpoint kept", "open rows", "commit kept", false])
    expect(seen).toEqual(["checkpoint", "write 1", "write 1", "commit"])
  })

  test("fail before and after they took effect", async () => {
    for (const [only, how, code, expected] of [
      ["open", "before", "SOURCE_FAILED", []],
      ["read", "before", "SOURCE_FAILED", []],
      ["write", "before", "DESTINATION_FAILED", []],
      ["write", "after", "STEP_TIMEOUT", ["write 1"]],
      ["commit", "before", "DESTINATION_FAILED", ["write 1", "write 1"]],
      ["commit", "after", "STEP_TIMEOUT", ["write 1", "write 1", "commit"]],
    ] as const) {
      const faults = new Faults({ at: 1, how, only: [only] })
      const { destination, seen } = kept()
      expect([only, how, codeOf(await run([faultySource(rows(), faults), faultyDestination(destination, faults)]))]).toEqual([
        only,
        how,
        code,
      ])
      expect(seen).toEqual(["checkpoint", ...expected])
    }
  })

  test("are gone with a crash, together with files and store", async () => {
    const disk = memoryFiles()
    disk.put("/a", "old")
    const faults = new Faults({ at: 1, how: "crash", only: ["write"], onFault: disk.crash })
    const files = faultyFiles(disk, faults)
    const store = faultyStore(memoryStore(), faults)
    const handle = await files.openRead("/a")
    const { destination, seen } = kept()
    expect(codeOf(await run([rows(), faultyDestination(destination, faults)]))).toBe("RUN_TIMEOUT")
    expect([seen, faults.isCrashed]).toEqual([["checkpoint"], true])
    const late = [handle.close(), files.stat("/a"), Effect.runPromise(store.getRun("run_1"))]
    expect(await Promise.race([...late, new Promise((resolve) => setTimeout(resolve, 20, "nothing"))])).toBe("nothing")
  })
})
