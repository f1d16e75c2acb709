/** The steps that need all rows, by their type. */
import type { BatchSchema } from "../../model/ColumnType.ts"
import type { BlockingStep, StepsSpec } from "../Step.ts"
import { deduplicateKind } from "./deduplicate.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import type { BlockingCheck, BlockingKind } from "./kind.ts"
import { sortKind } from "./sort.ts"

const KINDS: { readonly [Type in BlockingStep["type"]]: BlockingKind<Extract<BlockingStep, { readonly type: Type }>> } = {
  deduplicate: deduplicateKind,
  sort: sortKind,
}

const kindOf = (step: BlockingStep): BlockingKind<BlockingStep> => KINDS[step.type] as unknown as BlockingKind<BlockingStep>

export const checkBlocking = (spec: StepsSpec, index: number, input: BatchSchema): BlockingCheck => {
  const step = spec.steps[index] as BlockingStep
  return kindOf(step).check(spec, index, step, input)
}

export const startBlocking = (spec: StepsSpec, index: number, input: BatchSchema | undefined, host: BlockingHost): BlockingRun => {
  const step = spec.steps[index] as BlockingStep
  return kindOf(step).start(spec, index, step, input, host)
}
