/** What follows when runs end: new runs for those that failed, and the news of which pipelines have ended. */
import { EngineError, type EngineEvent, newRunId, type Run, type RunTrigger } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import type { Context } from "./Options.ts"
import type { Known } from "./Pipelines.ts"
import type { Starter } from "./Starter.ts"

const CURSORS = "scheduler.cursors"
const RETRIED = "scheduler.retried"

/** How long it is known that a run was retried, milliseconds: longer than any process stands still. */
const KEPT_MS = 7 * 86_400_000

const RETRY_DELAY_MS = 60_000

/** A run whose process was lost is made anew so often at most: it may be the run that ends the process. */
const LOST_RETRIES = 2

const PAGE = 1000

export class Retries {
  private readonly context: Context
  private readonly starter: Starter
  private after: string | undefined
  private since: number | undefined

  constructor(context: Context, starter: Starter) {
    this.context = context
    this.starter = starter
  }

  /** The pipelines of which a run has ended since the last look; undefined at the first. */
  async look(known: ReadonlyMap<string, Known>, now: number): Promise<ReadonlySet<string> | undefined> {
    const isFirst = this.since === undefined
    if (this.since === undefined) {
      const cursor = await promised(this.context.service.store.getEntry(CURSORS, "ended"))
      this.after = cursor?.value as string | undefined
      this.since = now
    }
    const before = this.after
    const ended = new Set<string>()
    for (;;) {
      const events = await this.page()
      for (const event of events) {
        ended.add(event.pipeline)
        if (event.type === "pipeline.failed") await this.retry(event, known, now)
        this.after = event.id
      }
      if (events.length < PAGE) break
    }
    if (this.after !== before)
      await promised(this.context.service.store.saveEntry({ collection: CURSORS, key: "ended", value: this.after, expiresAt: null }))
    return isFirst ? undefined : ended
  }

  private async page(): Promise<ReadonlyArray<EngineEvent>> {
    const types = ["pipeline.completed", "pipeline.failed", "pipeline.cancelled"]
    // Without a place to go on from, what ended before the first look is nobody's business here.
    const from = this.after === undefined ? { since: this.since! } : { after: this.after }
    return await promised(this.context.service.store.listEvents({ types, limit: PAGE, ...from }))
  }

  /** However many processes see that it failed, and however often, one new run is made. */
  private async retry({ pipeline, runId }: EngineEvent, known: ReadonlyMap<string, Known>, now: number): Promise<void> {
    const { store } = this.context.service
    const one = known.get(pipeline)
    const run = runId === null ? undefined : await promised(store.getRun(runId))
    if (one === undefined || run === undefined) return
    const delay = delayOf(run, one.settings)
    if (delay === undefined) return
    const made = newRunId(now)
    const mark = { collection: RETRIED, key: run.id, value: made, expiresAt: now + KEPT_MS }
    const isFirst = (await promised(store.saveEntry(mark, 0))) !== undefined
    const id = isFirst ? made : ((await promised(store.getEntry(RETRIED, run.id)))?.value as string | undefined)
    // Who marked it may have ended before the run was made.
    if (id === undefined || (await this.starter.isMade(id))) return
    await this.context.engine
      .enqueueRun({
        pipeline,
        runId: id,
        trigger: "retry",
        retryOf: run.id,
        attempt: run.attempt + 1,
        runAt: (run.completedAt ?? now) + delay,
        fullRefresh: run.fullRefresh,
        ...(run.logicalTime === null ? {} : { logicalTime: run.logicalTime }),
      })
      .catch((error: unknown) => {
        if (!(error instanceof EngineError) || error.code !== "RUN_EXISTS") throw error
      })
  }
}

/** How long the new run waits, undefined where there is none. */
const delayOf = (run: Run, settings: Known["settings"]): number | undefined => {
  const { retries = 0, retry_delay: delay = RETRY_DELAY_MS, retry_backoff: backoff = "exponential" } = settings
  // Values of variables are not kept, so who gave them must run it again; so must who started it by hand.
  const isOurs = automatic.has(run.trigger) || (run.trigger === "retry" && run.attempt > 1)
  if (!isOurs || run.dryRun || run.variables.length > 0) return undefined
  if (run.error?.code === "RUN_INTERRUPTED") return run.attempt <= Math.max(retries, LOST_RETRIES) ? 0 : undefined
  if (run.attempt > retries) return undefined
  const growth = { constant: 1, linear: run.attempt, exponential: 2 ** (run.attempt - 1) }[backoff]
  return delay * growth
}

const automatic: ReadonlySet<RunTrigger> = new Set(["schedule", "dependency", "webhook", "api"])
