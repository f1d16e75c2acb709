/** `deltaflow run`: one or all pipelines, with lines for people or events for machines. */
import { type DecodedPipeline, DefinitionError, type RunHandle, type RunOptions, type RunResult, stringifyJson } from "@deltaflow/core"
import { countFlag, type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { count, Live } from "../Live.ts"
import { chosenPipelines, openSession, type Session, withPlace } from "../session.ts"
import { reportError } from "../report.ts"
import { eventAsJson, runAsJson } from "../runRows.ts"
import { quickPipeline } from "../quickPipeline.ts"

export const run: RunCommand = async (invocation) => {
  const quick = textFlag(invocation, "from") !== undefined || textFlag(invocation, "to") !== undefined
  if (quick && invocation.operands.length > 0)
    throw new UsageError("--from and --to make a pipeline of their own: name no file beside them.")
  await using session = await openSession(invocation, { files: invocation.operands, inMemory: quick })
  const interrupts = new Interrupts(invocation)
  try {
    const pipelines = quick ? [quickPipeline(invocation)] : chosenPipelines(invocation, session.project)
    if (pipelines.length === 0)
      throw new UsageError("there is no pipeline to run here. Make a project with deltaflow init, or name a file.")
    for (const pipeline of pipelines) {
      const code = await runOne(invocation, session, pipeline, interrupts)
      if (code !== 0) return code
    }
    return 0
  } finally {
    interrupts.stop()
  }
}

type Runnable = DecodedPipeline | ReturnType<typeof quickPipeline>

const runOne = async (invocation: Invocation, session: Session, pipeline: Runnable, interrupts: Interrupts): Promise<number> => {
  const { terminal } = invocation
  const json = isSet(invocation, "json")
  const started = performance.now()
  if (!json)
    terminal.say(
      done(
        invocation,
        `Loaded pipeline: ${pipeline.name}${pipeline.version === undefined || pipeline.version === "" ? "" : ` v${pipeline.version}`}`,
      ),
    )
  const live = json ? undefined : new Live(terminal)
  const events = json ? printEvents(invocation, session) : undefined
  const result = await start(invocation, session, pipeline, live, interrupts).finally(() => live?.stop())
  await events?.end()
  if (json) terminal.data(stringifyJson(resultAsJson(result)))
  else if (result.failure === undefined) sayResult(invocation, pipeline, result, performance.now() - started)
  if (result.failure === undefined) return 0
  if (interrupts.count > 0) return sayInterrupted(invocation, result)
  const code = json
    ? 1
    : reportError(terminal, await withPlace(session.project, pipeline, result.failure), { json, verbose: isSet(invocation, "verbose") })
  return result.failure instanceof DefinitionError ? 2 : code
}

const start = async (
  invocation: Invocation,
  { engine, project }: Session,
  pipeline: Runnable,
  live: Live | undefined,
  interrupts: Interrupts,
): Promise<RunResult> => {
  const retryOf = isSet(invocation, "retry") ? await lastUnfinished({ engine, project } as Session, pipeline.name) : undefined
  const workers = countFlag(invocation, "workers")
  const timeout = countFlag(invocation, "timeout")
  const options: RunOptions = {
    fullRefresh: isSet(invocation, "full-refresh"),
    dryRun: isSet(invocation, "dry-run"),
    ...(live === undefined ? {} : { onProgress: (progress) => live.update(progress) }),
    ...(workers === undefined ? {} : { workers }),
    ...(timeout === undefined ? {} : { timeout: timeout * 1000 }),
    ...(retryOf === undefined ? {} : { retryOf }),
  }
  const handle = await engine.start(pipeline, options)
  interrupts.watch(handle, live)
  return await handle.done
}

const lastUnfinished = async ({ engine }: Session, pipeline: string): Promise<string | undefined> => {
  const { runs } = await engine.listRuns({ pipeline, limit: 1 })
  const last = runs[0]
  return last !== undefined && (last.status === "failed" || last.status === "cancelled") ? last.id : undefined
}

/** Ctrl-C once asks the run to stop at its next checkpoint; twice ends it at once. */
class Interrupts {
  count = 0
  private handle: RunHandle | undefined
  private live: Live | undefined
  private readonly invocation: Invocation
  private readonly listener = () => this.interrupt()

  constructor(invocation: Invocation) {
    this.invocation = invocation
    process.on("SIGINT", this.listener)
    process.on("SIGTERM", this.listener)
  }

  watch(handle: RunHandle, live: Live | undefined): void {
    this.handle = handle
    this.live = live
    if (this.count > 0) void handle.cancel()
  }

  stop(): void {
    process.off("SIGINT", this.listener)
    process.off("SIGTERM", this.listener)
  }

  private interrupt(): void {
    this.count++
    if (this.count === 1) {
      const text = "Stopping at the next checkpoint. Press Ctrl-C again to stop at once."
      if (this.live === undefined) this.invocation.terminal.say(text)
      else this.live.say(text)
      void this.handle?.stop()
      return
    }
    void this.handle?.cancel()
    if (this.count > 2) process.exit(130)
  }
}

const sayInterrupted = (invocation: Invocation, result: RunResult): number => {
  const { terminal } = invocation
  const kept = result.rowsLoaded === 0 ? "nothing was written" : `${plural(result.rowsLoaded, "row")} written, and they stay`
  const next = textFlag(invocation, "from") === undefined ? "Go on with: deltaflow run --retry" : "Run the same command again."
  terminal.say(`Interrupted: ${kept}. ${next}`)
  return 130
}

const done = ({ terminal }: Invocation, text: string): string => `${terminal.style("green", "✓")} ${text}`

const sayResult = (
  invocation: Invocation,
  pipeline: Runnable,
  { progress, rowsRejected, dryRun, pipeline: name }: RunResult,
  milliseconds: number,
): void => {
  const { terminal } = invocation
  if (dryRun) return terminal.say(`\nDry run of ${name}: everything opens and fits. Nothing was read or written.`)
  for (const source of progress.sources) terminal.say(done(invocation, `Source: ${source.name} (${plural(source.rows, "row")})`))
  progress.steps.forEach((step, i) => terminal.say(done(invocation, `Transform: ${step.name} (${stepCount(pipeline, i, step.rowsOut)})`)))
  for (const destination of progress.destinations)
    terminal.say(done(invocation, `Destination: ${destination.label} (${plural(destination.rows, "row")} written)`))
  if (rowsRejected > 0) terminal.say(`${terminal.style("yellow", "!")} ${plural(rowsRejected, "row")} rejected, see the dead letter`)
  terminal.say(`\nPipeline completed in ${(milliseconds / 1000).toFixed(1)}s`)
}

const stepCount = (pipeline: Runnable, index: number, rows: number): string => {
  const definition = "steps" in pipeline ? stepDefinition(pipeline, index) : undefined
  if (definition === undefined) return `${plural(rows, "row")} passed`
  switch (definition.type) {
    case "rename":
      return `${plural(Object.keys(definition.columns).length, "column")} renamed`
    case "select":
      return `${plural(definition.columns.length, "column")} kept`
    case "map":
      return `${plural(Object.keys(definition.fields).length, "column")} computed`
    default:
      return `${plural(rows, "row")} passed`
  }
}

const stepDefinition = (pipeline: DecodedPipeline, index: number) => {
  const step = pipeline.steps[index]
  return step?.kind === "builtin" ? step.step : undefined
}

const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`

/** Events of the run as NDJSON on stdout. `end` resolves when all of them are printed. */
const printEvents = ({ terminal }: Invocation, { engine }: Session): { readonly end: () => Promise<void> } => {
  const events = engine.events()
  const print = async (): Promise<void> => {
    for await (const event of events) terminal.data(stringifyJson(eventAsJson(event)))
  }
  const printed = print()
  return {
    end: async () => {
      await events.return?.()
      await printed
    },
  }
}

const resultAsJson = (result: RunResult) => ({
  run: {
    ...runAsJson(result),
    sources: result.progress.sources.map(({ name, rows, bytes }) => ({ name, rows, bytes })),
    steps: result.progress.steps.map(({ name, type, rowsIn, rowsOut }) => ({ name, type, rows_in: rowsIn, rows_out: rowsOut })),
    destinations: result.progress.destinations.map(({ name, location, rows }) => ({ name, location: location ?? null, rows })),
  },
})
