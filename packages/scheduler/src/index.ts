/** Runs pipelines of Deltaflow when they should. */
export type { SchedulerOptions, Started, Tick } from "./Options.ts"
export { Scheduler, tick } from "./Scheduler.ts"
export { type BackfillOptions, backfillSchedule, type WaitingBackfill } from "./backfill.ts"
