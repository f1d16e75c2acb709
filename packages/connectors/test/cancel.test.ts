/** A run that is ended at any moment: promptly, with every handle closed, and the output as it was or as it should be. */
import { createEngine, type Engine, type PipelineDefinition, type RunHandle, type RunOptions, type Store } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { memoryFiles, type MemoryFiles } from "@deltaflow/testing"
import { describe, expect, it } from "vitest"
import { csvSource, ndjsonDestination } from "../src/index.ts"

const ROWS = 2000
const csv = ["id,name", ...Array.from({ length: ROWS }, (_, i) => `${i + 1},row ${i + 1}`), ""].join("\n")

const pipeline = (mode: "append" | "replace"): PipelineDefinition => ({
  name: "cancelled",
  defaults: { workers: 1 },
  sources: [{ type: "csv", path: "in.csv", batch_size: 50, ...(mode === "append" ? { incremental: true } : {}) }],
  transforms: [{ type: "filter", condition: "id <> 7" }],
  destinations: [{ type: "ndjson", path: "out.ndjson", write_mode: mode, flush_interval: 0 }],
})

const OLD = '{"id":0,"name":"old"}\n'

/** What is there in the end, whatever happened before. */
const whole = (mode: "append" | "replace"): string => {
  const ids = Array.from({ length: ROWS }, (_, i) => i + 1).filter((id) => id !== 7)
  return (mode === "append" ? OLD : "") + ids.map((id) => `{"id":${id},"name":"row ${id}"}\n`).join("")
}

const engineOn = (files: MemoryFiles, store: Store): Engine =>
  createEngine({ plugins: [csvSource, ndjsonDestination], projectRoot: "/project", files, store })

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** One way to end a run after some turns of the event loop. */
const endings: Readonly<Record<string, (engine: Engine, mode: "append" | "replace", after: number) => Promise<RunHandle>>> = {
  "its handle": async (engine, mode, after) => {
    const handle = await engine.start(pipeline(mode))
    await turns(after)
    await handle.cancel()
    return handle
  },
  "an AbortSignal": async (engine, mode, after) => {
    const controller = new AbortController()
    const options: RunOptions = { signal: controller.signal }
    const handle = await engine.start(pipeline(mode), options)
    await turns(after)
    controller.abort()
    return handle
  },
  "its timeout": async (engine, mode, after) => await engine.start(pipeline(mode), { timeout: Math.max(1, after / 4) }),
  "the engine's end": async (engine, mode, after) => {
    const handle = await engine.start(pipeline(mode))
    await turns(after)
    await engine.close()
    return handle
  },
}

describe.each(Object.keys(endings))("a run that is ended by %s", (name) => {
  it.each(["append", "replace"] as const)("leaves no handle open and no half of a file (%s)", async (mode) => {
    const statuses = new Set<string>()
    for (let after = 0; after < 120; after += 4) {
      const files = memoryFiles()
      files.put("/project/in.csv", csv)
      files.put("/project/out.ndjson", OLD)
      const store = memoryStore()
      await using engine = engineOn(files, store)
      const handle = await endings[name]!(engine, mode, after)
      const run = await handle.done
      expect(files.openHandles()).toEqual([])
      statuses.add(run.status)
      const lines = files.text("/project/out.ndjson")!.split("\n")
      const isOld = lines.length === 2
      expect(lines[0]).toBe(mode === "append" || isOld ? OLD.trimEnd() : '{"id":1,"name":"row 1"}')
      // What a run in append mode has committed stays; the next run goes on from there.
      if (mode === "replace") expect([2, ROWS]).toContain(lines.length)
      expect(lines.at(-1)).toBe("")
      await using next = engineOn(files, store)
      expect((await next.run(pipeline(mode))).status).toBe("success")
      expect([files.text("/project/out.ndjson") === whole(mode), files.openHandles()]).toEqual([true, []])
    }
    expect([...statuses].some((status) => status !== "success")).toBe(true)
  })
})
