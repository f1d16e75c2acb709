import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { DefinitionError, type PipelineDefinition } from "@deltaflow/core"
import { defineDestination, defineSource, Engine, StateStore } from "@deltaflow/core/effect"
import { expect, it } from "vitest"
import { scheduledRun } from "../src/effect/index.ts"

const orders: PipelineDefinition = { name: "orders", sources: [{ type: "rows" }], destinations: [{ type: "nowhere" }] }

/** Each read takes that long, and fails where it is told to. */
const setting = { duration: "0 millis" as "0 millis" | "4 minutes", fails: false }
const rows = defineSource({
  type: "rows",
  read: () =>
    Stream.unwrap(
      Effect.as(
        Effect.andThen(
          Effect.sleep(setting.duration),
          Effect.suspend(() => (setting.fails ? Effect.fail(new Error("told to")) : Effect.void)),
        ),
        Stream.make({ rows: [{ id: 1 }] }),
      ),
    ),
})
const nowhere = defineDestination({ type: "nowhere", open: () => Effect.succeed({ write: () => Effect.void, commit: () => Effect.void }) })

const simulated = <A, E>(program: Effect.Effect<A, E, Engine>): Promise<A> => {
  setting.duration = "0 millis"
  setting.fails = false
  const engine = Layer.provide(Engine.layer({ plugins: [rows, nowhere] }), StateStore.layerMemory)
  const quiet = Layer.provideMerge(TestClock.layer(), Logger.layer([]))
  return Effect.runPromise(Effect.provide(program, Layer.provideMerge(engine, quiet)))
}

/** Goes on in small steps, so that what a run waits for is there when its time has come. */
const pass = (minutes: number) =>
  Effect.gen(function* () {
    for (let i = 0; i < minutes; i++) {
      yield* TestClock.adjust("1 minute")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })

const started = Effect.gen(function* () {
  const { runs } = yield* (yield* Engine).listRuns()
  return runs.toReversed().map(({ createdAt, status }) => [new Date(createdAt).toISOString().slice(11, 16), status])
})

it("runs at each time of the schedule, and goes on after a run that failed", () =>
  simulated(
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(Effect.schedule(scheduledRun(orders), Schedule.cron("0 * * * *", "UTC")))
      yield* pass(61)
      setting.fails = true
      yield* pass(60)
      setting.fails = false
      yield* pass(60)
      yield* Fiber.interrupt(running)
      expect(yield* started).toEqual([
        ["01:00", "success"],
        ["02:00", "failed"],
        ["03:00", "success"],
      ])
    }),
  ))

it("waits for a run that takes longer, and leaves a time out while another one goes on", () =>
  simulated(
    Effect.gen(function* () {
      setting.duration = "4 minutes"
      const running = yield* Effect.forkChild(Effect.schedule(scheduledRun(orders), Schedule.cron("*/3 * * * *", "UTC")))
      yield* pass(4)
      // Another program on the same store.
      expect(yield* scheduledRun(orders)).toBeUndefined()
      yield* pass(8)
      const times = yield* started
      expect(times[0]).toEqual(["00:03", "success"])
      // 00:06 fell into the first run.
      expect(times[1]?.[0]).toBe("00:09")
      yield* Fiber.interrupt(running)
    }),
  ))

it("is cancelled with the fiber", () =>
  simulated(
    Effect.gen(function* () {
      setting.duration = "4 minutes"
      const running = yield* Effect.forkChild(Effect.repeat(scheduledRun(orders), Schedule.spaced("1 hour")))
      yield* pass(1)
      yield* Fiber.interrupt(running)
      expect(yield* started).toEqual([["00:00", "cancelled"]])
    }),
  ))

it("fails where the definition is wrong", () =>
  simulated(
    Effect.gen(function* () {
      const wrong = { ...orders, sources: [{ type: "rwos" }] }
      const error = yield* Effect.flip(Effect.schedule(scheduledRun(wrong), Schedule.recurs(3)))
      expect(error).toBeInstanceOf(DefinitionError)
    }),
  ))
