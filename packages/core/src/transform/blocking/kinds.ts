/** The steps that need all rows, by their type. */
import type { BatchSchema } from "../../model/ColumnType.ts"
import type { BlockingStep, StepsSpec } from "../Step.ts"
import type { Tees } from "../tee.ts"
import { aggregateKind } from "./aggregate.ts"
import { deduplicateKind } from "./deduplicate.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import type { BlockingCheck, BlockingKind } from "./kind.ts"
import { joinKind } from "./join.ts"
import { sortKind } from "./sort.ts"
import { sqlKind } from "./sql.ts"

const KINDS: { readonly [Type in BlockingStep["type"]]: BlockingKind<Extract<BlockingStep, { readonly type: Type }>> } = {
  aggregate: aggregateKind,
  deduplicate: deduplicateKind,
  join: joinKind,
  sort: sortKind,
  sql: sqlKind,
}

const kindOf = (step: BlockingStep): BlockingKind<BlockingStep> => KINDS[step.type] as unknown as BlockingKind<BlockingStep>

export const checkBlocking = (spec: StepsSpec, index: number, input: BatchSchema): BlockingCheck => {
  const step = spec.steps[index] as BlockingStep
  return kindOf(step).check(spec, index, step, input)
}

/** The columns of the input that the step looks at or keeps; undefined for all. */
export const columnsRead = (spec: StepsSpec, index: number, input: BatchSchema): ReadonlySet<number> | undefined => {
  const step = spec.steps[index] as BlockingStep
  return kindOf(step).reads?.(spec, index, step, input)
}

export const startBlocking = (
  spec: StepsSpec,
  index: number,
  input: BatchSchema | undefined,
  host: BlockingHost,
  tees: Tees,
): BlockingRun => {
  const step = spec.steps[index] as BlockingStep
  return kindOf(step).start(spec, index, step, input, host, tees)
}
