/** The hand-written byte loops of `limits/`. */
import { convertFile, convertFileParallel } from "../limits/drive.ts"
import { loops } from "../limits/loops.ts"
import { contender, type Task } from "./contender.ts"

const run = ({ job, input, output, threads }: Task): Promise<void> => {
  const loop = loops[job]!
  return threads === 1 ? convertFile(loop, input, output) : convertFileParallel(job, loop, input, output, threads)
}

await contender({ j1: run, j4: run })
