/** Client of the Pipeline API. */
export { Deltaflow, Run } from "./Deltaflow.ts"
export type { EventPage, FullRun, HistoryOptions, JobChange, PageOptions, RunOptions, SaveOptions, WaitOptions } from "./Deltaflow.ts"
export * from "./errors.ts"
export type { EventFilter, StreamOptions } from "./EventStream.ts"
export type { Listing, Page } from "./Listing.ts"
export type * from "./shapes.ts"
export type { DeltaflowOptions } from "./Transport.ts"
