/** Runs pipelines when they should: see `Scheduler`; for queues of the host, see the sub-paths and `runJob`. */
export type { SchedulerOptions, Started, Tick } from "./Options.ts"
export { Scheduler, tick } from "./Scheduler.ts"
export { type BackfillOptions, backfillSchedule, type WaitingBackfill } from "./backfill.ts"
export { type Delivery, type JobData, jobData, type JobRunner, jobRunner, type JobRunOptions } from "./jobs.ts"
export { isFinal, type JobOptions, type JobProgress, runJob } from "./runJob.ts"
