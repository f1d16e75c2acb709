/** `deltaflow types`: TypeScript for the rows of pipelines, from the schemas that their sources have now. No row is read. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import { DeltaflowError, type Explanation, rowTypes, rowTypesHeader } from "@deltaflow/core"
import { type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { lineDifference } from "../lineDifference.ts"
import { lookedAtPipeline } from "../quickPipeline.ts"
import { messageOf, reportError } from "../report.ts"
import { chosenPipelines, openSession, withPlace } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  const out = textFlag(invocation, "out")
  const isCheck = isSet(invocation, "check")
  if (isCheck && out === undefined) throw new UsageError("--check compares with a file: name it with --out.")
  const file = out === undefined ? undefined : path.resolve(invocation.cwd, out)
  const before = file === undefined ? undefined : await ownText(file)
  const looked = await lookAtAll(invocation)
  if (looked.failures.length > 0) return reportFailures(invocation, looked.failures, file)
  const result = rowTypes(looked.explanations)
  const found: Found = { ...result, file, out, stale: before === undefined || plain(before) !== result.text }
  if (isCheck) return check(invocation, found, plain(before ?? ""))
  if (file !== undefined && found.stale) await replaceFile(file, result.text)
  sayWritten(invocation, found)
  return 0
}

interface Found extends ReturnType<typeof rowTypes> {
  readonly file: string | undefined
  /** The file as it was named. */
  readonly out: string | undefined
  readonly stale: boolean
}

interface Looked {
  readonly explanations: ReadonlyArray<Explanation>
  readonly failures: ReadonlyArray<{ readonly pipeline: string; readonly error: unknown }>
}

/** A text that Git has given other line ends is the same. */
const plain = (text: string): string => text.replaceAll("\r\n", "\n")

/** What is in the file, where it is one of ours. Any other is not to be lost. */
const ownText = async (file: string): Promise<string | undefined> => {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw new UsageError(`--out ${file}: the file cannot be read: ${error.message}.`)
  })
  if (text === undefined || text.trim() === "" || text.startsWith(rowTypesHeader)) return text
  throw new UsageError(`--out ${file}: deltaflow types has not made this file, and leaves it as it is. Name another, or remove it.`)
}

/** All pipelines are looked at, so that everything that fails is said at once. */
const lookAtAll = async (invocation: Invocation): Promise<Looked> => {
  const from = textFlag(invocation, "from")
  if (from !== undefined && invocation.operands.length > 0) throw new UsageError("--from goes without files.")
  await using session = await openSession(invocation, { files: invocation.operands, inMemory: true })
  const pipelines = from === undefined ? chosenPipelines(invocation, session.project) : [lookedAtPipeline(invocation, from)]
  if (pipelines.length === 0) throw new UsageError("there is no pipeline here. Name a file.")
  const explanations: Array<Explanation> = []
  const failures: Array<Looked["failures"][number]> = []
  for (const pipeline of pipelines) {
    try {
      const explanation = await session.engine.explain(pipeline)
      // With `--from` the rows of the pipeline are those of its source, and once is enough.
      explanations.push(from === undefined ? explanation : { ...explanation, sources: [] })
    } catch (error) {
      if (!(error instanceof DeltaflowError)) throw error
      failures.push({ pipeline: pipeline.name, error: await withPlace(session.project, pipeline, error) })
    }
  }
  return { explanations, failures }
}

/** All or nothing: types of half of the pipelines would be missing where they are used, far from the reason. */
const reportFailures = (invocation: Invocation, failures: Looked["failures"], file: string | undefined): number => {
  const { terminal } = invocation
  const options = { json: isSet(invocation, "json"), verbose: isSet(invocation, "verbose") }
  const codes = failures.map(({ pipeline, error }) => {
    if (!options.json) terminal.say(`${terminal.style("red", "✗")} ${pipeline}`)
    return reportError(terminal, error, options)
  })
  if (!options.json) terminal.say(`\nNo types were written${file === undefined ? "" : `, and ${file} is as it was`}.`)
  return Math.max(...codes)
}

const check = (invocation: Invocation, { text, out, file, stale }: Found, before: string): number => {
  const { terminal } = invocation
  const difference = stale ? lineDifference(before, text) : []
  if (isSet(invocation, "json")) terminal.data(JSON.stringify({ file, stale, difference }))
  else if (stale) {
    terminal.data(difference.join("\n"))
    terminal.say(`${terminal.style("red", "error")}: ${out} is stale: the sources have other columns. Run deltaflow types --out ${out}.`)
  } else terminal.say(`${terminal.style("green", "✓")} ${out} is up to date`)
  return stale ? 1 : 0
}

/** In one step, so that nobody sees half of a file. */
const replaceFile = async (file: string, text: string): Promise<void> => {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(temporary, text)
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw new UsageError(`--out ${file}: the file cannot be written: ${messageOf(error)}.`)
  }
}

const sayWritten = (invocation: Invocation, { text, pipelines, file, out, stale }: Found): void => {
  const { terminal } = invocation
  if (isSet(invocation, "json"))
    return terminal.data(JSON.stringify({ file: file ?? null, pipelines, ...(file === undefined ? { text } : {}) }))
  if (file === undefined) return terminal.data(text.trimEnd())
  const rows = pipelines.flatMap(({ sources, rows: own }) => [...sources, own])
  terminal.say(`${terminal.style("green", "✓")} ${out} ${stale ? "written" : "is up to date"}: ${rows.map(({ row }) => row).join(", ")}`)
}
