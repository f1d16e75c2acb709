import { expect, it } from "vitest"
import { countsOf, summary, total } from "./tally.mjs"

const report = (counts: Record<string, number>, testResults: ReadonlyArray<unknown> = []) => ({
  numTotalTests: 1,
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults,
  ...counts,
})

it("counts a test file that could not be loaded as one failure", () => {
  const broken = { status: "failed", assertionResults: [] }
  expect(countsOf(report({ numPassedTests: 3 }, [broken]))).toEqual({ passed: 3, failed: 1, skipped: 0 })
})

it("counts a failed test once, not also its file", () => {
  const file = { status: "failed", assertionResults: [{ status: "failed" }] }
  expect(countsOf(report({ numFailedTests: 1 }, [file]))).toEqual({ passed: 0, failed: 1, skipped: 0 })
})

it("adds tests and checks together", () => {
  const tests = countsOf(report({ numPassedTests: 10, numPendingTests: 2, numTodoTests: 1 }))
  const checks = countsOf({ passed: 4, failed: 1, skipped: 0 })
  expect(summary(total([tests, checks], [0, 1]))).toBe("14 passed, 1 failed, 3 skipped")
})

it("counts a command that failed with no failed test as a failure", () => {
  expect(summary(total([{ passed: 5, failed: 0, skipped: 0 }], [0, 1]))).toBe("5 passed, 1 failed")
})

it("leaves the skipped out when there are none", () => {
  expect(summary({ passed: 2, failed: 0, skipped: 0 })).toBe("2 passed, 0 failed")
})
