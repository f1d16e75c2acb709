// #region effect
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Engine, StateStore } from "@deltaflow/core/effect"
import { scheduledRun } from "@deltaflow/scheduler/effect"
import { paidOrders, plugins } from "./shop.ts"

const nightly = Schedule.cron(process.env["CRON"] ?? "0 2 * * *", "Europe/Berlin")
const run = Effect.tap(scheduledRun(paidOrders), (ended) => Console.log(`effect: ${ended?.status}`))

const engine = Engine.layer({ plugins, projectRoot: import.meta.dirname }).pipe(Layer.provide(StateStore.layerMemory))
await Effect.runPromise(Effect.schedule(run, nightly).pipe(Effect.provide(engine)))
// #endregion
