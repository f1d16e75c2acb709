import { workerData } from "node:worker_threads"
import { type Shared, takeParts } from "./drive.ts"
import { loops } from "./loops.ts"

interface Assignment {
  readonly job: string
  readonly inputPath: string
  readonly outputPath: string
  readonly shared: Shared
}

const { job, inputPath, outputPath, shared } = workerData as Assignment
takeParts(loops[job]!, inputPath, outputPath, shared)
