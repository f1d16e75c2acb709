/** `deltaflow backfill`: a range of the cursor column again. */
import { isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { Interrupts } from "../interrupts.ts"
import { namedPipeline, openSession } from "../session.ts"
import { runOne } from "./run.ts"

export const run: RunCommand = async (invocation) => {
  const [from, to] = [textFlag(invocation, "from"), textFlag(invocation, "to")]
  if (from === undefined || to === undefined) throw new UsageError("backfill needs --from VALUE and --to VALUE of the cursor column.")
  const interrupts = new Interrupts(invocation.terminal, { isQuiet: isSet(invocation, "json") })
  try {
    await using session = await openSession(invocation, { files: [] })
    return await runOne(invocation, session, namedPipeline(session.project, invocation.operands[0]!), interrupts, { from, to })
  } finally {
    interrupts.stop()
  }
}
