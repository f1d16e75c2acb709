/**
 * Reads a file in blocks, converts them and writes what comes out, on one thread or on several.
 *
 * Rows are at most `longestRow` bytes long: so a block's last rows wait for the next block, and the loops need no check of its end.
 */
import { closeSync, fstatSync, openSync, readSync, write, writeSync } from "node:fs"
import { promisify } from "node:util"
import { Worker } from "node:worker_threads"
import { type Block, block } from "./words.ts"

export interface Loop {
  readonly convert: (input: Block, start: number, end: number, output: Block) => number
  /** Writes what was collected, in pieces, once the last row is in. */
  readonly rest?: (output: Block) => Iterable<number>
  readonly rowStart: (bytes: Uint8Array, from: number) => number
  /** Whether the input's first line is a header. */
  readonly hasHeader: boolean
  /** Written before the rows. */
  readonly header: string
  /** Output bytes per input byte, at most. */
  readonly growth: number
}

const longestRow = 4096
const blockSize = 1 << 20
const writeAsync = promisify(write)

/** One thread; the write of a block overlaps the work on the next. */
export async function convertFile(loop: Loop, inputPath: string, outputPath: string): Promise<void> {
  const input = openSync(inputPath, "r")
  const output = openSync(outputPath, "w")
  const rows = block(blockSize + 2 * longestRow)
  const lines = [block(blockSize * loop.growth), block(blockSize * loop.growth)]
  const size = fstatSync(input).size
  let done = 0
  let held = 0
  let turn = 0
  let writing: Promise<unknown> = Promise.resolve(writeSync(output, loop.header))
  while (done < size) {
    const read = readSync(input, rows.bytes, held, blockSize, null)
    const start = done === 0 && loop.hasHeader ? loop.rowStart(rows.bytes, 1) : 0
    done += read
    held += read
    const end = done === size ? held : loop.rowStart(rows.bytes, Math.max(held - longestRow, start))
    const out = lines[turn]!
    const written = loop.convert(rows, start, end, out)
    rows.bytes.copyWithin(0, end, held)
    held -= end
    await writing
    writing = writeAsync(output, out.bytes, 0, written, null)
    turn ^= 1
  }
  await writing
  if (loop.rest !== undefined) {
    const out = block(blockSize)
    for (const written of loop.rest(out)) writeSync(output, out.bytes, 0, written)
  }
  closeSync(output)
}

/** What the threads share: the next part to take, and where in the output each part begins once that is known. */
export interface Shared {
  readonly next: Int32Array<SharedArrayBuffer>
  readonly starts: BigInt64Array<SharedArrayBuffer>
}

const partSize = 4 << 20
const unknown = -1n

/** Several threads take parts of the file in turn. Each writes its own once the lengths of all earlier ones are known: order is kept. */
export async function convertFileParallel(job: string, loop: Loop, inputPath: string, outputPath: string, threads: number): Promise<void> {
  const output = openSync(outputPath, "w")
  const header = writeSync(output, loop.header)
  closeSync(output)
  const shared = share(inputPath, header)
  const others = Array.from({ length: threads - 1 }, () => finished(startWorker({ job, inputPath, outputPath, shared })))
  takeParts(loop, inputPath, outputPath, shared)
  await Promise.all(others)
}

function share(inputPath: string, header: number): Shared {
  const input = openSync(inputPath, "r")
  const parts = Math.ceil(fstatSync(input).size / partSize)
  closeSync(input)
  const starts = new BigInt64Array(new SharedArrayBuffer((parts + 1) * 8)).fill(unknown)
  starts[0] = BigInt(header)
  return { next: new Int32Array(new SharedArrayBuffer(4)), starts }
}

const startWorker = (workerData: unknown): Worker => new Worker(new URL("./worker.ts", import.meta.url), { workerData })

const finished = (worker: Worker): Promise<void> =>
  new Promise((resolve, reject) => {
    worker.on("error", reject)
    worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`limits: a worker ended with code ${code}.`))))
  })

/** Works on parts until none is left. Runs in every thread. */
export function takeParts(loop: Loop, inputPath: string, outputPath: string, { next, starts }: Shared): void {
  const input = openSync(inputPath, "r")
  const output = openSync(outputPath, "r+")
  const rows = block(partSize + longestRow)
  const lines = block(partSize * loop.growth)
  for (let part = Atomics.add(next, 0, 1); part < starts.length - 1; part = Atomics.add(next, 0, 1)) {
    const written = convertPart(loop, input, part, rows, lines)
    Atomics.wait(starts, part, unknown)
    const start = Atomics.load(starts, part)
    Atomics.store(starts, part + 1, start + BigInt(written))
    Atomics.notify(starts, part + 1)
    writeSync(output, lines.bytes, 0, written, Number(start))
  }
  closeSync(input)
  closeSync(output)
}

function convertPart(loop: Loop, input: number, part: number, rows: Block, lines: Block): number {
  // One byte earlier, so that a row that begins exactly with the part is seen behind its line break.
  const offset = Math.max(part * partSize - 1, 0)
  const limit = (part + 1) * partSize - offset
  const read = readSync(input, rows.bytes, 0, limit + longestRow, offset)
  const start = part > 0 || loop.hasHeader ? loop.rowStart(rows.bytes, 1) : 0
  const end = read <= limit ? read : loop.rowStart(rows.bytes, limit)
  return loop.convert(rows, start, end, lines)
}
