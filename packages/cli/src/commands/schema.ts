/** `deltaflow schema`: JSON Schema of test files, or of pipeline files, with the project's own plugins where there is a project. */
import { testJsonSchema } from "@deltaflow/core/testing"
import { isSet, type RunCommand } from "../Command.ts"
import { openSession } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  if (isSet(invocation, "tests")) {
    invocation.terminal.data(JSON.stringify(testJsonSchema(), null, 2))
    return 0
  }
  await using session = await openSession(invocation, { inMemory: true })
  invocation.terminal.data(JSON.stringify(await session.engine.jsonSchema(), null, 2))
  return 0
}
