/** What each step that needs all rows says about itself. See docs/decisions/0004-steps-that-need-all-rows.md. */
import type { BatchSchema } from "../../model/ColumnType.ts"
import type { BlockingStep, StepIssue, StepsSpec } from "../Step.ts"
import type { Tees } from "../tee.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"

export interface BlockingCheck {
  readonly issues: ReadonlyArray<StepIssue>
  /** Columns that come out; undefined where they depend on rows. */
  readonly output: BatchSchema | undefined
}

export interface BlockingKind<Step extends BlockingStep> {
  readonly check: (spec: StepsSpec, index: number, step: Step, input: BatchSchema) => BlockingCheck
  /** The columns of the input that are looked at or kept; absent where these are all. */
  readonly reads?: (spec: StepsSpec, index: number, step: Step, input: BatchSchema) => ReadonlySet<number>
  /** `input` is undefined where the columns are known only when a row comes. */
  readonly start: (
    spec: StepsSpec,
    index: number,
    step: Step,
    input: BatchSchema | undefined,
    host: BlockingHost,
    tees: Tees,
  ) => BlockingRun
}
