/**
 * Worker threads that decode a chunk, run the steps and encode the result. The bytes are moved, not copied.
 *
 * A chunk that a worker cannot do (a bad row, a new column) comes back whole, and the engine does it in its own thread. So does it with
 * those that no worker has time for: it is one of the threads that share the work.
 */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { EngineError } from "../contract/Errors.ts"
import type { ModuleReference } from "../contract/Plugin.ts"
import type { Trees } from "../expression/Parse.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import type { StepsSpec } from "../transform/Step.ts"

/** What each worker needs to know before its first chunk. Goes through structured clone. */
export interface WorkerSetup {
  readonly decoder: ModuleReference
  readonly steps: StepsSpec
  /** Of all expressions of the steps. */
  readonly trees: Trees
  readonly encoder: ModuleReference
  /** The schema that the encoder was made for. */
  readonly output: BatchSchema
}

export interface WorkerResult {
  readonly bytes: Uint8Array
  /** Rows in the output bytes. */
  readonly rows: number
  readonly rowsIn: number
  readonly lines: number
  readonly passed: ReadonlyArray<number>
  readonly schema: BatchSchema
  readonly bytesRead: number
  /** The buffer of the chunk, which nobody needs any more. */
  readonly chunk: ArrayBufferLike
}

/** What a worker is sent and sends back. */
export interface WorkerJob {
  readonly id: number
  readonly bytes: Uint8Array
  /** Memory to write the result into. */
  readonly spare?: ArrayBuffer
}

export type WorkerAnswer =
  | { readonly id: number; readonly result: Omit<WorkerResult, "schema" | "bytesRead"> }
  | { readonly id: number; readonly refused: Uint8Array }

export interface Workers {
  /** Chunks that are worth asking for at once, so that all threads and this one have something to do. */
  readonly capacity: number
  /** The result, or the chunk's bytes where the worker could not do it. `isOwned`: nothing else lies in the buffer of the bytes. */
  readonly run: (bytes: Uint8Array, isOwned: boolean) => Effect.Effect<WorkerResult | Uint8Array, EngineError>
  /** Takes the buffer of a result back, to write another one into it. */
  readonly reuse: (buffer: ArrayBufferLike) => void
}

/** Rows do not live long, so a small nursery is enough; V8's own would hold tens of megabytes in each thread. */
const YOUNG_MB = 4

/** Chunks that a thread may have at once: one to work on, and one so that it need not wait. */
const MOST_PENDING = 2

interface Thread {
  readonly worker: Worker
  pending: number
}

/** Starts the threads; they end with the scope. */
export const makeWorkers = (size: number, setup: WorkerSetup): Effect.Effect<Workers, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new WorkerPool(size, setup)),
      (pool) => Effect.promise(() => pool.close()),
    ),
    (pool) => ({
      capacity: MOST_PENDING * (size + 1),
      run: (bytes, isOwned) => pool.run(bytes, isOwned),
      reuse: (buffer) => pool.reuse(buffer),
    }),
  )

interface Waiting {
  readonly resume: (effect: Effect.Effect<WorkerResult | Uint8Array, EngineError>) => void
  readonly thread: Thread
  readonly bytesRead: number
}

class WorkerPool {
  private readonly threads: ReadonlyArray<Thread>
  private readonly setup: WorkerSetup
  private readonly waiting = new Map<number, Waiting>()
  private readonly spares: Array<ArrayBuffer> = []
  private nextId = 0
  private closing = false

  constructor(size: number, setup: WorkerSetup) {
    this.setup = setup
    this.threads = Array.from({ length: size }, () => this.start())
  }

  run(bytes: Uint8Array, isOwned: boolean): Effect.Effect<WorkerResult | Uint8Array, EngineError> {
    return Effect.callback((resume) => {
      const thread = this.threads.reduce((least, one) => (one.pending < least.pending ? one : least))
      if (thread.pending >= MOST_PENDING) return resume(Effect.succeed(bytes))
      const id = this.nextId++
      this.waiting.set(id, { resume, thread, bytesRead: bytes.byteLength })
      thread.pending++
      const moved = isOwned ? bytes : new Uint8Array(bytes)
      const spare = this.spares.pop()
      const job: WorkerJob = { id, bytes: moved, ...(spare === undefined ? {} : { spare }) }
      thread.worker.postMessage(job, [moved.buffer as ArrayBuffer, ...(spare === undefined ? [] : [spare])])
      return Effect.sync(() => void this.waiting.delete(id))
    })
  }

  reuse(buffer: ArrayBufferLike): void {
    if (buffer instanceof ArrayBuffer && this.spares.length < MOST_PENDING * (this.threads.length + 1)) this.spares.push(buffer)
  }

  async close(): Promise<void> {
    this.closing = true
    await Promise.all(this.threads.map((thread) => thread.worker.terminate()))
  }

  private start(): Thread {
    const isSource = import.meta.url.endsWith(".ts")
    const url = new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url)
    const worker = new Worker(url, {
      workerData: this.setup,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      // When the sources themselves are run, the worker has to find the other packages' sources too. Otherwise it takes over what the
      // process was started with; named here, flags of V8 would be refused.
      ...(isSource ? { execArgv: ["--conditions=source", "--disable-warning=ExperimentalWarning"] } : {}),
    })
    const thread: Thread = { worker, pending: 0 }
    worker.on("message", (answer: WorkerAnswer) => this.answered(thread, answer))
    worker.on("error", (cause) => this.failed(thread, cause))
    worker.on("exit", () => this.failed(thread, new Error("it ended")))
    return thread
  }

  private answered(thread: Thread, answer: WorkerAnswer): void {
    thread.pending--
    const waiting = this.waiting.get(answer.id)
    if (waiting === undefined) return
    this.waiting.delete(answer.id)
    const result = "refused" in answer ? answer.refused : { ...answer.result, schema: this.setup.output, bytesRead: waiting.bytesRead }
    waiting.resume(Effect.succeed(result))
  }

  private failed(thread: Thread, cause: Error): void {
    if (this.closing) return
    const error = new EngineError({
      code: "WORKER_FAILED",
      message: `A worker thread ended unexpectedly: ${cause.message}. Run with workers: 1 to see the cause in the main thread.`,
      cause,
    })
    for (const [id, waiting] of this.waiting) {
      if (waiting.thread !== thread) continue
      this.waiting.delete(id)
      waiting.resume(Effect.fail(error))
    }
  }
}
