/** `deltaflow state`: the cursors of a pipeline, shown, forgotten or set. */
import type { StoredCheckpoint } from "@deltaflow/core"
import { table } from "@deltaflow/core/table"
import { type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { isoTime, shownTime } from "../runRows.ts"
import { namedPipeline, openSession, type Session, unknownPipeline } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  const [verb, pipeline] = invocation.operands as readonly [string, string]
  const change = VERBS[verb]
  if (change === undefined) throw new UsageError(`state takes show, reset or set, not ${JSON.stringify(verb)}.`)
  await using session = await openSession(invocation)
  return await change(invocation, session, pipeline)
}

const show = async (invocation: Invocation, session: Session, pipeline: string): Promise<number> => {
  const state = await session.engine.getState(pipeline)
  checkName(session, pipeline, state)
  const { terminal } = invocation
  if (isSet(invocation, "json")) terminal.data(JSON.stringify({ pipeline, checkpoints: state.map(asJson) }))
  else terminal.data(state.length === 0 ? `${pipeline} has no state: its next run reads all.` : stateTable(state))
  return 0
}

const reset = async (invocation: Invocation, session: Session, pipeline: string): Promise<number> => {
  checkName(session, pipeline, await session.engine.getState(pipeline))
  const found = session.project.pipelines.find(({ name }) => name === pipeline)?.result
  const definition = found?.ok === true ? found.pipeline : undefined
  await session.engine.resetState(pipeline, definition)
  if (definition === undefined)
    invocation.terminal.say(
      `The project has no ${pipeline} without mistakes, so nothing could be given back that its sources keep elsewhere, such as a replication slot.`,
    )
  return told(invocation, { pipeline, reset: true }, `The cursors of ${pipeline} are forgotten: its next run reads all.`)
}

const set = async (invocation: Invocation, session: Session, pipeline: string): Promise<number> => {
  const source = textFlag(invocation, "source")
  const cursor = textFlag(invocation, "cursor")
  if (source === undefined || cursor === undefined) throw new UsageError("state set needs --source NAME and --cursor JSON.")
  await session.engine.setState(namedPipeline(session.project, pipeline), source, cursor)
  return told(invocation, { pipeline, source, cursor }, `${pipeline} goes on from ${cursor} in ${source}.`)
}

const VERBS: Readonly<Record<string, (invocation: Invocation, session: Session, pipeline: string) => Promise<number>>> = {
  show,
  reset,
  set,
}

/** A pipeline that is gone from the project may still have state. */
const checkName = ({ project }: Session, pipeline: string, state: ReadonlyArray<StoredCheckpoint>): void => {
  if (state.length === 0 && !project.pipelines.some(({ name }) => name === pipeline))
    throw new UsageError(unknownPipeline(project, pipeline))
}

const told = (invocation: Invocation, json: unknown, text: string): number => {
  if (isSet(invocation, "json")) invocation.terminal.data(JSON.stringify(json))
  else invocation.terminal.say(text)
  return 0
}

const asJson = ({ destination, runId, epoch, batchId, cursors, updatedAt }: StoredCheckpoint) => ({
  destination,
  run_id: runId,
  epoch,
  batch_id: batchId,
  cursors,
  updated_at: isoTime(updatedAt),
})

const stateTable = (state: ReadonlyArray<StoredCheckpoint>): string =>
  table(
    [{ title: "destination" }, { title: "source" }, { title: "cursor", isWhole: true }, { title: "stored (UTC)" }],
    state.flatMap(({ destination, cursors, updatedAt }) => {
      const entries = Object.entries(cursors)
      const rows = entries.length === 0 ? [["", "none: reads all"] as const] : entries
      return rows.map(([source, cursor]) => [destination, source, cursor, shownTime(updatedAt)])
    }),
  )
