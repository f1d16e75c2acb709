/** The engine behind the Promise API, with its scope. Loaded, and Effect with it, by the first call of an `Engine`. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type EngineShape, makeEngine } from "./EngineShape.ts"
import type { EngineOptions } from "./Options.ts"
import { promised } from "../contract/promised.ts"

export class EngineScope {
  private readonly scope = Scope.makeUnsafe()
  private readonly options: EngineOptions
  private shape: Promise<EngineShape> | undefined

  constructor(options: EngineOptions) {
    this.options = options
  }

  /** The engine, opened by the first call. */
  engine(): Promise<EngineShape> {
    if (this.shape !== undefined) return this.shape
    const shape = promised(makeEngine(this.options).pipe(Scope.provide(this.scope)))
    this.shape = shape
    shape.catch(() => {
      // Told to whoever asked. A store that was away may be there when the next one asks.
      this.shape = undefined
    })
    return shape
  }

  /** Here because an `Engine` loads Effect with its scope. */
  readonly toPromise = promised

  async close(): Promise<void> {
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
  }
}
