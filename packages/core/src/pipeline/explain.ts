/**
 * The plan of a pipeline for people and programs: what is read, what the sources do themselves, which steps run together, what comes out.
 */
import type { PushedCondition, SourceRead } from "../contract/Source.ts"
import type { BatchSchema, ColumnSchema, ColumnType } from "../model/ColumnType.ts"
import { formatValue } from "../model/Value.ts"
import {
  type Backend,
  type ChildTable,
  type ChildTablesStep,
  isBlocking,
  isChildTables,
  isTransparent,
  type KeyPart,
  type Step,
} from "../transform/Step.ts"
import type { Plan, PlannedSource } from "./Plan.ts"

export interface ExplainedSource {
  readonly name: string
  readonly type: string
  /** Lines of the source itself: what was inferred, what is read. */
  readonly notes: ReadonlyArray<string>
  /** What the source took of the offer; absent where it was not asked yet. */
  readonly accepted?: SourceRead["accepted"]
}

export interface ExplainedDestination {
  readonly name: string
  readonly type: string
  readonly writeMode: string
  /** In words: `exactly once: rows and checkpoint commit together`. */
  readonly guarantee: string
}

export interface ExplainOptions {
  readonly pipeline: string
  readonly plan: Plan
  /** In the order of the plan's sources. */
  readonly sources: ReadonlyArray<ExplainedSource>
  readonly destinations: ReadonlyArray<ExplainedDestination>
}

export interface ConditionExplanation {
  readonly condition: string
  /** Who leaves out the rows. The engine looks at every condition again, whoever does. */
  readonly by: "source" | "engine"
}

export interface SourceExplanation {
  readonly name: string
  readonly type: string
  readonly columns: ReadonlyArray<ColumnSchema>
  readonly read: ReadonlyArray<string>
  readonly pruned: ReadonlyArray<string>
  /** Whether the source leaves the pruned columns out itself. */
  readonly pruning: "source" | "engine"
  readonly conditions: ReadonlyArray<ConditionExplanation>
  readonly limit: number | null
  readonly notes: ReadonlyArray<string>
}

export interface StepExplanation {
  readonly index: number
  readonly type: string
  readonly name: string | null
  /** The step in one line. */
  readonly what: string
  /** Columns after the step; null where they are known only when rows have gone through a custom step. */
  readonly columns: ReadonlyArray<ColumnSchema> | null
  /** The child tables that the step takes out of the rows. */
  readonly children?: ReadonlyArray<ChildExplanation>
}

export interface ChildExplanation {
  readonly name: string
  /** Those that are known before a row is: its key, its place, and what `columns` declares. */
  readonly columns: ReadonlyArray<ColumnSchema>
  /** Whether keys of the elements become columns beside them. */
  readonly grows: boolean
}

export interface PassExplanation {
  /** Indexes of the steps that one look at each row does. */
  readonly steps: ReadonlyArray<number>
  readonly how:
    | "generated code"
    | "closures"
    | "function"
    | "holds all rows, spills past buffer_memory"
    | "holds what is new, goes on from what earlier runs have seen"
    | "holds the other source, spills past buffer_memory"
    | "query in a database of its own, spills past buffer_memory"
}

/** Plain data, fit for JSON. */
export interface Explanation {
  readonly pipeline: string
  readonly backend: Backend
  readonly sources: ReadonlyArray<SourceExplanation>
  readonly passes: ReadonlyArray<PassExplanation>
  readonly steps: ReadonlyArray<StepExplanation>
  /** Columns behind the last step, which all destinations get; null as for a step. */
  readonly columns: ReadonlyArray<ColumnSchema> | null
  readonly destinations: ReadonlyArray<ExplainedDestination>
}

export const explainPlan = ({ pipeline, plan, sources, destinations }: ExplainOptions): Explanation => {
  const { steps, backend, remembers } = plan.spec
  return {
    pipeline,
    backend,
    sources: plan.sources.map((planned, i) => explainSource(planned, sources[i]!)),
    passes: plan.steps.passes.map((indexes) => ({
      steps: indexes,
      how: indexes[0] === remembers ? REMEMBERS : howOf(steps[indexes[0]!]!, backend),
    })),
    steps: steps.map((step, index) => ({
      index,
      type: step.type,
      name: step.name ?? null,
      what: describeStep(step),
      columns: plan.steps.schemas[index]?.columns ?? null,
      ...(isChildTables(step) ? { children: childrenOf(step, plan.steps.children) } : {}),
    })),
    columns: plan.output?.columns ?? null,
    destinations,
  }
}

const childrenOf = (step: ChildTablesStep, schemas: ReadonlyMap<string, BatchSchema>): ReadonlyArray<ChildExplanation> =>
  step.children.map(({ name, columns }) => ({
    name,
    columns: schemas.get(name)?.columns ?? [],
    grows: Object.keys(columns).length === 0,
  }))

const REMEMBERS = "holds what is new, goes on from what earlier runs have seen"

const howOf = (step: Step, backend: Backend): PassExplanation["how"] => {
  if (step.type === "sql") return "query in a database of its own, spills past buffer_memory"
  if (step.type === "join") return "holds the other source, spills past buffer_memory"
  if (isBlocking(step)) return "holds all rows, spills past buffer_memory"
  if (step.type === "custom") return "function"
  return isTransparent(step) ? HOW[backend] : "closures"
}

const HOW = { code: "generated code", closure: "closures" } as const

const explainSource = (planned: PlannedSource, source: ExplainedSource): SourceExplanation => {
  const { offer, schema, pruned } = planned
  const accepted = source.accepted?.conditions ?? []
  const isAccepted = (condition: PushedCondition): boolean =>
    accepted.some((other) => describeCondition(other) === describeCondition(condition))
  return {
    name: source.name,
    type: source.type,
    columns: schema.columns,
    read: offer.columns ?? schema.columns.map((column) => column.name),
    pruned,
    pruning: source.accepted?.columns === true ? "source" : "engine",
    conditions: (offer.conditions ?? []).map((condition) => ({
      condition: describeCondition(condition),
      by: isAccepted(condition) ? "source" : "engine",
    })),
    limit: offer.limit ?? null,
    notes: source.notes,
  }
}

/** `status = 'paid'` */
export const describeCondition = ({ column, operator, type, value }: PushedCondition): string =>
  value === null ? `${column} ${operator}` : `${column} ${operator} ${literal(value, type)}`

const UNQUOTED: ReadonlySet<ColumnType> = new Set<ColumnType>(["integer", "decimal", "double", "boolean"])

const literal = (value: NonNullable<PushedCondition["value"]>, type: ColumnType): string => {
  const text = formatValue(value, type)
  return UNQUOTED.has(type) ? text : `'${text.replaceAll("'", "''")}'`
}

const describeStep = (step: Step): string => {
  switch (step.type) {
    case "filter":
      return step.condition
    case "map":
      return Object.entries(step.fields)
        .map(([name, expression]) => `${name} = ${expression}`)
        .join(", ")
    case "rename":
      return Object.entries(step.columns)
        .map(([from, to]) => `${from} → ${to}`)
        .join(", ")
    case "select":
      return step.columns.join(", ")
    case "aggregate":
      return [
        ...Object.entries(step.metrics).map(([name, expression]) => `${name} = ${expression}`),
        ...(step.groupBy.length === 0 ? [] : [`by ${step.groupBy.join(", ")}`]),
      ].join(", ")
    case "deduplicate":
      return `${step.keep}${step.by === undefined ? "" : ` by ${step.by}`} of each ${step.key.join(", ")}`
    case "join": {
      const keys = step.on.map(({ left, right }) => (left === right ? left : `${left} = ${right}`))
      const on = keys.length === 0 ? "" : ` on ${keys.join(", ")}`
      return `${step.how} with ${step.with}${on}${step.condition === undefined ? "" : ` where ${step.condition}`}`
    }
    case "sql":
      return oneLine(step.query)
    case "unnest":
      return step.as === undefined ? step.column : `${step.column} → ${step.as}`
    case "flatten":
      if (isChildTables(step)) return step.children.map(describeChild).join(", ")
      return `${step.column} → ${step.column}${step.separator}…`
    case "schema":
      return step.rules.map(({ column, required }) => `${column}${required ? " required" : ""}`).join(", ")
    case "sort":
      return step.by.map(describeKey).join(", ")
    case "custom":
      return "url" in step.reference ? `${step.reference.name} of ${step.reference.url}` : (step.name ?? step.reference.local)
  }
}

/** A query is often written over several lines. */
const oneLine = (query: string): string => query.trim().replaceAll(/\s*\n\s*/g, " ")

/** `items → child table items by id` */
const describeChild = ({ name, column, of, key }: ChildTable): string =>
  `${of === undefined ? "" : `${of}.`}${column} → child table ${name} by ${key.map(({ parent }) => parent).join(", ")}`

/** `amount desc`, and where nulls go where that is not PostgreSQL's default. */
const describeKey = ({ column, descending, nullsFirst }: KeyPart): string =>
  `${column}${descending ? " desc" : ""}${nullsFirst === descending ? "" : ` nulls ${nullsFirst ? "first" : "last"}`}`

/** The explanation as lines for a terminal. */
export const explainText = (explanation: Explanation): ReadonlyArray<string> => [
  `Pipeline ${explanation.pipeline}`,
  ...explanation.sources.flatMap(sourceLines),
  ...explanation.passes.flatMap((pass, i) => passLines(explanation, pass, i)),
  ...explanation.destinations.map(({ name, type, writeMode, guarantee }) => `Destination ${name} (${type}, ${writeMode}): ${guarantee}`),
]

const sourceLines = (source: SourceExplanation): ReadonlyArray<string> => {
  const { columns, read, pruned } = source
  const kept = columns.filter((column) => read.includes(column.name))
  return [
    `Source ${source.name} (${source.type}): ${pruned.length === 0 ? counted(columns.length, "column") : `reads ${read.length} of ${counted(columns.length, "column")}`}`,
    `  reads ${listed(kept)}`,
    ...(pruned.length === 0 ? [] : [`  leaves out ${pruned.join(", ")} (${BY[source.pruning]})`]),
    ...source.conditions.map(({ condition, by }) => `  where ${condition} (${BY[by]})`),
    ...(source.limit === null ? [] : [`  at most ${counted(source.limit, "row")}`]),
    ...source.notes.map((note) => `  ${note}`),
  ]
}

const BY = { source: "done by the source", engine: "done by the engine" } as const

const passLines = (explanation: Explanation, pass: PassExplanation, index: number): ReadonlyArray<string> => [
  `Pass ${index + 1} of ${explanation.passes.length}: ${counted(pass.steps.length, "step")}, ${pass.how}`,
  ...pass.steps.flatMap((step) => stepLines(explanation.steps[step]!)),
]

const stepLines = ({ index, type, name, what, columns, children = [] }: StepExplanation): ReadonlyArray<string> => [
  `  ${index + 1}. ${type}${name === null ? "" : ` ${name}`}: ${what}`,
  `     → ${columns === null ? "columns are known when the first rows have gone through" : listed(columns)}`,
  ...children.map((child) => `     → ${child.name}: ${listed(child.columns)}${child.grows ? ", and the keys of its elements" : ""}`),
]

const listed = (columns: ReadonlyArray<ColumnSchema>): string =>
  columns.map(({ name, type, nullable }) => `${name} ${type}${nullable ? "" : " not null"}`).join(", ")

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`
