/** Finds the functions of custom steps: exports of modules, loaded once, with their configs decoded. */
import { messageOf } from "../model/messageOf.ts"
import { TransformError } from "../contract/Errors.ts"
import type { ModuleReference, StandardIssue } from "../contract/Plugin.ts"
import { transformFunction, type TransformOptions } from "../contract/defineTransform.ts"
import type { Transform, TransformFunction } from "../contract/Transform.ts"
import { didYouMean } from "../model/nearestName.ts"
import { pathOf, placeOf, sentence } from "./failure.ts"
import { type CustomFunction, type CustomStep, isModuleReference, type ResolveCustom, type Step } from "./Step.ts"

export type LoadModule = (url: string) => Promise<Record<string, unknown>>

/**
 * Loads what the custom steps name: an export that is a plain function, what `defineTransform` gives, or a function with its mode. `local`
 * holds the functions of this process by name. The result knows these very step objects. Throws `TransformError`.
 */
export const loadTransformFunctions = async (
  steps: ReadonlyArray<Step>,
  load: LoadModule,
  local: ReadonlyMap<string, CustomFunction> = new Map(),
): Promise<ResolveCustom> => {
  const functions = new Map<CustomStep, CustomFunction>()
  for (const [index, step] of steps.entries()) {
    if (step.type !== "custom") continue
    const { reference } = step
    const found = isModuleReference(reference)
      ? await asFunction(steps, index, step, await fromModule(steps, index, reference, load))
      : local.get(reference.local)
    if (found !== undefined) functions.set(step, found)
  }
  return (step) => functions.get(step)
}

const fromModule = async (steps: ReadonlyArray<Step>, index: number, reference: ModuleReference, load: LoadModule): Promise<unknown> => {
  let module: Record<string, unknown>
  try {
    module = await load(reference.url)
  } catch (cause) {
    const why = isMissing(cause, reference.url)
      ? "does not exist. Check the path, which starts at the project's folder."
      : `could not be loaded: ${sentence(messageOf(cause))}`
    throw failed(steps, index, `the module ${reference.url} ${why}`, cause)
  }
  if (Object.hasOwn(module, reference.name)) return module[reference.name]
  const names = Object.keys(module)
  const known = didYouMean(reference.name, names) || ` It exports ${names.length === 0 ? "nothing" : names.join(", ")}.`
  throw failed(steps, index, `the module ${reference.url} has no export \`${reference.name}\`.${known}`)
}

/** The module itself, and not one that it imports. */
const isMissing = (cause: unknown, url: string): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND" && "url" in cause && cause.url === url

const MODES: ReadonlyArray<unknown> = ["row", "patch", "batch"] satisfies ReadonlyArray<TransformFunction["mode"]>

const asFunction = async (steps: ReadonlyArray<Step>, index: number, step: CustomStep, found: unknown): Promise<CustomFunction> => {
  const config = step.reference.options
  if (typeof found === "function") return { apply: { mode: step.mode ?? "row", run: found } as TransformFunction, config }
  if (isTransform(found)) return { apply: found.apply, config: await decodeConfig(steps, index, found.config, config) }
  if (isFunctionWithMode(found)) return { apply: found, config }
  if (isOfFunctions(found)) return await ofFunctions(steps, index, found, config)
  throw failed(
    steps,
    index,
    "the export is no function. Export a function of a row, an object with one of row, patch and batch, or what defineTransform gives.",
  )
}

type OfFunctions = Omit<TransformOptions<unknown, unknown>, "type">

const isOfFunctions = (value: unknown): value is OfFunctions =>
  typeof value === "object" && value !== null && [...MODES, "setup", "finish"].some((name) => Object.hasOwn(value, name as string))

/** The same object that `defineTransform` takes, without a type of its own. */
const ofFunctions = async (steps: ReadonlyArray<Step>, index: number, found: OfFunctions, config: unknown): Promise<CustomFunction> => {
  const apply = applyOf(steps, index, found)
  return { apply, config: found.config === undefined ? config : await decodeConfig(steps, index, found.config, config) }
}

const applyOf = (steps: ReadonlyArray<Step>, index: number, found: OfFunctions): TransformFunction => {
  try {
    return transformFunction("the export", found)
  } catch (error) {
    throw failed(steps, index, sentence(messageOf(error)), error)
  }
}

const isTransform = (value: unknown): value is Transform =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "transform" && "apply" in value && "config" in value

const isFunctionWithMode = (value: unknown): value is TransformFunction =>
  typeof value === "object" &&
  value !== null &&
  "mode" in value &&
  MODES.includes(value.mode) &&
  "run" in value &&
  typeof value.run === "function"

const decodeConfig = async (steps: ReadonlyArray<Step>, index: number, schema: Transform["config"], config: unknown): Promise<unknown> => {
  const result = await schema["~standard"].validate(config ?? {})
  if (result.issues === undefined) return result.value
  throw failed(steps, index, `config: ${result.issues.map(describeIssue).join("; ")}.`, undefined, "INVALID_VALUE")
}

const describeIssue = ({ path, message }: StandardIssue): string => {
  const keys = (path ?? []).map((part) => String(typeof part === "object" ? part.key : part))
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`
}

const failed = (
  steps: ReadonlyArray<Step>,
  index: number,
  what: string,
  cause?: unknown,
  code: "MODULE_FAILED" | "INVALID_VALUE" = "MODULE_FAILED",
): TransformError =>
  new TransformError({
    code,
    message: `${placeOf({ steps, runtime: {} }, index)}: ${what}`,
    path: pathOf(steps[index]!, index),
    ...(cause === undefined ? {} : { cause }),
  })
