/** A scheduler over a store in memory, with a clock that is set by hand. */
import {
  createEngine,
  defineDestination,
  defineSource,
  type Engine,
  type PipelineDefinition,
  type EngineOptions,
  type Store,
} from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import { Scheduler, type SchedulerOptions } from "../src/index.ts"

/** Gives one row, at once or when the gate opens; fails where it is told to. */
export const gate = { isOpen: true, fails: false }
export const rows = defineSource({
  type: "rows",
  async *read({ signal }) {
    while (!gate.isOpen && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 2))
    if (gate.fails) throw new Error("it was told to fail")
    yield { rows: [{ id: 1 }] }
  },
})
export const nowhere = defineDestination({
  type: "nowhere",
  delivery: "none",
  writeModes: ["append"],
  open: () => ({ label: "nowhere", commitsEarly: true, write: () => undefined, commit: () => ({}) }),
})

export const definition = (name: string, more: object = {}): PipelineDefinition => ({
  name,
  sources: [{ type: "rows" }],
  destinations: [{ type: "nowhere" }],
  ...more,
})

export interface World extends AsyncDisposable {
  readonly clock: { now: number }
  readonly store: Store
  readonly engine: Engine
  readonly scheduler: Scheduler
  /** Another process on the same store. */
  readonly another: () => Scheduler
  /** Goes on to this time, and looks; gives the pipelines that were started. */
  readonly at: (time: string) => Promise<ReadonlyArray<string>>
  readonly idle: () => Promise<void>
  readonly save: (definition: PipelineDefinition) => Promise<unknown>
}

export const world = (
  time: string,
  pipelines: ReadonlyArray<PipelineDefinition>,
  options: SchedulerOptions & Pick<EngineOptions, "concurrency"> = {},
): World => {
  const clock = { now: Date.parse(time) }
  const now = () => clock.now
  const store = memoryStore({ now })
  const engine = createEngine({
    plugins: [rows, nowhere],
    store,
    now,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
  })
  const scheduler = new Scheduler(engine, { pipelines, now, ...options })
  const idle = async () => {
    for (;;) {
      const { total } = await engine.listRuns({ status: ["running", "pending"] })
      const waiting = await Effect.runPromise(store.listEntries({ collection: "runs.waiting" }))
      if (total === waiting.length) return
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  return {
    clock,
    store,
    engine,
    scheduler,
    another: () => new Scheduler(engine, { pipelines, now, ...options }),
    idle,
    save: (saved) => Effect.runPromise(store.saveDefinition({ name: saved.name, definition: JSON.stringify(saved), source: null })),
    at: async (moment) => {
      clock.now = Date.parse(moment)
      const { started } = await scheduler.tick()
      if (gate.isOpen) await idle()
      return started.map(({ pipeline }) => pipeline)
    },
    async [Symbol.asyncDispose]() {
      gate.isOpen = true
      gate.fails = false
      await scheduler.stop(1000)
      await engine.close()
    },
  }
}
