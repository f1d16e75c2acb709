/**
 * Decodes the steps between sources and destinations: built-in ones by the definition's schema, all others by the transform that is
 * registered.
 */
import { didYouMean } from "../model/nearestName.ts"
import { type ConnectorContext, decodeConfig, type Plugin } from "./decodeConnectors.ts"
import { childTableProblems } from "./childTables.ts"
import { asMapping, decodeKeys, type Fields } from "./decodeKeys.ts"
import type { BuiltinStep, DecodedStep } from "./DecodedPipeline.ts"
import type { QueryTable } from "../transform/Step.ts"
import { isMapping, type Path } from "./path.ts"
import { missingKey, type Problem, wrongValue } from "./problem.ts"
import { builtinSteps, PluginStep } from "./StepDefinition.ts"

const builtins = new Map<string, (typeof builtinSteps)[number]>(builtinSteps.map((step) => [step.fields.type.literal, step]))

/** One entry of `transforms`. `tables` are those that a query names. Undefined where something is wrong, which is reported. */
export const decodeStep = async (
  value: unknown,
  path: Path,
  tables: ReadonlyArray<QueryTable>,
  context: ConnectorContext,
): Promise<DecodedStep | undefined> => {
  const entry = asMapping(value, path, "a step: a mapping with a type", context)
  if (entry === undefined) return undefined
  const { type } = entry
  if (typeof type === "string" && builtins.has(type)) return decodeBuiltin(type, entry, path, tables, context)
  const transform = context.plugins.find((plugin) => plugin.kind === "transform" && plugin.type === type)
  if (transform?.kind === "transform") return await decodePluginStep(transform, entry, path, context)
  context.report([unknownType(entry, path, context.plugins)])
  return undefined
}

const decodeBuiltin = (
  type: string,
  entry: Readonly<Record<string, unknown>>,
  path: Path,
  tables: ReadonlyArray<QueryTable>,
  context: ConnectorContext,
): DecodedStep | undefined => {
  let isWhole = true
  const report = (problems: ReadonlyArray<Problem>) => {
    isWhole &&= problems.length === 0
    context.report(problems)
  }
  const step = decodeKeys(builtins.get(type)!.fields as Fields, entry, path, { ...context, report }) as unknown as BuiltinStep
  report(stepProblems(step, path))
  if (!isWhole) return undefined
  return step.type === "sql" ? { kind: "query", step, tables } : { kind: "builtin", step }
}

/** What is wrong with keys of a step that are right by themselves. */
const stepProblems = (step: BuiltinStep, path: Path): ReadonlyArray<Problem> => {
  if (step.type === "sort" && Array.isArray(step.by) && step.order !== undefined) return [listWithOrder(path)]
  if (step.type === "aggregate" && step.group_by === undefined && isMapping(step.metrics) && Object.keys(step.metrics).length === 0)
    return [wrongValue([...path, "metrics"], "at least one metric, or group_by", step.metrics)]
  if (step.type === "join" && step.on === undefined && step.condition === undefined)
    return [missingKey([...path, "on"], "columns that must be equal: one name, several, or left: right. Or give a `condition`.")]
  if (step.type === "flatten") return flattenProblems(step, path)
  if (step.type !== "deduplicate") return []
  const { keep = "first", by } = step
  if (keep === "first" && by !== undefined) return [firstWithBy(path, step.keep === undefined)]
  return keep !== "first" && by === undefined ? [missingKey([...path, "by"], `the column that \`keep: ${keep}\` compares.`)] : []
}

const flattenProblems = (
  { column, separator, children }: Extract<BuiltinStep, { readonly type: "flatten" }>,
  path: Path,
): ReadonlyArray<Problem> => {
  if (children === undefined)
    return column === undefined
      ? [missingKey([...path, "column"], "a JSON column. Or give `children`: lists that become child tables.")]
      : []
  const other = column === undefined ? (separator === undefined ? undefined : "separator") : "column"
  if (other === undefined) return childTableProblems(children, [...path, "children"])
  const message = `\`${other}\` and \`children\` do not go together.`
  return [
    {
      code: "INVALID_VALUE",
      message,
      path: [...path, other],
      hint: "Write two steps: first the one with `column`, last the one with `children`.",
    },
  ]
}

const listWithOrder = (path: Path): Problem => ({
  code: "INVALID_VALUE",
  message: "`order` goes with a single column in `by`; in a list each column has its own.",
  path: [...path, "order"],
  hint: "Write by: [{ column: …, order: desc }].",
})

const firstWithBy = (path: Path, isDefault: boolean): Problem => ({
  code: "INVALID_VALUE",
  message: `\`by\` goes with \`keep: latest\` or \`keep: earliest\`; \`first\`${isDefault ? ", the default," : ""} takes the first row that came.`,
  path: [...path, "by"],
  hint: "Add keep: latest, or take `by` out.",
})

/** Why a step that gives last rows is refused where a source is incremental. */
export const needsAllRows = (step: string, source: string) =>
  ({
    code: "UNSUPPORTED_FEATURE",
    message: `the step \`${step}\` gives rows at the end, by its \`finish\`, and each run would see only what is new: the source ${source} is incremental.`,
    hint: "Take `incremental` out of the source. Or let the transform say `eachRun: true`, where what `finish` gives depends on no row of an earlier run.",
  }) as const

const decodePluginStep = async (
  plugin: Extract<Plugin, { kind: "transform" }>,
  entry: Readonly<Record<string, unknown>>,
  path: Path,
  context: ConnectorContext,
): Promise<DecodedStep | undefined> => {
  const { name } = decodeKeys(PluginStep.schema.fields, entry, path, context, { others: "allowed" })
  const config = await decodeConfig(plugin, entry, PluginStep.schema.fields, path, context)
  return config.ok ? { kind: "plugin", name, plugin, config: config.value } : undefined
}

const unknownType = ({ type }: Readonly<Record<string, unknown>>, path: Path, plugins: ReadonlyArray<Plugin>): Problem => {
  const types = [...builtins.keys(), ...plugins.filter((plugin) => plugin.kind === "transform").map((plugin) => plugin.type)]
  const place = [...path, "type"]
  if (type === undefined) return missingKey(place, `one of ${types.join(", ")}.`)
  if (typeof type !== "string") return wrongValue(place, `one of ${types.join(", ")}`, type)
  return {
    code: "UNKNOWN_PLUGIN",
    message: `no step of type \`${type}\` is known.${didYouMean(type, types)}`,
    path: place,
    hint: `Known steps: ${types.join(", ")}.`,
  }
}
