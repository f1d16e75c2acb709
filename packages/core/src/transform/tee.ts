/** Copies of rows on their way: what a later query asks for by the name of an earlier step. */
import type { TransformError } from "../contract/Errors.ts"
import type { Batch } from "../model/Batch.ts"
import type { RowReporter } from "./failure.ts"
import type { Stage, StageResult } from "./stage.ts"
import type { Step } from "./Step.ts"

/** Who takes copies, and how it tells of a row that it cannot take. */
export interface Copying {
  readonly rowNumber: (row: number) => number
  readonly refuse: (row: number, error: TransformError) => void
}

/** One place between two steps. Who starts anew takes the place of who came before: a run may read its sources several times. */
export class Tee {
  readonly listeners = new Map<number, (batch: Batch, copying: Copying) => Promise<void>>()
}

/** By the step behind which they stand, -1 for what comes from the sources. */
export type Tees = ReadonlyMap<number, Tee>

/** The steps, -1 for the sources, whose rows a later query asks for, and not only the one right behind. */
export const teesOf = (steps: ReadonlyArray<Step>): ReadonlyArray<number> => [
  ...new Set(
    steps.flatMap((step, index) =>
      step.type === "sql" ? step.tables.flatMap((table) => ("after" in table && table.after < index - 1 ? [table.after] : [])) : [],
    ),
  ),
]

/** Gives the rows on as they are, save for those that could not be copied. */
export class TeeStage implements Stage {
  readonly steps: ReadonlyArray<number> = []
  readonly isAsync = true
  private readonly tee: Tee
  /** The step that a row counts as rejected by. */
  private readonly step: number

  constructor(tee: Tee, step: number) {
    this.tee = tee
    this.step = step
  }

  async run(batch: Batch, reporter: RowReporter): Promise<StageResult> {
    let kept = batch
    for (const copy of this.tee.listeners.values()) {
      const refused = new Set<number>()
      await copy(kept, {
        rowNumber: (row) => reporter.rowNumber(row),
        refuse: (row, error) => {
          reporter.fail(row, this.step, error)
          refused.add(row)
        },
      })
      if (refused.size > 0) kept = without(kept, refused)
    }
    return { batch: kept, passed: [] }
  }
}

const without = (batch: Batch, rows: ReadonlySet<number>): Batch => {
  const kept = Array.from({ length: batch.length }, (_, i) => batch.physicalRow(i)).filter((row) => !rows.has(row))
  return batch.withSelection(Int32Array.from(kept))
}
