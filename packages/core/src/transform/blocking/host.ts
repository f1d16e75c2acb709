/** What a step that needs all rows gets from the engine, and what the engine does with it. */
import type { SqlSession, SqlTable } from "../../contract/Sql.ts"
import type { Batch } from "../../model/Batch.ts"
import type { OnRowError } from "../Step.ts"
import type { SpillFile } from "./spill.ts"

/** What earlier runs of the pipeline have left for a step, key by key. See docs/decisions/0015-steps-that-remember.md. */
export interface Remembered {
  /** Called once, first. Rejects where what was kept was kept under another `shape`: of what keys and values are made. */
  readonly begin: (shape: string) => Promise<void>
  /** The value of each key; undefined where there is none. */
  readonly find: (keys: ReadonlyArray<Uint8Array>) => Promise<ReadonlyArray<string | undefined>>
  /** Keeps values for the runs to come. No key may come twice in a run. */
  readonly keep: (entries: ReadonlyArray<readonly [key: Uint8Array, value: string]>) => Promise<void>
}

/** What a blocking step gets for one pass. */
export interface BlockingHost {
  /** Bytes that it may hold. */
  readonly memory: number
  /** Rows of a batch that comes out. */
  readonly batchSize: number
  /** Opens the step's spill file; each call gives the same. It is closed for the step. */
  readonly openSpill: () => Promise<SpillFile>
  /** Opens the tables of a query. They are closed for the step. There where the step has one. */
  readonly openSql?: (tables: ReadonlyArray<SqlTable>) => Promise<SqlSession>
  /** There where the step goes on from what earlier runs have seen. */
  readonly remembered?: Remembered
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
  /** Takes rows of a source that the step reads for itself; all of them come before the first `add` or `through`. */
  readonly addSide?: (batch: Batch, source: string, onRowError?: OnRowError) => void | Promise<void>
  /** All rows that come out. Called once, after the last `add`. */
  readonly finish: () => AsyncGenerator<Batch, void, undefined>
}
