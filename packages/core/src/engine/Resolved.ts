/** A definition whose plugins are found, whose configs are decoded and whose variables are filled in: what a run works with. */
import type { Delivery, Destination, WriteMode } from "../contract/Destination.ts"
import type { IncrementalOptions, Source } from "../contract/Source.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import type { DecodedChanges } from "../pipeline/decodeChanges.ts"
import type { Step } from "../transform/Step.ts"
import type { RunRange } from "./Options.ts"

export interface ResolvedSource {
  readonly name: string
  readonly plugin: Source
  readonly config: unknown
  readonly batchSize: number
  /** The longest wait for the next batch, milliseconds. */
  readonly timeout: number
  readonly incremental: IncrementalOptions | undefined
  readonly columns: Readonly<Record<string, ColumnType>>
  /** Whether a missing input is no error. */
  readonly optional: boolean
  /** Whether it may go on for ever. */
  readonly isStream: boolean
  /** Hash of what the stored cursor depends on. */
  readonly fingerprint: string
}

export interface ResolvedDestination {
  readonly name: string
  /** The child table that it takes; undefined for the rows themselves. */
  readonly rows: string | undefined
  readonly plugin: Destination
  readonly config: unknown
  readonly writeMode: WriteMode
  readonly key: ReadonlyArray<string>
  /** Undefined where rows are only added, replaced or updated. */
  readonly changes: DecodedChanges | undefined
  readonly schemaChanges: "evolve" | "freeze" | "discard" | "fail"
  readonly delivery: Delivery
  /** Between early commits, milliseconds. */
  readonly flushInterval: number
  /** Rows after which to commit early. */
  readonly flushRows: number
}

export interface ErrorHandling {
  readonly strategy: "fail" | "retry" | "skip"
  readonly maxRetries: number
  readonly retryDelay: number
  readonly backoff: "constant" | "linear" | "exponential"
  /** Rejected rows that a run may have; one more fails it. */
  readonly maxErrors: number
  readonly deadLetter: ResolvedDestination | undefined
}

export interface ResolvedPipeline {
  readonly name: string
  readonly version: string
  /** Whether runs go on until they are stopped. */
  readonly isStreaming: boolean
  readonly sources: ReadonlyArray<ResolvedSource>
  readonly steps: ReadonlyArray<Step>
  readonly destinations: ReadonlyArray<ResolvedDestination>
  readonly errorHandling: ErrorHandling
  readonly workers: number
  /** Bytes. */
  readonly bufferMemory: number
  /** The longest time that one step over one batch, one write or one commit may take, milliseconds. */
  readonly timeout: number
  /** Of the cursor column, where the run is over no more than that. */
  readonly range?: RunRange
}

/** Whether runs keep cursors: all sources say so, and the run is not over a range of its own. */
export const isIncremental = ({ sources, range }: ResolvedPipeline): boolean =>
  range === undefined && sources.every((source) => source.incremental !== undefined)
