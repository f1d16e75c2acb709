/** What a step that needs all rows gets from the engine, and what the engine does with it. */
import type { Batch } from "../../model/Batch.ts"
import type { OnRowError } from "../Step.ts"
import type { SpillFile } from "./spill.ts"

/** What a blocking step gets for one pass. */
export interface BlockingHost {
  /** Bytes that it may hold. */
  readonly memory: number
  /** Rows of a batch that comes out. */
  readonly batchSize: number
  /** Opens the step's spill file; each call gives the same. It is closed for the step. */
  readonly openSpill: () => Promise<SpillFile>
}

/** A blocking step at work, in one pass. */
export interface BlockingRun {
  /**
   * Takes the rows of a batch, of which it keeps nothing by reference. Waits only where it has to spill. Without `onRowError` a row that
   * cannot be taken throws its `TransformError`.
   */
  readonly add: (batch: Batch, onRowError?: OnRowError) => void | Promise<void>
  /**
   * Takes the rows of a batch in the place of `add`, and gives those that come out at once. The batch is done with when all are taken.
   */
  readonly through?: (batch: Batch, onRowError?: OnRowError) => AsyncGenerator<Batch, void, undefined>
  /** Takes rows of the source that the step joins; all of them come before the first `add` or `through`. */
  readonly addSide?: (batch: Batch, onRowError?: OnRowError) => void | Promise<void>
  /** All rows that come out. Called once, after the last `add`. */
  readonly finish: () => AsyncGenerator<Batch, void, undefined>
}
