/** `deltaflow run`: one or all pipelines, with lines for people or events for machines. */
import { DefinitionError, type EngineEvent, type RunOptions, type RunRange, type RunResult, stringifyJson } from "@deltaflow/core"
import { countFlag, type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { Interrupts } from "../interrupts.ts"
import { waitForLease } from "../leases.ts"
import { Live } from "../Live.ts"
import { quickPipeline } from "../quickPipeline.ts"
import { reportError } from "../report.ts"
import { profileOf, profileTable, resultAsJson, type Runnable, sayInterrupted, sayLoaded, sayResult } from "../runReport.ts"
import { eventAsJson } from "../runRows.ts"
import { chosenPipelines, openSession, type Session, withPlace } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  const quick = textFlag(invocation, "from") !== undefined || textFlag(invocation, "to") !== undefined
  if (quick && invocation.operands.length > 0)
    throw new UsageError("--from and --to make a pipeline of their own: name no file beside them.")
  if (isSet(invocation, "watch")) {
    const { watchAndRun } = await import("../watch.ts")
    return await watchAndRun(invocation)
  }
  const interrupts = new Interrupts(invocation.terminal, { isQuiet: isSet(invocation, "json") })
  try {
    await using session = await openSession(invocation, { files: invocation.operands, inMemory: quick })
    const pipelines = quick ? [quickPipeline(invocation)] : chosenPipelines(invocation, session.project)
    if (pipelines.length === 0)
      throw new UsageError("there is no pipeline to run here. Make a project with deltaflow init, or name a file.")
    return await runAll(invocation, session, pipelines, interrupts)
  } finally {
    interrupts.stop()
  }
}

/** One that fails keeps only those from running that wait for its success. Gives the first code that is not 0. */
const runAll = async (
  invocation: Invocation,
  session: Session,
  pipelines: ReadonlyArray<Runnable>,
  interrupts: Interrupts,
): Promise<number> => {
  const codes = new Map<string, number>()
  for (const pipeline of pipelines) {
    const obstacle = obstacleOf(pipeline, codes)
    if (obstacle !== undefined) {
      saySkipped(invocation, pipeline.name, obstacle)
      codes.set(pipeline.name, 1)
      continue
    }
    const code = await runOne(invocation, session, pipeline, interrupts)
    if (interrupts.count > 0 && code !== 0) return code
    codes.set(pipeline.name, code)
  }
  return [...codes.values()].find((code) => code !== 0) ?? 0
}

/** The pipeline that has ended in another way than this one waits for. What did not run here is not asked for. */
const obstacleOf = (pipeline: Runnable, codes: ReadonlyMap<string, number>): string | undefined => {
  const dependencies = "dependsOn" in pipeline ? pipeline.dependsOn : []
  return dependencies.find(({ name, status }) => {
    const code = codes.get(name)
    return code !== undefined && status !== "completed" && (status === "success") !== (code === 0)
  })?.name
}

const saySkipped = (invocation: Invocation, pipeline: string, obstacle: string): void => {
  const { terminal } = invocation
  if (isSet(invocation, "json")) terminal.data(JSON.stringify({ skipped: { pipeline, depends_on: obstacle } }))
  else terminal.say(`${terminal.style("yellow", "!")} ${pipeline} is left out: ${obstacle} did not end as it waits for.\n`)
}

export const runOne = async (
  invocation: Invocation,
  session: Session,
  pipeline: Runnable,
  interrupts: Interrupts,
  range?: RunRange,
): Promise<number> => {
  const { terminal } = invocation
  const json = isSet(invocation, "json")
  const isMeasured = isSet(invocation, "profile")
  const started = performance.now()
  if (!json) sayLoaded(terminal, pipeline)
  const events = json ? printEvents(invocation, session) : undefined
  const result = await start(invocation, session, pipeline, interrupts, range).finally(() => interrupts.unwatch())
  await events?.end()
  if (result === undefined) {
    if (!json) terminal.say(`Interrupted before ${pipeline.name} began. ${howToGoOn(invocation)}`)
    return 130
  }
  if (json) terminal.data(stringifyJson(session.secrets.maskAll(resultAsJson(result, isMeasured))))
  else if (result.failure === undefined) sayResult(terminal, pipeline, result, performance.now() - started)
  if (!json && isMeasured && result.failure === undefined && !result.dryRun) terminal.say(`\n${profileTable(profileOf(result))}`)
  if (result.failure === undefined) return 0
  if (interrupts.count > 0) return json ? 130 : sayInterrupted(terminal, result, howToGoOn(invocation))
  // With --json the result that was printed has the error.
  const shown = json ? undefined : await withPlace(session.project, pipeline, result.failure)
  const code = shown === undefined ? 1 : reportError(terminal, shown, { json, verbose: isSet(invocation, "verbose") })
  return result.failure instanceof DefinitionError ? 2 : code
}

/** Undefined where Ctrl-C came before there was a run. */
const start = async (
  invocation: Invocation,
  session: Session,
  pipeline: Runnable,
  interrupts: Interrupts,
  range: RunRange | undefined,
): Promise<RunResult | undefined> => {
  const { terminal } = invocation
  const retryOf = isSet(invocation, "retry") ? await unfinishedRun(invocation, session, pipeline.name, interrupts.signal) : undefined
  if (interrupts.count > 0) return undefined
  const live = isSet(invocation, "json") ? undefined : new Live(terminal)
  const retries = live === undefined ? undefined : sayRetries(invocation, session)
  try {
    const handle = await session.engine.start(pipeline, {
      ...runOptions(invocation, live, retryOf),
      ...(range === undefined ? {} : { range }),
    })
    interrupts.watch(handle)
    return await handle.done
  } finally {
    live?.stop()
    await retries?.end()
  }
}

const runOptions = (invocation: Invocation, live: Live | undefined, retryOf: string | undefined): RunOptions => {
  const workers = countFlag(invocation, "workers")
  const timeout = countFlag(invocation, "timeout")
  return {
    fullRefresh: isSet(invocation, "full-refresh"),
    dryRun: isSet(invocation, "dry-run"),
    profile: isSet(invocation, "profile"),
    ...(live === undefined ? {} : { onProgress: (progress) => live.update(progress) }),
    ...(workers === undefined ? {} : { workers }),
    ...(timeout === undefined ? {} : { timeout: timeout * 1000 }),
    ...(retryOf === undefined ? {} : { retryOf }),
  }
}

/** The run to go on from, where the last one did not end well. One whose process was killed may hold its pipeline for some seconds. */
const unfinishedRun = async (
  invocation: Invocation,
  { engine, store }: Session,
  pipeline: string,
  signal: AbortSignal,
): Promise<string | undefined> => {
  if (store === undefined) return undefined
  const onWait = (milliseconds: number): void => {
    const text = `A run of ${pipeline} has not ended. Waiting up to ${Math.ceil(milliseconds / 1000)} s to see whether its process lives.`
    if (!isSet(invocation, "json")) invocation.terminal.say(text)
  }
  const isFree = await waitForLease(store, pipeline, { onWait, signal })
  const { runs } = await engine.listRuns({ pipeline, limit: LOOK_BACK })
  const last = runs.find(({ error }) => error?.code !== "LEASE_HELD")
  if (last === undefined || last.status === "success") return undefined
  // Where nobody holds the pipeline, what is stored as running has crashed.
  return last.status === "failed" || last.status === "cancelled" || isFree ? last.id : undefined
}

/** Runs that were refused because another one was going on say nothing of how that one ended. */
const LOOK_BACK = 50

/** Values of variables may be secrets, so they are left to who has them. */
const howToGoOn = (invocation: Invocation): string => {
  if (textFlag(invocation, "from") !== undefined) return "Run the same command again."
  const flags = ["project", "env"].flatMap((name) => {
    const value = textFlag(invocation, name)
    return value === undefined ? [] : [`--${name} ${value}`]
  })
  const variables = Array.isArray(invocation.flags["var"]) ? ["--var …"] : []
  return `Go on with: ${["deltaflow run", ...invocation.operands, ...flags, ...variables, "--retry"].join(" ")}`
}

/** Hears events until `end`, which resolves when all of them have been dealt with. */
const hearing = (events: AsyncIterableIterator<EngineEvent>, hear: (event: EngineEvent) => void): { readonly end: () => Promise<void> } => {
  const listen = async (): Promise<void> => {
    for await (const event of events) hear(event)
  }
  const heard = listen()
  return {
    end: async () => {
      await events.return?.()
      await heard
    },
  }
}

/** Events of the run as NDJSON on stdout. */
const printEvents = ({ terminal }: Invocation, { engine }: Session) =>
  hearing(engine.events(), (event) => terminal.data(stringifyJson(eventAsJson(event))))

/** A run that waits before its next attempt says so. */
const sayRetries = ({ terminal }: Invocation, { engine }: Session) =>
  hearing(engine.events({ types: ["pipeline.retrying"] }), ({ data }) =>
    terminal.say(
      `${terminal.style("yellow", "!")} ${String(data["message"])} Attempt ${Number(data["attempt"]) + 1} begins in ${Number(data["delay_ms"]) / 1000} s.`,
    ),
  )
