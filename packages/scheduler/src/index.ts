/** Runs pipelines when they should. See `Scheduler`. */
export { Scheduler, type SchedulerOptions, type Started, type Tick } from "./Scheduler.ts"
