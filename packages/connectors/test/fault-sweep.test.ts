import { describe, expect, it } from "vitest"
import { countOperations, type Fault, hows, outputs, runCase, ways } from "./faultSweep.ts"

/** `csv append:17:after:once`, from the line of a failure. */
const only = process.env["FAULT_CASE"]?.split(":")

/** As many of an output's operations at most, evenly spread. Each fails in one way; the large suite has every operation in every way. */
const MOST = 90

describe.skipIf(only !== undefined)("one fault at any operation of a run", async () => {
  const counted: Array<{ readonly output: (typeof outputs)[number]; readonly name: string; readonly faults: ReadonlyArray<Fault> }> = []
  for (const output of only === undefined ? outputs : []) {
    const count = await countOperations(output)
    const size = Math.min(count, MOST)
    const faults = Array.from({ length: size }, (_, i): Fault => {
      const at = 1 + Math.floor((i * count) / size)
      return { at, ...ways[(i + counted.length) % ways.length]! }
    })
    counted.push({ output, name: output.name, faults })
  }

  it.each(counted)("$name: nothing is lost, nothing comes twice, every run ends", async ({ output, faults }) => {
    const failures: Array<string> = []
    let struck = 0
    for (const fault of faults) {
      const result = await runCase(output, fault)
      struck += Number(result.isStruck)
      if (result.failure !== undefined) failures.push(result.failure)
    }
    expect(failures).toEqual([])
    expect(struck).toBeGreaterThanOrEqual(faults.length * 0.9)
  })

  it("comes in 500 cases and more", () => {
    expect(counted.flatMap(({ faults }) => faults).length).toBeGreaterThanOrEqual(500)
  })
})

describe.skipIf(only === undefined)("the case of FAULT_CASE", () => {
  it("holds", async () => {
    const [name, at, how, times] = only!
    const output = outputs.find((one) => one.name === name)
    const found = hows.find((one) => one === how)
    if (output === undefined || found === undefined) throw new Error(`FAULT_CASE: there is no case ${only!.join(":")}`)
    const { failure } = await runCase(output, { at: Number(at), how: found, forever: times === "forever" })
    expect(failure).toBeUndefined()
  })
})
