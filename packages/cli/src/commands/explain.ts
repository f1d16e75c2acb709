/** `deltaflow explain`: the plan of one pipeline. */
import { explainText } from "@deltaflow/core"
import { isSet, type RunCommand } from "../Command.ts"
import { lookingAt, onePipeline, openSession } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  await using session = await openSession(invocation, { files: invocation.operands, inMemory: true })
  const { engine, project } = session
  const pipeline = onePipeline(invocation, project)
  const explanation = await lookingAt(project, pipeline, engine.explain(pipeline))
  const { terminal } = invocation
  terminal.data(isSet(invocation, "json") ? JSON.stringify(explanation) : explainText(explanation).join("\n"))
  if (!isSet(invocation, "json")) terminal.say("\nWhat each step costs is measured by deltaflow run --profile.")
  return 0
}
