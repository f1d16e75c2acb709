/**
 * What every contender that runs in Node shares: it takes `job input output threads` from the command line, and tells at
 * its end what its process used.
 */
import { existsSync, readFileSync, writeSync } from "node:fs"

export interface Task {
  readonly job: string
  readonly input: string
  readonly output: string
  readonly threads: number
}

/** The harness reads this file descriptor. Without the variable, as when a contender is run by hand, the figures go to stderr. */
const usageFile = Number(process.env.BENCH_USAGE_FD ?? 2)

/** What a contender tells beside the figures of its process. */
interface More {
  readonly spilledMegabytes: number
}

export async function contender(jobs: Readonly<Record<string, (task: Task) => void | Promise<void | More>>>): Promise<void> {
  const [job = "", input = "", output = "", threads = "1"] = process.argv.slice(2)
  const run = jobs[job]
  if (run === undefined) throw new Error(`${process.argv[1]}: no job "${job}". Use one of ${Object.keys(jobs).join(", ")}.`)
  let more: void | More = undefined
  process.on("exit", () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
    const peakMegabytes = (ownPeak() ?? maxRSS) / 1024
    writeSync(usageFile, `${JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMegabytes, ...more })}\n`)
  })
  more = await run({ job, input, output, threads: Number(threads) })
}

/** KiB. What `maxRSS` says begins with the size of the process that started this one, which may be larger; Linux knows this one's own. */
function ownPeak(): number | undefined {
  const status = "/proc/self/status"
  const found = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))?.[1] : undefined
  return found === undefined ? undefined : Number(found)
}
