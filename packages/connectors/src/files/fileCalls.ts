/** The calls of a load on its output file, one after the other. */
import type { DestinationError, LoadRequest } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import { writeFailure } from "./failures.ts"

export class FileCalls {
  private readonly label: string
  private readonly request: Pick<LoadRequest<unknown>, "name" | "log">
  private last: Promise<unknown> = Promise.resolve()

  constructor(label: string, request: Pick<LoadRequest<unknown>, "name" | "log">) {
    this.label = label
    this.request = request
  }

  attempt<A>(run: () => Promise<A>): Effect.Effect<A, DestinationError> {
    const call = () => {
      const called = run()
      this.last = called
      return called
    }
    return Effect.tryPromise({ try: call, catch: (cause) => writeFailure(this.label, this.request.name, cause) })
  }

  /** What cannot be cleaned up is told and left: the run has ended by now, one way or the other. */
  async close(close: () => Promise<unknown>): Promise<void> {
    try {
      // A run that is interrupted leaves a call that goes on; the file is not closed under it.
      await Promise.allSettled([this.last])
      await close()
    } catch (cause) {
      this.request.log.warn(writeFailure(this.label, this.request.name, cause).message)
    }
  }
}
