/** The engine as an Effect service, and the services that it is made of. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../contract/Errors.ts"
import type { Files } from "../contract/Files.ts"
import type { Store } from "../contract/Store.ts"
import { nodeFiles } from "../node/nodeFiles.ts"
import { memoryStore } from "../store/memory.ts"
import type { EngineService } from "./EngineService.ts"
import { makeEngine } from "./EngineShape.ts"
import type { EngineOptions } from "./Options.ts"

/** The program's clock as the engine asks it: whole milliseconds since 1970. */
const nowOfClock: Effect.Effect<() => number> = Clock.clockWith((clock) =>
  Effect.succeed(() => Math.floor(clock.currentTimeMillisUnsafe())),
)

/** Where runs, events and cursors are kept. */
export class StateStore extends Context.Service<StateStore, Store>()("@deltaflow/core/StateStore") {
  /** The store that `make` gives, on the clock of the program; closed with the layer. */
  static layer(make: (now: () => number) => Store): Layer.Layer<StateStore> {
    const store = Effect.acquireRelease(Effect.map(nowOfClock, make), (it) => it.close())
    return Layer.effect(StateStore, store)
  }

  /** Gone with the layer. */
  static readonly layerMemory: Layer.Layer<StateStore> = StateStore.layer((now) => memoryStore({ now }))
}

/** The file system that connectors see. Default: the local disk. */
export const ProjectFiles: Context.Reference<Files> = Context.Reference("@deltaflow/core/ProjectFiles", { defaultValue: nodeFiles })

/** What the engine takes from services is no option here: the store, the files, the clock. */
export type EngineLayerOptions = Omit<EngineOptions, "files" | "now" | "store">

/**
 * The engine. Runs use the clock, the tracer and all else that the program provides, so that time can be simulated in tests.
 */
export class Engine extends Context.Service<Engine, EngineService>()("@deltaflow/core/Engine") {
  /** An engine with these plugins. When the layer's scope closes, what runs is cancelled and waited for. Fails where the store does. */
  static layer(options: EngineLayerOptions): Layer.Layer<Engine, StoreError, StateStore> {
    return Layer.effect(
      Engine,
      Effect.gen(function* () {
        const store = yield* StateStore
        const files = yield* ProjectFiles
        const now = yield* nowOfClock
        return yield* makeEngine({ ...options, store, files, now })
      }),
    )
  }
}
