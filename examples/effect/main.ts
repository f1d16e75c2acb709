import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { pipeline } from "@deltaflow/core"
import { defineDestination, defineSource, Engine, StateStore } from "@deltaflow/core/effect"

/** Ten readings in batches, with a cursor after each; a stream closes what it opened, however the run ends. */
export const sensor = defineSource<{ readonly lowest: number }, number>({
  type: "sensor",
  config: Schema.toStandardSchemaV1(Schema.Struct({ lowest: Schema.Int })),
  read: ({ config, cursor, batchSize }) =>
    Stream.range(cursor ?? 0, 9).pipe(
      Stream.map((second) => ({ second, celsius: config.lowest + second })),
      Stream.grouped(batchSize),
      Stream.map((rows) => ({ rows, cursor: rows.at(-1)!.second + 1 })),
    ),
})

/** Rows become visible with the commit; without one the scope drops them. */
export const board = (shown: Array<object>) =>
  defineDestination({
    type: "board",
    open: () =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => new Array<object>()),
          (pending) => Effect.sync(() => pending.splice(0)),
        ),
        (pending) => ({
          write: (rows) => Effect.sync(() => void pending.push(...rows)),
          commit: () => Effect.sync(() => void shown.push(...pending.splice(0))),
        }),
      ),
  })

const warm = pipeline({
  name: "warm",
  sources: [{ type: "sensor", lowest: -4, batch_size: 4, incremental: true }],
  transforms: [{ type: "filter", condition: "celsius >= 0" }],
  destinations: [{ type: "board", write_mode: "append" }],
})

const program = Effect.gen(function* () {
  const engine = yield* Engine
  const { rowsLoaded } = yield* engine.run(warm)
  const events = yield* engine.listEvents({ types: ["pipeline.started", "pipeline.completed"] })
  yield* Console.log(`${rowsLoaded} readings, none below zero; ${events.map((event) => event.type).join(", ")}`)
}).pipe(Effect.catchTag("RunError", (error) => Console.log(`${error.code}: ${error.message}`)))

const layer = Engine.layer({ plugins: [sensor, board([])] }).pipe(Layer.provide(StateStore.layerMemory))
await Effect.runPromise(Effect.provide(program, layer))
