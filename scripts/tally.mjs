/**
 * Adds up what the test runs and checks left in a folder: `node scripts/tally.mjs FOLDER EXIT-CODE…`.
 *
 * The last line is `N passed, N failed` and, where tests were skipped, `, N skipped`. Each exit code is that of a command
 * that wrote into the folder: one that failed without a failed test to show for it counts as one failure.
 */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** A test file that could not even be loaded has no test in it that failed. @param {any} report */
const brokenFiles = (report) =>
  report.testResults.filter((/** @type {any} */ file) => file.status === "failed" && file.assertionResults.length === 0).length

/** @param {any} report @returns {Counts} */
export const countsOf = (report) =>
  "numTotalTests" in report
    ? {
        passed: report.numPassedTests,
        failed: report.numFailedTests + brokenFiles(report),
        skipped: report.numPendingTests + report.numTodoTests,
      }
    : report

/** @param {ReadonlyArray<Counts>} all @param {ReadonlyArray<number>} exitCodes @returns {Counts} */
export const total = (all, exitCodes) => {
  const sum = (/** @type {keyof Counts} */ key) => all.reduce((so, counts) => so + counts[key], 0)
  const unexplained = sum("failed") === 0 ? exitCodes.filter((code) => code !== 0).length : 0
  return { passed: sum("passed"), failed: sum("failed") + unexplained, skipped: sum("skipped") }
}

/** @param {Counts} counts */
export const summary = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`

if (import.meta.main) {
  const [folder = "", ...codes] = process.argv.slice(2)
  const reports = readdirSync(folder).map((file) => countsOf(JSON.parse(readFileSync(path.join(folder, file), "utf8"))))
  const counts = total(reports, codes.map(Number))
  process.stdout.write(`${summary(counts)}\n`)
  process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
}
