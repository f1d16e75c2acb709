/** `deltaflow explain`: the plan of one pipeline. */
import { explainText } from "@deltaflow/core"
import { isSet, type RunCommand } from "../Command.ts"
import { onePipeline, openSession } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  await using session = await openSession(invocation, { files: invocation.operands, inMemory: true })
  const explanation = await session.engine.explain(onePipeline(invocation, session.project))
  invocation.terminal.data(isSet(invocation, "json") ? JSON.stringify(explanation) : explainText(explanation).join("\n"))
  return 0
}
