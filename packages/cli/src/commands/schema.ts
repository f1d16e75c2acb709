/** `deltaflow schema`: JSON Schema of pipeline files, with the project's own plugins where there is a project. */
import type { RunCommand } from "../Command.ts"
import { openSession } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  await using session = await openSession(invocation, { inMemory: true })
  invocation.terminal.data(JSON.stringify(await session.engine.jsonSchema(), null, 2))
  return 0
}
