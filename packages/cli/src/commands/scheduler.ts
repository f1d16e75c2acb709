/** `deltaflow scheduler start`: runs pipelines when they are due, until it is interrupted. */
import { Scheduler } from "@deltaflow/scheduler"
import { type Invocation, isSet, type RunCommand, UsageError } from "../Command.ts"
import { openSession, type Session } from "../session.ts"
import { runnablePipelines } from "@deltaflow/core"
import { ended, servingLog, shutdownTimeout } from "../serving.ts"

export const run: RunCommand = async (invocation) => {
  if (invocation.operands[0] !== "start") throw new UsageError(`scheduler takes start, not ${JSON.stringify(invocation.operands[0])}.`)
  shutdownTimeout(invocation)
  await using session = await openSession(invocation)
  const scheduler = await startScheduler(invocation, session)
  if (isSet(invocation, "json")) invocation.terminal.data(JSON.stringify({ started: true }))
  return await ended(invocation, (timeout) => scheduler.stop(timeout))
}

/** Also of `deltaflow serve`. */
export const startScheduler = async (invocation: Invocation, session: Session): Promise<Scheduler> => {
  const { terminal } = invocation
  const pipelines = runnablePipelines(session.project)
  const scheduler = new Scheduler(session.engine, {
    pipelines,
    log: servingLog(terminal, session),
  })
  await scheduler.start()
  const timed = pipelines.filter(({ schedule, dependsOn }) => schedule !== undefined || dependsOn.length > 0).length
  terminal.say(
    `${terminal.style("green", "✓")} The scheduler looks after ${timed === 1 ? "1 pipeline" : `${timed} pipelines`} of this project, and after those of the store.`,
  )
  return scheduler
}
