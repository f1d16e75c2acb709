import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it, vi } from "vitest"
import {
  anyConfig,
  Batch,
  createEngine,
  type CursorValue,
  type PipelineDefinition,
  type Source,
  type SourceBatch,
  SourceError,
} from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, type KeptRows } from "./memoryPlugins.ts"

interface Log {
  /** Transactions, each with the numbers that it wrote. */
  readonly transactions: Array<ReadonlyArray<number>>
  readonly acknowledged: Array<CursorValue>
  readonly forgotten: Array<string>
  /** The requests that it was opened with. */
  readonly opened: Array<{
    readonly cursor: CursorValue | undefined
    readonly follow: boolean | undefined
    readonly until: CursorValue | undefined
  }>
  readonly add: (...numbers: ReadonlyArray<number>) => void
  /** Fails the stream that is read now. */
  fail: (() => void) | undefined
  readonly source: Source
}

/** A log of transactions that can be followed. A cursor is the number of transactions before it. */
const log = (): Log => {
  let wake: (() => void) | undefined
  const self: Log = {
    transactions: [],
    acknowledged: [],
    forgotten: [],
    opened: [],
    fail: undefined,
    add: (...numbers) => {
      self.transactions.push(numbers)
      wake?.()
    },
    source: {
      kind: "source",
      type: "log",
      summary: "A log",
      config: anyConfig(),
      supportsIncremental: true,
      isStream: () => true,
      compareCursors: (a, b) => Number(a) - Number(b),
      forget: ({ pipeline }) => Effect.sync(() => void self.forgotten.push(pipeline)),
      open: ({ cursor, follow, until }) => {
        self.opened.push({ cursor, follow, until })
        let failure: Error | undefined
        self.fail = () => {
          failure = new Error("the log broke")
          wake?.()
        }
        const rows = async function* (): AsyncGenerator<SourceBatch> {
          const end = until ?? (follow === true ? Number.POSITIVE_INFINITY : self.transactions.length)
          for (let at = Number(cursor ?? 0); at < Number(end);) {
            if (failure !== undefined) throw failure
            const transaction = self.transactions[at]
            if (transaction === undefined) {
              await new Promise<void>((resolve) => (wake = resolve))
              continue
            }
            at++
            // One row after the other, and the cursor behind the last.
            for (const [i, id] of transaction.entries()) {
              const batch = Batch.fromRows([{ id }])
              yield i === transaction.length - 1 ? { batch, cursor: at } : { batch }
            }
          }
        }
        return Effect.succeed({
          schema: { columns: [{ name: "id", type: "integer", nullable: false }] },
          acknowledge: (position: CursorValue) => Effect.sync(() => void self.acknowledged.push(position)),
          lag: () => ({ bytes: self.transactions.length }),
          read: () => ({
            rows: {
              kind: "batches" as const,
              stream: Stream.fromAsyncIterable(
                rows(),
                (cause) => new SourceError({ code: "SOURCE_FAILED", message: String(cause), retryable: true, cause }),
              ),
            },
          }),
        })
      },
    },
  }
  return self
}

const streaming = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "follow",
  mode: "streaming",
  sources: [{ type: "log" }],
  destinations: [{ type: "keep", flush_interval: "30ms" }],
  ...more,
})

const ids = ({ rows }: KeptRows) => rows.map((row) => row["id"])

/** Only what hangs lasts longer. */
const WAIT = { timeout: 5000, interval: 10 }

describe("a streaming run", () => {
  const closing: Array<() => Promise<void>> = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })
  const engineOf = (followed: Log, kept: ReadonlyArray<KeptRows>, store = memoryStore()) => {
    const engine = createEngine({ plugins: [followed.source, ...kept.map(({ destination }) => destination)], store })
    closing.push(() => engine.close())
    return engine
  }

  it("commits after its time though no row comes, tells the source only then, and ends well when asked to", async () => {
    const [followed, kept] = [log(), keepRows({ commitsEarly: true })]
    const engine = engineOf(followed, [kept])
    followed.add(1, 2)
    const run = await engine.start(streaming())
    await vi.waitFor(() => expect(ids(kept)).toEqual([1, 2]), WAIT)
    await vi.waitFor(() => expect(followed.acknowledged).toEqual([1]), WAIT)
    followed.add(3)
    await vi.waitFor(() => expect(followed.acknowledged).toEqual([1, 2]), WAIT)
    await run.stop()
    expect(await run.done).toMatchObject({ status: "success", rowsLoaded: 3, error: null, progress: { sources: [{ lag: { bytes: 2 } }] } })
    expect(followed.opened).toEqual([{ cursor: undefined, follow: true, until: undefined }])
  })

  it("commits after so many rows, and never within a transaction", async () => {
    const [followed, kept] = [log(), keepRows({ commitsEarly: true })]
    const engine = engineOf(followed, [kept])
    const run = await engine.start(streaming({ destinations: [{ type: "keep", flush_interval: { time: "1h", rows: 3 } }] }))
    followed.add(1)
    followed.add(2, 3, 4, 5)
    await vi.waitFor(() => expect(ids(kept)).toEqual([1, 2, 3, 4, 5]), WAIT)
    followed.add(6)
    followed.add(7)
    await run.stop()
    await run.done
    // What was read before the stop counts.
    const { rowsLoaded } = (await engine.getRun(run.id))!
    expect(ids(kept)).toEqual([1, 2, 3, 4, 5, 6, 7].slice(0, rowsLoaded))
    expect(kept.commits.filter(({ final }) => !final)).toHaveLength(1)
  })

  it("goes on from its checkpoint, also as a batch that ends at what is there", async () => {
    const [followed, kept, store] = [log(), keepRows({ commitsEarly: true }), memoryStore()]
    const engine = engineOf(followed, [kept], store)
    followed.add(1)
    const run = await engine.start(streaming())
    await vi.waitFor(() => expect(ids(kept)).toEqual([1]), WAIT)
    await run.stop()
    followed.add(2)
    await engine.run({ ...streaming(), mode: "batch" })
    expect(ids(kept)).toEqual([1, 2])
    expect(followed.opened.at(-1)).toEqual({ cursor: 1, follow: false, until: undefined })
    expect(followed.acknowledged.at(-1)).toBe(2)
  })

  it("waits for the commit of the destination that is furthest behind before the source may forget", async () => {
    const [followed, kept, slow] = [log(), keepRows({ commitsEarly: true }), keepRows({ type: "slow", commitsEarly: true })]
    const engine = engineOf(followed, [kept, slow])
    const run = await engine.start(
      streaming({
        destinations: [
          { type: "keep", flush_interval: 0 },
          { type: "slow", flush_interval: { time: "1h", rows: 2 } },
        ],
      }),
    )
    followed.add(1)
    await vi.waitFor(() => expect(ids(kept)).toEqual([1]), WAIT)
    expect(followed.acknowledged).toEqual([])
    followed.add(2)
    await vi.waitFor(() => expect(ids(slow)).toEqual([1, 2]), WAIT)
    await vi.waitFor(() => expect(followed.acknowledged).toEqual([2]), WAIT)
    await run.stop()
  })

  it("lets no source forget what a destination holds within a transaction that the host has not ended", async () => {
    const [followed, kept, within, store] = [log(), keepRows(), keepRows({ type: "within" }), memoryStore()]
    const { destination } = within
    const provisional: KeptRows = {
      ...within,
      destination: {
        ...destination,
        open: (request) => Effect.map(destination.open(request), (load) => ({ ...load, isProvisional: true })),
      },
    }
    const engine = engineOf(followed, [kept, provisional], store)
    followed.add(1)
    await engine.run({ ...streaming({ destinations: [{ type: "keep" }, { type: "within" }] }), mode: "batch" })
    expect([ids(kept), ids(within)]).toEqual([[1], [1]])
    expect(followed.acknowledged).toEqual([])
    // Its own checkpoint is all that says where it stands.
    expect((await Effect.runPromise(store.getCheckpoints("follow"))).map((checkpoint) => checkpoint.destination)).toEqual([
      "destinations[0]",
    ])
  })

  it("brings destinations that stand apart together, each row once to each, and forgets nothing before", async () => {
    const [followed, kept, late, store] = [
      log(),
      keepRows({ commitsEarly: true }),
      keepRows({ type: "late", commitsEarly: true }),
      memoryStore(),
    ]
    const engine = engineOf(followed, [kept, late], store)
    for (const id of [1, 2, 3, 4]) followed.add(id)
    const both = [
      { type: "keep", flush_interval: 0 },
      { type: "late", flush_interval: 0 },
    ]
    await engine.setState(streaming({ destinations: both }), "sources[0]", "1")
    const [, second] = await engine.getState("follow")
    const lease = (await Effect.runPromise(store.acquireLease("pipeline:follow", "test", 1000)))!
    await Effect.runPromise(store.saveCheckpoint({ ...second!, cursors: { "sources[0]": "3" }, epoch: lease.epoch }, lease))
    await Effect.runPromise(store.releaseLease(lease))
    const run = await engine.start(streaming({ destinations: both }))
    await vi.waitFor(() => expect(ids(late)).toEqual([4]), WAIT)
    followed.add(5)
    await vi.waitFor(() => expect(ids(late)).toEqual([4, 5]), WAIT)
    await run.stop()
    expect(ids(kept)).toEqual([2, 3, 4, 5])
    expect(followed.opened).toEqual([
      { cursor: 1, follow: false, until: 3 },
      { cursor: 3, follow: true, until: undefined },
    ])
    expect(followed.acknowledged).toEqual([4, 5])
  })

  it("counts only failures without a commit in between", async () => {
    const [followed, kept] = [log(), keepRows({ commitsEarly: true })]
    const engine = engineOf(followed, [kept])
    const error_handling = { strategy: "retry", max_retries: 1, retry_delay: "1ms" } as const
    const run = await engine.start(streaming({ error_handling }))
    for (const id of [1, 2, 3]) {
      followed.add(id)
      await vi.waitFor(() => expect(ids(kept)).toHaveLength(id), WAIT)
      const before = followed.opened.length
      followed.fail?.()
      await vi.waitFor(() => expect(followed.opened.length).toBe(before + 1), WAIT)
    }
    followed.fail?.()
    expect(await run.done).toMatchObject({ status: "failed", error: { code: "SOURCE_FAILED" } })
    expect(ids(kept)).toEqual([1, 2, 3])
  })

  it("is cancelled at once, and loses nothing that was committed", async () => {
    const [followed, kept, store] = [log(), keepRows({ commitsEarly: true }), memoryStore()]
    const engine = engineOf(followed, [kept], store)
    followed.add(1)
    const run = await engine.start(streaming())
    await vi.waitFor(() => expect(followed.acknowledged).toEqual([1]), WAIT)
    await run.cancel()
    expect(await run.done).toMatchObject({ status: "cancelled", rowsLoaded: 1 })
    followed.add(2)
    await engine.run({ ...streaming(), mode: "batch" })
    expect(ids(kept)).toEqual([1, 2])
  })

  it("lets the source give back what it keeps where the state is reset with the definition", async () => {
    const [followed, kept] = [log(), keepRows({ commitsEarly: true })]
    const engine = engineOf(followed, [kept])
    await engine.resetState("follow")
    expect(followed.forgotten).toEqual([])
    await engine.resetState("follow", streaming())
    expect(followed.forgotten).toEqual(["follow"])
  })
})
