/** `deltaflow logs`: the events of one run, oldest first. */
import { type EngineEvent, stringifyJson } from "@deltaflow/core"
import { isSet, type RunCommand } from "../Command.ts"
import { reportUnknownRun } from "../report.ts"
import { eventAsJson, isoTime } from "../runRows.ts"
import { openSession, type Session } from "../session.ts"
import { visible } from "../width.ts"

export const run: RunCommand = async (invocation) => {
  const id = invocation.operands[0]!
  await using session = await openSession(invocation)
  if ((await session.engine.getRun(id)) === undefined) return reportUnknownRun(invocation.terminal, id, isSet(invocation, "json"))
  for await (const event of eventsOf(session, id)) {
    invocation.terminal.data(isSet(invocation, "json") ? stringifyJson(eventAsJson(event)) : eventLine(event))
  }
  return 0
}

const PAGE = 1000

/** Page by page, so that a long run does not have to fit into memory. */
async function* eventsOf({ engine }: Session, runId: string): AsyncGenerator<EngineEvent> {
  let after: string | undefined
  for (;;) {
    const events = await engine.listEvents({ runId, limit: PAGE, ...(after === undefined ? {} : { after }) })
    yield* events
    if (events.length < PAGE) return
    after = events.at(-1)!.id
  }
}

export const eventLine = ({ timestamp, type, data }: EngineEvent): string => {
  const facts = Object.entries(data).map(([name, value]) => `${name}=${typeof value === "string" ? value : stringifyJson(value)}`)
  return visible([isoTime(timestamp), type, ...facts].join("  "))
}
