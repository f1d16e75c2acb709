/** `deltaflow logs`: the events of one run, oldest first. */
import { type EngineEvent, stringifyJson } from "@deltaflow/core"
import { visible } from "@deltaflow/core/table"
import { isSet, type RunCommand } from "../Command.ts"
import { reportUnknownRun } from "../report.ts"
import { eventAsJson, isoTime } from "../runRows.ts"
import { openSession, type Session } from "../session.ts"

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
  const facts = Object.entries(data).map(([name, value]) => `${name}=${shown(value)}`)
  return visible([isoTime(timestamp), type, ...facts].join("  "))
}

/** A list of parts as `filter:4,rename:4`, with the rows that came out of each; `--json` has all of it. */
const shown = (value: unknown): string => {
  if (typeof value === "string") return value
  return Array.isArray(value) && value.every(isPart) ? value.map(partText).join(",") : stringifyJson(value)
}

interface Part {
  readonly name: string
  readonly label?: string
  readonly rows?: number
  readonly rows_out?: number
}

const isPart = (value: unknown): value is Part => typeof value === "object" && value !== null && "name" in value

const partText = ({ name, label, rows, rows_out: out }: Part): string => `${label ?? name}:${out ?? rows ?? ""}`
