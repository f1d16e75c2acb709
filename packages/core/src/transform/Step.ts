/**
 * The row-wise steps of a pipeline as data, and what they become when they are compiled.
 *
 * A `StepsSpec` goes through structured clone, so that worker threads compile the same steps; only a step whose function lives in this
 * process keeps it here (see `isTransferable`).
 */
import type { ErrorCode, TransformError } from "../contract/Errors.ts"
import type { Log, ModuleReference } from "../contract/Plugin.ts"
import type { TransformFunction } from "../contract/Transform.ts"
import type { Batch } from "../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../model/ColumnType.ts"
import { textsOfRule } from "./ruleExpressions.ts"
import type { TextForm } from "./textForms.ts"
import type { BlockingHost, BlockingRun } from "./blocking/host.ts"

/** Keeps the rows where the condition is true; false and null drop the row. */
export interface FilterStep {
  readonly type: "filter"
  readonly name?: string
  readonly condition: string
}

/** Adds or replaces columns. Every field sees the columns as they were before the step. */
export interface MapStep {
  readonly type: "map"
  readonly name?: string
  /** Column name to expression. */
  readonly fields: Readonly<Record<string, string>>
}

export interface RenameStep {
  readonly type: "rename"
  readonly name?: string
  /** Old name to new name; all at once, so that two columns may swap names. */
  readonly columns: Readonly<Record<string, string>>
}

/** Keeps these columns, in this order. */
export interface SelectStep {
  readonly type: "select"
  readonly name?: string
  readonly columns: ReadonlyArray<string>
}

/** A function that lives in this process, by the name under which the host resolves it. */
export interface LocalReference {
  readonly local: string
  readonly options?: unknown
}

/** A function of the author's own. See `contract/Transform.ts` for what each mode may do. */
export interface CustomStep {
  readonly type: "custom"
  /** For messages and counts: the export's or the plugin's name. */
  readonly name?: string
  readonly reference: ModuleReference | LocalReference
  /** How a plain exported function is called. Default `row`; what `defineTransform` gives says it itself. */
  readonly mode?: TransformFunction["mode"]
  /** Types of the columns that the step gives, over any inference. In mode `patch` also all the columns that it may add. */
  readonly columns?: Readonly<Record<string, ColumnType>>
  /** Calls of an async function that may be under way at once. Default: what the transform says, else 16, and 1 for one with a state. */
  readonly concurrency?: number
}

export type TransparentStep = FilterStep | MapStep | RenameStep | SelectStep

/** What one column must be. A null passes all but `required`. */
export interface ColumnRule {
  readonly column: string
  readonly required: boolean
  readonly onViolation: "fail" | "reject"
  readonly type?: ColumnType
  readonly format?: TextForm
  /** Regular expression that some part of the text must match. */
  readonly pattern?: string
  /** Least and greatest value of a number, or length of a text. */
  readonly min?: number
  readonly max?: number
  readonly enum?: ReadonlyArray<string | number | boolean>
}

/** The section `schema`: the last step of all. */
export interface SchemaStep {
  readonly type: "schema"
  readonly name?: string
  readonly rules: ReadonlyArray<ColumnRule>
}

/** One row for each element of an array column. */
export interface UnnestStep {
  readonly type: "unnest"
  readonly name?: string
  readonly column: string
  /** What the column of the elements is called, which stands in the place of the array's. Default: as the array's. */
  readonly as?: string
}

/** Columns for the keys of a JSON column, in its place. */
export interface FlattenStep {
  readonly type: "flatten"
  readonly name?: string
  readonly column: string
  /** Between the column's name and the key. */
  readonly separator: string
}

/** Rows of their own for the elements of a list. */
export interface ChildTable {
  readonly name: string
  /** The list, in the rows or in those of the child table `of`. */
  readonly column: string
  /** Name of the child table whose rows have the list; it stands before this one. Undefined for the rows themselves. */
  readonly of: string | undefined
  /** Columns that tell the parents apart, and what they are called here. */
  readonly key: ReadonlyArray<{ readonly parent: string; readonly name: string }>
  /** What the place in the list is called, which is counted from 0. */
  readonly index: string
  /** Types of columns, over what elements say. */
  readonly columns: Readonly<Record<string, ColumnType>>
}

/** Lists of the rows as child tables: the last step of all. */
export interface ChildTablesStep {
  readonly type: "flatten"
  readonly name?: string
  readonly children: ReadonlyArray<ChildTable>
  /** Index among the steps as they were written. */
  readonly writtenAt: number
}

export type RowStep = TransparentStep | CustomStep | SchemaStep | UnnestStep | FlattenStep | ChildTablesStep

export const isChildTables = (step: Step): step is ChildTablesStep => step.type === "flatten" && "children" in step

const TRANSPARENT: ReadonlySet<Step["type"]> = new Set(["filter", "map", "rename", "select"] satisfies ReadonlyArray<
  TransparentStep["type"]
>)

/** One column of a key by which rows are put in order. */
export interface KeyPart {
  readonly column: string
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** Puts the rows in order; rows that are equal in all parts keep theirs. */
export interface SortStep {
  readonly type: "sort"
  readonly name?: string
  readonly by: ReadonlyArray<KeyPart>
}

/** Keeps one row of those that share a key. */
export interface DeduplicateStep {
  readonly type: "deduplicate"
  readonly name?: string
  readonly key: ReadonlyArray<string>
  readonly keep: "latest" | "earliest" | "first"
  /** What `latest` and `earliest` compare; undefined for `first`. */
  readonly by?: string
}

/** One row for each group. */
export interface AggregateStep {
  readonly type: "aggregate"
  readonly name?: string
  /** Empty where all rows are one group. */
  readonly groupBy: ReadonlyArray<string>
  /** Column name to expression over aggregates. */
  readonly metrics: Readonly<Record<string, string>>
}

/** The rows with those of another source. */
export interface JoinStep {
  readonly type: "join"
  readonly name?: string
  /** Name of the other source, whose rows are read for the join alone. */
  readonly with: string
  /** Columns that must be equal: of the rows, and of the other source. */
  readonly on: ReadonlyArray<{ readonly left: string; readonly right: string }>
  /** What must be true of a pair too, over the columns as they are called behind the join. */
  readonly condition?: string
  /** `semi` keeps rows that have a match, `anti` those that have none. */
  readonly how: "inner" | "left" | "right" | "full" | "semi" | "anti"
}

/** A table of a query, and the rows that it holds: those behind step `after`, -1 for what comes from the sources, or those of a source. */
export type QueryTable = { readonly name: string } & ({ readonly after: number } | { readonly source: string })

/** The rows that a query gives. */
export interface SqlStep {
  readonly type: "sql"
  readonly name?: string
  readonly query: string
  /** What the query names. */
  readonly tables: ReadonlyArray<QueryTable>
}

/** Steps that give no row before they have seen the last one. */
export type BlockingStep = SortStep | DeduplicateStep | AggregateStep | JoinStep | SqlStep

const BLOCKING: ReadonlySet<Step["type"]> = new Set(["sort", "deduplicate", "aggregate", "join", "sql"] satisfies ReadonlyArray<
  BlockingStep["type"]
>)

export type Step = RowStep | BlockingStep

export const isBlocking = (step: Step): step is BlockingStep => BLOCKING.has(step.type)

/** Whether a join or a query reads the source of this name for itself, so that its rows do not stand with the others. */
export const isSide = ({ sides }: Pick<StepsSpec, "sides">, source: string): boolean => sides !== undefined && Object.hasOwn(sides, source)

/** Names of the sources that joins and queries read for themselves. */
export const sidesOf = (steps: ReadonlyArray<Step>): ReadonlyArray<string> =>
  steps.flatMap((step) => {
    if (step.type === "join") return [step.with]
    return step.type === "sql" ? step.tables.flatMap((table) => ("source" in table ? [table.source] : [])) : []
  })

export const isTransparent = (step: Step): step is TransparentStep => TRANSPARENT.has(step.type)

export type Backend = "code" | "closure"

export interface StepsSpec {
  readonly steps: ReadonlyArray<Step>
  /** Columns of the batches that come in. A batch with other columns is compiled for when it comes. */
  readonly input: BatchSchema
  /** Whether columns of `input` that a batch lacks are unknown rather than wrong. Default false. */
  readonly isPartial?: boolean
  /** Columns of the sources that joins and queries name, by name. */
  readonly sides?: Readonly<Record<string, BatchSchema>>
  /** Columns that the queries give, by the index of their step, as far as they are known before a row is read. */
  readonly queried?: Readonly<Record<number, BatchSchema>>
  /** Index of the step that goes on from what earlier runs have seen. */
  readonly remembers?: number
  /** Values of `:run_id` and the like. */
  readonly runtime: Readonly<Record<string, unknown>>
  /** What `NOW()` says, milliseconds since 1970. */
  readonly now: number
  /** `closure` where `new Function` is not allowed; see `codeGenerationWorks`. */
  readonly backend: Backend
}

/** Something wrong with a step, found before any row is read. */
export interface StepIssue {
  readonly code: ErrorCode
  readonly message: string
  readonly step: number
  /** Within the definition: `transforms[1].fields.year`. */
  readonly path: string
  /** Index of the character within the expression. */
  readonly position?: number
  readonly hint?: string
}

/** A row that a step could not compute. */
export interface RowFailure {
  /** Physical row of the batch that went in. After a batch function that made new rows: the nearest known row before. */
  readonly row: number
  readonly step: number
  readonly error: TransformError
}

export type OnRowError = (failure: RowFailure) => void

export interface StepsResult {
  readonly batch: Batch
  /** Rows that came out of each step. */
  readonly passed: ReadonlyArray<number>
  /** Rows that were dropped and reported. */
  readonly rejected: number
  /** Rows of child tables, by name; tables without a row are not there. */
  readonly children?: ReadonlyMap<string, Batch>
}

export interface CompiledSteps {
  /** Undefined where it is known only when the first batch has gone through a custom step. */
  readonly output: BatchSchema | undefined
  /** Columns of child tables that are known before an element is, by name. */
  readonly children: ReadonlyMap<string, BatchSchema>
  /** Columns after each step, as far as they are known before a row is read. */
  readonly schemas: ReadonlyArray<BatchSchema | undefined>
  /** Input columns that must be read: decoded, or carried to the output. */
  readonly used: ReadonlyArray<string>
  /** Whether `run` may give a promise. */
  readonly isAsync: boolean
  /** Indexes of the steps that each pass over a batch does at once. */
  readonly passes: ReadonlyArray<ReadonlyArray<number>>
  /** Steps with a state, which is set up before the first row and closed after the last. */
  readonly stateful: ReadonlyArray<StatefulStep>
  /** The blocking steps, and the stateful ones that give last rows, each with the row-wise steps behind it. `run` does those before. */
  readonly later: ReadonlyArray<LaterSteps>
  /**
   * Runs the steps over one batch. Without `onRowError` the first row that fails throws a `TransformError`; with it, failing rows are
   * dropped and reported, in the order of the steps' passes. `onReject` hears of rows that a step sets aside whatever happens to failing
   * ones; without it they fail.
   *
   * After a custom step that has given no row yet, an empty batch has no columns.
   */
  readonly run: (batch: Batch, onRowError?: OnRowError, onReject?: OnRowError) => StepsResult | Promise<StepsResult>
}

export type RunSteps = CompiledSteps["run"]

/** A step of the author's own whose state lives for one reading of the sources. */
export interface StatefulStep {
  /** Its index among all steps. */
  readonly step: number
  /** Whether it gives last rows, and whether these stand for one run by itself. */
  readonly finishes: "no" | "each run" | "all rows"
  /** Rejects with `TransformError`. */
  readonly setup: () => Promise<void>
  /** Called once where `setup` has succeeded. Never rejects. */
  readonly close: () => Promise<void>
}

/** A step that gives rows when the sources have ended, and the row-wise steps behind it, up to the next one. */
export type LaterSteps = BlockingSteps | LastSteps

interface StepsBehind {
  /** Index of the step that gives the rows. */
  readonly step: number
  /** Counts the steps behind it alone. */
  readonly run: RunSteps
  /** Whether `run` may give a promise. */
  readonly isAsync: boolean
}

/** A blocking step: `run` is for the batches that it gives. */
export interface BlockingSteps extends StepsBehind {
  readonly kind: "blocking"
  readonly start: (host: BlockingHost) => BlockingRun
}

/** A stateful step that gives last rows: `run` is for all that comes out of it. */
export interface LastSteps extends StepsBehind {
  readonly kind: "last"
  /** The last rows, in batches of `batchSize`. Called once, after all rows have gone through. */
  readonly finish: (batchSize: number) => AsyncGenerator<Batch, void, undefined>
}

/** A custom step's function with its decoded config. */
export interface CustomFunction {
  readonly apply: TransformFunction
  readonly config: unknown
}

export type ResolveCustom = (step: CustomStep) => CustomFunction | undefined

/** What custom functions get from the host. */
export interface StepsHost {
  readonly log?: Log
  readonly signal?: AbortSignal
  /** Hears what each step took for one batch. Then no steps run in one pass, so that each has a time of its own. */
  readonly onTime?: (step: number, milliseconds: number) => void
}

export const isModuleReference = (reference: ModuleReference | LocalReference): reference is ModuleReference => "url" in reference

/** Whether worker threads can run the steps: no function of this process is among them, and no step that needs all rows. */
export const isTransferable = (steps: ReadonlyArray<Step>): boolean =>
  steps.every((step) => !isBlocking(step) && !isChildTables(step) && (step.type !== "custom" || isModuleReference(step.reference)))

let codeAllowed: boolean | undefined

/** Whether `new Function` works here; found out once. A host's content policy may forbid it, and then steps run as closures. */
export const codeGenerationWorks = (): boolean => (codeAllowed ??= tryGeneratedCode())

const tryGeneratedCode = (): boolean => {
  try {
    return (new Function("return true") as () => boolean)()
  } catch (error) {
    if (error instanceof EvalError) return false
    throw error
  }
}

/** The texts of all expressions of a step. */
export const expressionsOf = (step: Step): ReadonlyArray<string> => {
  switch (step.type) {
    case "filter":
      return [step.condition]
    case "map":
      return Object.values(step.fields)
    case "aggregate":
      return Object.values(step.metrics)
    case "join":
      return step.condition === undefined ? [] : [step.condition]
    case "schema":
      return step.rules.flatMap(textsOfRule)
    case "rename":
    case "select":
    case "custom":
    case "unnest":
    case "flatten":
    case "sort":
    case "deduplicate":
    case "sql":
      return []
  }
}
