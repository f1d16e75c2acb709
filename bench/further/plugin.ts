/** What the plain form of a plugin costs beside the same plugin in Effect. */
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { say } from "../harness/contest.ts"
import { measure } from "../harness/measure.ts"
import type { Options } from "../harness/options.ts"
import { type Budget, range, verdict } from "../harness/report.ts"
import { ratios } from "../harness/statistics.ts"

const held = 1.1
const script = fileURLToPath(new URL("../contenders/plugin.ts", import.meta.url))

export async function measurePlugin({ folder, pairs }: Options): Promise<ReadonlyArray<Budget>> {
  const output = join(folder, "plugin.ndjson")
  const once = async (form: "promise" | "effect") => {
    const { cpuSeconds } = await measure({
      file: process.execPath,
      args: [script, form, "", output],
      env: { NODE_COMPILE_CACHE: join(folder, "compile-cache") },
      reports: true,
    })
    return { cpuSeconds, rows: readFileSync(output) }
  }
  try {
    if (!(await once("promise")).rows.equals((await once("effect")).rows)) throw new Error("the two forms gave different rows")
    const promise = new Array<number>()
    const effect = new Array<number>()
    for (let pair = 0; pair < pairs; pair++) {
      promise.push((await once("promise")).cpuSeconds)
      effect.push((await once("effect")).cpuSeconds)
    }
    const found = ratios(promise, effect)
    say(`plugin: promise form ${range(found, 2)} × the CPU time of the Effect form`)
    return [
      {
        what: "CPU time of a source as async generator, against one as Effect stream",
        measured: `${range(found, 2)} ×`,
        held: `≤ ${held} ×`,
        met: verdict(found.median, held, undefined),
      },
    ]
  } finally {
    rmSync(output, { force: true })
  }
}
