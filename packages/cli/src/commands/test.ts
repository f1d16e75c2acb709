/** `deltaflow test`: pipeline tests on fixtures. A line for each test, then what is wrong, then the sum. */
import { existsSync } from "node:fs"
import path from "node:path"
import type { Issue } from "@deltaflow/core"
import {
  failureText,
  findTestFiles,
  type LoadedTestFile,
  loadTestFile,
  type SnapshotName,
  type TestReport,
  TESTS_FOLDER,
} from "@deltaflow/testing/pipelines"
import { type Invocation, isSet, type RunCommand, UsageError } from "../Command.ts"
import { Interrupts } from "../interrupts.ts"
import { reportIssues } from "../report.ts"
import { engineOptions, issuesAsJson, openProject } from "../session.ts"
import { Secrets } from "@deltaflow/core"
import type { Terminal } from "../Terminal.ts"

export const run: RunCommand = async (invocation) => {
  const interrupts = new Interrupts(invocation.terminal, { isQuiet: isSet(invocation, "json") })
  try {
    const files = await loadFiles(invocation, interrupts.signal)
    return isSet(invocation, "validate") ? await validateAll(invocation, files) : await testAll(invocation, files, interrupts)
  } finally {
    interrupts.stop()
  }
}

const loadFiles = async (invocation: Invocation, signal: AbortSignal): Promise<ReadonlyArray<LoadedTestFile>> => {
  const secrets = new Secrets()
  const project = await openProject(invocation, {}, secrets)
  const places = invocation.operands.map((place) => path.resolve(invocation.cwd, place))
  const missing = places.findIndex((place) => !existsSync(place))
  if (missing >= 0) throw new UsageError(`there is no ${invocation.operands[missing]}. Name test files, or folders with test files.`)
  const found = await findTestFiles(project.root, places)
  if (found.length === 0) {
    const where = places.length === 0 ? path.join(project.root, TESTS_FOLDER) : invocation.operands.join(", ")
    throw new UsageError(`there are no tests in ${where}. A test file is a YAML file whose name ends in .test.yml.`)
  }
  const options = {
    update: isSet(invocation, "update-snapshot"),
    allSnapshots: isSet(invocation, "snapshot"),
    isCi: !["", "0", "false"].includes(invocation.env["CI"] ?? ""),
    signal,
  }
  return await Promise.all(found.map((file) => loadTestFile(file, project, engineOptions(invocation, project, secrets), options)))
}

interface Tested {
  readonly file: string
  readonly name: string
  readonly report: TestReport
}

const testAll = async (invocation: Invocation, files: ReadonlyArray<LoadedTestFile>, interrupts: Interrupts): Promise<number> => {
  const { terminal } = invocation
  const json = isSet(invocation, "json")
  const started = performance.now()
  const tested: Array<Tested> = []
  for (const { file, tests } of files) {
    if (!json && tests.length > 0) terminal.say(file)
    for (const { name, run: runTest } of tests) {
      if (interrupts.count > 0) break
      const report = await runTest()
      if (interrupts.count > 0) break
      tested.push({ file, name, report })
      if (!json) terminal.say(testLine(terminal, name, report))
    }
  }
  if (interrupts.count > 0) {
    if (!json) terminal.say("Interrupted. Nothing was written.")
    return 130
  }
  const sum: Sum = {
    tested,
    fileIssues: files.flatMap(({ issues }) => issues),
    snapshots: await storedSnapshots(files),
    durationMs: performance.now() - started,
  }
  if (json) terminal.data(JSON.stringify(sumAsJson(sum)))
  else sayEnd(terminal, sum)
  return codeOf(sum)
}

const isPassed = ({ failures, issues }: TestReport): boolean => failures.length + issues.length === 0

const testLine = (terminal: Terminal, name: string, report: TestReport): string => {
  const mark = isPassed(report) ? terminal.style("green", "✓") : terminal.style("red", "✗")
  return `  ${mark} ${name} ${terminal.style("dim", `(${Math.round(report.durationMs)} ms)`)}`
}

interface Sum {
  readonly tested: ReadonlyArray<Tested>
  /** Of files that could not be read. */
  readonly fileIssues: ReadonlyArray<Issue>
  readonly snapshots: StoredSnapshots
  readonly durationMs: number
}

interface StoredSnapshots {
  readonly written: number
  readonly updated: number
  readonly obsolete: ReadonlyArray<SnapshotName & { readonly file: string }>
}

const storedSnapshots = async (files: ReadonlyArray<LoadedTestFile>): Promise<StoredSnapshots> => {
  const counts = await Promise.all(files.map(async ({ file, snapshots }) => ({ file, ...(await snapshots()) })))
  return {
    written: counts.reduce((sum, { written }) => sum + written, 0),
    updated: counts.reduce((sum, { updated }) => sum + updated, 0),
    obsolete: counts.flatMap(({ file, obsolete }) => obsolete.map((name) => ({ file, ...name }))),
  }
}

/** 2 for what could not be run as it is written, 1 for what does not hold. */
const codeOf = ({ tested, fileIssues }: Sum): number => {
  if (fileIssues.length > 0 || tested.some(({ report }) => report.issues.length > 0)) return 2
  return tested.every(({ report }) => isPassed(report)) ? 0 : 1
}

const sayEnd = (terminal: Terminal, sum: Sum): void => {
  const { tested, fileIssues, durationMs } = sum
  for (const { file, name, report } of tested) {
    if (isPassed(report)) continue
    terminal.say(`\n${terminal.style("red", "✗")} ${terminal.style("bold", `${file} › ${name}`)}`)
    for (const failure of report.failures) terminal.say(indented(coloured(terminal, failureText(failure))))
    if (report.issues.length > 0) reportIssues(terminal, report.issues)
  }
  if (fileIssues.length > 0) {
    terminal.say()
    reportIssues(terminal, fileIssues)
  }
  saySnapshots(terminal, sum.snapshots)
  const passed = tested.filter(({ report }) => isPassed(report)).length
  const unread = new Set(fileIssues.map(({ file }) => file)).size
  const parts = [
    `${passed} passed`,
    ...(passed === tested.length ? [] : [terminal.style("red", `${tested.length - passed} failed`)]),
    ...(unread === 0 ? [] : [terminal.style("red", `${unread} file${unread === 1 ? "" : "s"} could not be read`)]),
  ]
  terminal.say(`\n${parts.join(", ")} (${(durationMs / 1000).toFixed(1)}s)`)
}

const saySnapshots = (terminal: Terminal, { written, updated, obsolete }: StoredSnapshots): void => {
  const many = (number: number): string => `${number} snapshot${number === 1 ? "" : "s"}`
  if (written + updated + obsolete.length > 0) terminal.say()
  if (written > 0) terminal.say(`${many(written)} written`)
  if (updated > 0) terminal.say(`${many(updated)} updated`)
  if (obsolete.length === 0) return
  terminal.say(`${terminal.style("yellow", "!")} ${many(obsolete.length)} of no test. --update-snapshot removes them:`)
  for (const { file, test, place } of obsolete) terminal.say(`  ${file} › ${test}: ${place}`)
}

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ")

const STYLES = { "+": "green", "-": "red", "~": "yellow" } as const

/** Lines of rows that are expected, found or changed. */
const coloured = (terminal: Terminal, text: string): string =>
  text
    .split("\n")
    .map((line) =>
      /^[-+~] +\S/.test(line) && !line.includes("expected and not there") ? terminal.style(STYLES[line[0] as "+"], line) : line,
    )
    .join("\n")

const sumAsJson = ({ tested, fileIssues, snapshots, durationMs }: Sum) => ({
  passed: tested.filter(({ report }) => isPassed(report)).length,
  failed: tested.filter(({ report }) => !isPassed(report)).length,
  duration_ms: Math.round(durationMs),
  tests: tested.map(({ file, name, report }) => ({
    file,
    name,
    passed: isPassed(report),
    duration_ms: Math.round(report.durationMs),
    failures: report.failures,
    issues: issuesAsJson(report.issues),
  })),
  issues: issuesAsJson(fileIssues),
  snapshots,
})

/** Checks everything that is known without running a test. */
const validateAll = async (invocation: Invocation, files: ReadonlyArray<LoadedTestFile>): Promise<number> => {
  const { terminal } = invocation
  const issues: Array<Issue> = files.flatMap((file) => file.issues)
  const valid: Array<{ readonly file: string; readonly name: string }> = []
  for (const { file, tests } of files)
    for (const { name, validate } of tests) {
      const found = await validate()
      issues.push(...found)
      if (found.length === 0) valid.push({ file, name })
    }
  const all = distinct(issues)
  if (isSet(invocation, "json")) terminal.data(JSON.stringify({ valid: all.length === 0, tests: valid, issues: issuesAsJson(all) }))
  else {
    for (const { file, name } of valid) terminal.say(`${terminal.style("green", "✓")} ${file} › ${name}`)
    reportIssues(terminal, all)
  }
  return all.length === 0 ? 0 : 2
}

/** Several tests find the same mistake of their pipeline. */
const distinct = (issues: ReadonlyArray<Issue>): ReadonlyArray<Issue> => [
  ...new Map(issues.map((issue) => [JSON.stringify([issue.file, issue.line, issue.column, issue.message]), issue])).values(),
]
