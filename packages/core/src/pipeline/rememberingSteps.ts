/**
 * Where `aggregate` and `deduplicate` may stand beside incremental sources: there they go on from what earlier runs have seen, and the
 * result must be what one run over all rows gives. See docs/decisions/0015-steps-that-remember.md.
 */
import type { BuiltinStep, DecodedDestination, DecodedSource, DecodedStep } from "./DecodedPipeline.ts"
import { listOfNames } from "./decodeConnectors.ts"
import type { Path } from "./path.ts"
import type { Problem } from "./problem.ts"

export interface Moving {
  readonly sources: ReadonlyArray<DecodedSource>
  readonly steps: ReadonlyArray<DecodedStep>
  readonly destinations: ReadonlyArray<DecodedDestination>
}

/** All entries of the definition must have been decoded: places are counted. */
export const rememberingProblems = ({ sources, steps, destinations }: Moving): ReadonlyArray<Problem> => {
  const source = sources.find(({ incremental }) => incremental !== undefined)
  if (source === undefined) return []
  const index = steps.findIndex(isRemembering)
  if (index < 0) return []
  const step = stepOf(steps[index]!) as RememberingStep
  const whole = sources.find(({ incremental }) => incremental === undefined)
  if (whole !== undefined) return [mixed(step, index, source, whole)]
  const other = steps.findIndex((one, i) => i !== index && !mayStand(one, i < index))
  if (other >= 0) return [inTheWay(step, steps[other]!, other, other < index)]
  const key = keyBehind(step, steps.slice(index + 1), index)
  return Array.isArray(key) ? destinations.flatMap((one, i) => destinationProblems(step, key, one, i)) : [key as Problem]
}

type RememberingStep = Extract<BuiltinStep, { readonly type: "aggregate" | "deduplicate" }>

const stepOf = (decoded: DecodedStep): BuiltinStep | undefined => (decoded.kind === "builtin" ? decoded.step : undefined)

const isRemembering = (decoded: DecodedStep): boolean => {
  const type = stepOf(decoded)?.type
  return type === "aggregate" || type === "deduplicate"
}

const BEHIND: ReadonlySet<BuiltinStep["type"]> = new Set(["map", "rename", "select", "sort"])

/** Before it, all that looks at each row alone; behind it, what drops no row. */
const mayStand = (decoded: DecodedStep, isBefore: boolean): boolean => {
  const step = stepOf(decoded)
  if (isBefore) return step === undefined ? decoded.kind === "plugin" : step.type !== "join" && !isRemembering(decoded)
  return step !== undefined && BEHIND.has(step.type)
}

const typeOf = (decoded: DecodedStep): string =>
  decoded.kind === "builtin" ? decoded.step.type : decoded.kind === "query" ? "sql" : decoded.plugin.type

const unsupported = (message: string, path: Path, hint: string): Problem => ({ code: "UNSUPPORTED_FEATURE", message, path, hint })

const mixed = ({ type }: RememberingStep, index: number, source: DecodedSource, whole: DecodedSource): Problem =>
  unsupported(
    `the step \`${type}\` would see what is new of ${source.name}, and all of ${whole.name} again, in each run.`,
    ["transforms", index, "type"],
    "Let all sources be incremental, or none.",
  )

const inTheWay = ({ type }: RememberingStep, other: DecodedStep, at: number, isBefore: boolean): Problem =>
  unsupported(
    isBefore
      ? `the step \`${typeOf(other)}\` needs all rows, and each run sees only what is new: a source is incremental.`
      : `behind \`${type}\` the step \`${typeOf(other)}\` could leave out a row that an earlier run has loaded, which then would stay: a source is incremental.`,
    ["transforms", at, "type"],
    isBefore
      ? "Take `incremental` out of the source, or the step out of the pipeline."
      : `Put it before \`${type}\`, or into a pipeline that reads the destination. Behind it may stand ${[...BEHIND].join(", ")}.`,
  )

const keysOf = (step: RememberingStep): ReadonlyArray<string> => listOfNames(step.type === "aggregate" ? step.group_by : step.key)

/** What the columns of the key are called in the end, or what is wrong. */
const keyBehind = (step: RememberingStep, behind: ReadonlyArray<DecodedStep>, index: number): ReadonlyArray<string> | Problem => {
  let names = keysOf(step)
  for (const [i, decoded] of behind.entries()) {
    const next = stepOf(decoded)!
    const path: Path = ["transforms", index + 1 + i]
    if (next.type === "rename") names = names.map((name) => next.columns[name] ?? name)
    if (next.type === "map") {
      const changed = names.find((name) => Object.hasOwn(next.fields, name))
      if (changed !== undefined) return keyChanged(step, changed, [...path, "fields", changed])
    }
    if (next.type === "select") {
      const gone = names.find((name) => !next.columns.includes(name))
      if (gone !== undefined) return keyChanged(step, gone, [...path, "columns"])
    }
  }
  return names
}

const keyChanged = ({ type }: RememberingStep, name: string, path: Path): Problem =>
  unsupported(
    `\`${name}\` tells the rows of \`${type}\` apart, and must reach the destination as it is: a source is incremental.`,
    path,
    "Keep the column, and give what is computed of it another name.",
  )

const destinationProblems = (
  step: RememberingStep,
  key: ReadonlyArray<string>,
  destination: DecodedDestination,
  index: number,
): ReadonlyArray<Problem> => {
  const path: Path = ["destinations", index]
  const appends = step.type === "deduplicate" && (step.keep ?? "first") === "first"
  if (destination.writeMode === "append" && appends) return []
  if (destination.writeMode !== "upsert")
    return [
      unsupported(
        `\`${step.type}\` beside an incremental source gives rows anew that an earlier run has loaded, so the destination must update them by key.`,
        [...path, "write_mode"],
        key.length === 0
          ? "Take `incremental` out of the source: without `group_by` there is no key."
          : `Write write_mode: upsert and key: [${key.join(", ")}]${appends ? ", or write_mode: append" : ""}.`,
      ),
    ]
  const isSame = destination.key.length === key.length && key.every((name) => destination.key.includes(name))
  if (isSame) return []
  return [
    unsupported(
      `\`${step.type}\` tells rows apart by ${key.length === 0 ? "nothing" : key.join(", ")}, and the destination by ${destination.key.join(", ")}. With an incremental source both must be the same.`,
      [...path, "key"],
      key.length === 0 ? "Take `incremental` out of the source." : `Write key: [${key.join(", ")}].`,
    ),
  ]
}
