/**
 * The product's own decoders, steps and encoders in a loop without the engine: what a run costs beyond it is the engine's overhead.
 *
 * Reads, splits, decodes, transforms, encodes and writes in turn, in batches of 5,000 rows, and makes the file durable as the product does.
 */
import { closeSync, fsyncSync, openSync, readSync, renameSync, writeSync } from "node:fs"
import {
  makeCsvDecoder,
  makeCsvEncoder,
  encodeCsvHeader,
  makeJsonEncoder,
  makeNdjsonDecoder,
  strictCsv,
  textKernel,
  type TextDecode,
  type TextEncode,
} from "@deltaflow/core/text"
import type * as Expressions from "../../packages/core/src/expression/load.ts"
import type { ColumnSchema } from "../../packages/core/src/model/ColumnType.ts"
import type * as Segment from "../../packages/core/src/transform/Segment.ts"
import type { CompiledSteps, RowStep } from "../../packages/core/src/transform/Step.ts"
import { inputColumns } from "../columns.ts"
import { contender, type Task } from "./contender.ts"
import { filter, map } from "./steps.ts"

const batchSize = 5000
const chunkSize = 1 << 20

const types = { id: "integer", customer_id: "integer", amount: "decimal", created_at: "timestamptz" } as const

const columns = inputColumns.map((name): ColumnSchema => ({
  name,
  type: name in types ? types[name as keyof typeof types] : "string",
  nullable: true,
}))

/** Of the core, but not of its public parts. */
const internal = async <Module>(path: string): Promise<Module> => {
  const entry = import.meta.resolve("@deltaflow/core")
  return (await import(new URL(path + entry.slice(entry.lastIndexOf(".")), entry).href)) as Module
}

async function compile(steps: ReadonlyArray<RowStep>): Promise<CompiledSteps> {
  const { loadExpressionParser } = await internal<typeof Expressions>("./expression/load")
  const { compileSteps, codeGenerationWorks } = await internal<typeof Segment>("./transform/Segment")
  await loadExpressionParser()
  const spec = { steps, input: { columns }, runtime: {}, now: Date.now(), backend: codeGenerationWorks() ? "code" : "closure" } as const
  const result = compileSteps(spec, () => undefined)
  if (!result.ok) throw new Error(`loop: ${result.issues.map(({ path, message }) => `${path}: ${message}`).join("\n")}`)
  return result.steps
}

interface Loop {
  readonly steps: CompiledSteps
  readonly decode: TextDecode
  readonly encode: TextEncode
  /** Where the last whole row ends; 0 or less where there is none. */
  readonly split: (bytes: Uint8Array) => number
  readonly hasHeader: boolean
  readonly header: Uint8Array
}

async function run({ input, output }: Task, loop: Loop): Promise<void> {
  const reading = openSync(input, "r")
  const writing = openSync(`${output}.part`, "w")
  writeSync(writing, loop.header)
  for (const chunk of wholeRows(reading, loop)) {
    for (const batch of loop.decode(chunk).batches) {
      const result = await loop.steps.run(batch)
      writeSync(writing, loop.encode(result.batch))
    }
  }
  fsyncSync(writing)
  closeSync(writing)
  closeSync(reading)
  renameSync(`${output}.part`, output)
}

/** Chunks that end with a row; each is fresh, as the batches keep it. */
function* wholeRows(file: number, { split, hasHeader }: Loop): Generator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0)
  let first = hasHeader
  for (;;) {
    const chunk = new Uint8Array(rest.length + chunkSize)
    chunk.set(rest)
    const read = readSync(file, chunk, rest.length, chunkSize, null)
    const filled = chunk.subarray(0, rest.length + read)
    if (read === 0) {
      if (filled.length > 0) yield filled
      return
    }
    const start = first ? filled.indexOf(10) + 1 : 0
    first = false
    const end = start + split(filled.subarray(start))
    if (end > start) yield filled.subarray(start, end)
    rest = filled.slice(Math.max(end, start))
  }
}

await contender({
  j1: async (task) =>
    run(task, {
      steps: await compile([filter, map]),
      decode: makeCsvDecoder({ ...strictCsv, columns, batchSize, lenient: false }),
      encode: makeJsonEncoder({ layout: "lines" }),
      split: (bytes) => textKernel().splitCsv(bytes, 0, bytes.length, strictCsv.quote, false).boundary,
      hasHeader: true,
      header: new Uint8Array(0),
    }),
  j4: async (task) =>
    run(task, {
      steps: await compile([filter]),
      decode: makeNdjsonDecoder({ columns, batchSize }),
      encode: makeCsvEncoder({ ...strictCsv, columns: inputColumns }),
      split: (bytes) => bytes.lastIndexOf(10) + 1,
      hasHeader: false,
      header: encodeCsvHeader({ ...strictCsv, columns: inputColumns }),
    }),
})
