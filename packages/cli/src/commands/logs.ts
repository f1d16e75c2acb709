/** `deltaflow logs`: the events of one run, oldest first. */
import { type EngineEvent, stringifyJson } from "@deltaflow/core"
import { type Invocation, isSet, type RunCommand } from "../Command.ts"
import { eventAsJson, isoTime } from "../runRows.ts"
import { openSession, type Session } from "../session.ts"
import { visible } from "../width.ts"

export const run: RunCommand = async (invocation) => {
  const id = invocation.operands[0]!
  await using session = await openSession(invocation)
  if ((await session.engine.getRun(id)) === undefined) return unknownRun(invocation, id)
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

const unknownRun = ({ terminal }: Invocation, id: string): number => {
  terminal.say(`${terminal.style("red", "error")}: there is no run ${id} in this project's store. See deltaflow runs.`)
  return 1
}
