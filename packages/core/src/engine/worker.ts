/** The worker thread's side of `Workers`: decode, run the steps, encode, chunk by chunk. */
import { parentPort, workerData } from "node:worker_threads"
import type { Encode } from "../contract/Destination.ts"
import type { ModuleReference } from "../contract/Plugin.ts"
import type { Decode } from "../contract/Source.ts"
import { isSameSchema } from "../model/ColumnType.ts"
import { loadExpressions } from "../expression/load.ts"
import { useTrees } from "../expression/Parse.ts"
import { compileSteps } from "../transform/Segment.ts"
import { loadTransformFunctions } from "../transform/custom.ts"
import { type CompiledSteps, expressionsOf, type StepsResult } from "../transform/Step.ts"
import type { WorkerAnswer, WorkerJob, WorkerSetup } from "./Workers.ts"

const setup = workerData as WorkerSetup

interface Ready {
  readonly decode: Decode
  readonly encode: Encode
  readonly steps: CompiledSteps
}

const load = async <F>(reference: ModuleReference): Promise<F> => {
  const module = (await import(reference.url)) as Record<string, (options: unknown) => F>
  return module[reference.name]!(reference.options)
}

const prepare = async (): Promise<Ready> => {
  useTrees(setup.trees)
  const [decode, encode] = await Promise.all([
    load<Decode>(setup.decoder),
    load<Encode>(setup.encoder),
    loadExpressions(setup.steps.steps.flatMap(expressionsOf)),
  ])
  const functions = await loadTransformFunctions(setup.steps.steps, (url) => import(url) as Promise<Record<string, unknown>>)
  const compiled = compileSteps(setup.steps, functions)
  if (!compiled.ok) throw new Error(compiled.issues.map((issue) => issue.message).join("\n"))
  return { decode, encode, steps: compiled.steps }
}

const ready = prepare()

const work = async (job: WorkerJob): Promise<WorkerAnswer> => {
  const { decode, encode, steps } = await ready
  const decoded = decode(job.bytes)
  const passed = new Array<number>(setup.steps.steps.length).fill(0)
  const output = new Output(job.spare ?? new ArrayBuffer(job.bytes.byteLength))
  let rows = 0
  for (const batch of decoded.batches) {
    const result: StepsResult = await steps.run(batch)
    if (!isSameSchema(result.batch.schema, setup.output)) throw new Error("the rows have another schema than planned")
    result.passed.forEach((count, i) => (passed[i] = passed[i]! + count))
    rows += result.batch.length
    if (result.batch.length > 0) output.add(encode(result.batch))
  }
  decoded.release?.()
  return {
    id: job.id,
    result: { bytes: output.written(), rows, rowsIn: decoded.rows, lines: decoded.lines, passed, chunk: job.bytes.buffer },
  }
}

/** Joins what was encoded in memory that grows and is used again. */
class Output {
  private bytes: Uint8Array<ArrayBuffer>
  private length = 0

  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer)
  }

  add(part: Uint8Array): void {
    const end = this.length + part.byteLength
    if (end > this.bytes.byteLength) {
      const larger = new Uint8Array(end + (end >> 1))
      larger.set(this.bytes.subarray(0, this.length))
      this.bytes = larger
    }
    this.bytes.set(part, this.length)
    this.length = end
  }

  written(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length)
  }
}

// One chunk at a time: a step that waits must not let a later chunk in between.
let queue: Promise<void> = Promise.resolve()

parentPort?.on("message", (job: WorkerJob) => {
  queue = queue.then(async () => {
    const answer = await work(job).catch((): WorkerAnswer => ({ id: job.id, refused: job.bytes }))
    const moved = "refused" in answer ? [answer.refused.buffer] : [answer.result.bytes.buffer, answer.result.chunk]
    parentPort?.postMessage(answer, moved as Array<ArrayBuffer>)
  })
})
