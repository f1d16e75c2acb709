import { describe, expect, it } from "vitest"
import { countOperations, outputs, runCase, ways } from "./faultSweep.ts"

describe("one fault at any operation of a run, in every way", () => {
  it.each(outputs)("$name: nothing is lost, nothing comes twice, every run ends", async (output) => {
    const count = await countOperations(output)
    const failures: Array<string> = []
    for (let at = 1; at <= count; at++) {
      for (const way of ways) {
        const { failure } = await runCase(output, { at, ...way })
        if (failure !== undefined) failures.push(failure)
      }
    }
    expect(failures).toEqual([])
  })
})
