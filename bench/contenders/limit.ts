/** The hand-written byte loops of `limits/`. */
import { convertFile, convertFileParallel } from "../limits/drive.ts"
import { loops } from "../limits/loops.ts"
import { contender, type Task } from "./contender.ts"

const run = ({ job, input, output, threads }: Task): Promise<void> => {
  const loop = loops[job]!
  return threads === 1 ? convertFile(loop, input, output) : convertFileParallel(job, loop, input, output, threads)
}

/** What collects all rows runs on one thread. */
const collect = ({ job, input, output }: Task): Promise<void> => convertFile(loops[job]!, input, output)

await contender({ j1: run, j2: collect, j3: collect, j4: run })
