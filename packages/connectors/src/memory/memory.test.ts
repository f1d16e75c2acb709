import { createEngine, defineTransform, type PipelineDefinition, type RunError } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { describe, expect, it } from "vitest"
import { memoryDestination, type MemoryRows, memorySource } from "./index.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, id) => ({ id }))

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "memory",
  sources: [{ type: "memory", batch_size: 10 }],
  destinations: [{ type: "memory" }],
  ...more,
})

const through = async (rows: MemoryRows) => {
  const output = memoryDestination()
  await using engine = createEngine({ plugins: [memorySource({ rows }), output] })
  await engine.run(definition())
  return output.rows()
}

describe("the memory source", () => {
  const rows = numbers(25)

  function* made(): Generator<object> {
    yield* rows
  }

  async function* later(): AsyncGenerator<object> {
    for (const row of rows) yield await Promise.resolve(row)
  }

  it.each<[string, MemoryRows]>([
    ["an array", rows],
    ["a set", new Set(rows)],
    ["a generator", made()],
    ["an async generator", later()],
    ["a function that makes one", made],
    ["a function that makes an async one", later],
    ["no row at all", []],
  ])("reads %s", async (what, given) => {
    expect(await through(given)).toEqual(what === "no row at all" ? [] : rows)
  })

  it("names the dataset that is not there, and those that are", async () => {
    await using engine = createEngine({ plugins: [memorySource({ users: [], orders: [] }), memoryDestination()] })
    const run = engine.run(definition({ sources: [{ type: "memory", dataset: "user" }] }))
    await expect(run).rejects.toThrow("there is no dataset user. The host gave: users, orders.")
  })

  it("gives the error of the host's iterable, and closes it", async () => {
    let closed = false
    async function* broken(): AsyncGenerator<object> {
      try {
        yield* rows
        throw new Error("the host's connection broke")
      } finally {
        closed = true
      }
    }
    await expect(through(broken)).rejects.toThrow("the host's connection broke")
    expect(closed).toBe(true)
  })

  it("closes an endless iterable when the run is cancelled", async () => {
    const controller = new AbortController()
    let closed = false
    async function* endless(): AsyncGenerator<object> {
      try {
        for (let id = 0; ; id++) {
          if (id === 1000) controller.abort()
          yield await Promise.resolve({ id })
        }
      } finally {
        closed = true
      }
    }
    await using engine = createEngine({ plugins: [memorySource({ rows: endless }), memoryDestination()] })
    const handle = await engine.start(definition(), { signal: controller.signal })
    expect((await handle.done).status).toBe("cancelled")
    expect(closed).toBe(true)
  })

  it("gives only what was added, where it is read in increments", async () => {
    const users: Array<object> = numbers(5)
    const output = memoryDestination()
    await using engine = createEngine({ plugins: [memorySource({ rows: users }), output], store: memoryStore() })
    const pipeline = definition({
      sources: [{ type: "memory", incremental: true }],
      destinations: [{ type: "memory", write_mode: "append" }],
    })
    await engine.run(pipeline)
    users.push({ id: 5 })
    expect((await engine.run(pipeline)).rowsExtracted).toBe(1)
    expect(output.rows()).toEqual(numbers(6))
  })
})

describe("the memory destination", () => {
  it("hands out rows while the run goes on, and lets it wait for who reads slowly", async () => {
    const output = memoryDestination()
    let given = 0
    function* counted(): Generator<object> {
      for (const row of numbers(5000)) {
        given++
        yield row
      }
    }
    await using engine = createEngine({ plugins: [memorySource({ rows: counted }), output] })
    const stream = output.stream()
    const handle = await engine.start(definition())
    const seen: Array<unknown> = []
    let mostAhead = 0
    for await (const row of stream) {
      seen.push(row)
      if (seen.length % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      mostAhead = Math.max(mostAhead, given - seen.length)
    }
    expect(seen).toEqual(numbers(5000))
    expect(mostAhead).toBeLessThan(500)
    expect((await handle.done).rowsLoaded).toBe(5000)
    expect(output.rows()).toEqual([])
  })

  it("lets the run end where the reader leaves early", async () => {
    const output = memoryDestination()
    await using engine = createEngine({ plugins: [memorySource({ rows: numbers(1000) }), output] })
    const stream = output.stream()
    const handle = await engine.start(definition())
    for await (const row of stream) {
      if (row["id"] === 15) break
    }
    expect((await handle.done).status).toBe("success")
  })

  it("tells the reader that the run failed, behind the rows that came before", async () => {
    const output = memoryDestination()
    const boom = defineTransform({
      type: "boom",
      row: (row) => {
        if (row["id"] === 500) throw new Error("no more")
        return row
      },
    })
    await using engine = createEngine({ plugins: [memorySource({ rows: numbers(1000) }), output, boom] })
    const stream = output.stream()
    const handle = await engine.start(definition({ transforms: [{ type: "boom" }] }))
    const seen: Array<unknown> = []
    const read = async () => {
      for await (const row of stream) seen.push(row["id"])
    }
    await expect(read()).rejects.toThrow("the run ended before all rows were written")
    expect(seen).toEqual(seen.map((_, id) => id))
    expect((await handle.done).status).toBe("failed")
  })

  it("lets a run be cancelled whose rows nobody reads", async () => {
    const output = memoryDestination()
    const controller = new AbortController()
    await using engine = createEngine({ plugins: [memorySource({ rows: numbers(1000) }), output] })
    const stream = output.stream()
    const handle = await engine.start(definition(), { signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    expect((await handle.done).status).toBe("cancelled")
    const read = async () => {
      for await (const _row of stream);
    }
    await expect(read()).rejects.toThrow("the run ended before all rows were written")
  })

  it("keeps the rows of a run that failed from the host", async () => {
    const output = memoryDestination()
    const plugins = [memorySource({ rows: [{ id: 1 }], bad: [{ id: 2 }, { id: {} }, { id: "x" }] }), output]
    await using engine = createEngine({ plugins })
    await engine.run(definition())
    const failure = await engine.run(definition({ sources: [{ type: "memory", dataset: "bad" }] })).catch((error: unknown) => error)
    expect((failure as RunError).message).toContain("id")
    expect(output.rows()).toEqual([{ id: 1 }])
  })
})
