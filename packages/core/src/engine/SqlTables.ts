/** Queries of steps `sql`: the columns that they give, before a row is read, and their tables in a run. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { EngineError } from "../contract/Errors.ts"
import type { SqlEngine, SqlSession, SqlTable } from "../contract/Sql.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { makePlan, type Plan, type PlanIssue, type PlanOptions } from "../pipeline/Plan.ts"
import { queryTables } from "../transform/blocking/sql.ts"
import { placeOf } from "../transform/failure.ts"
import { sidesOf, type SqlStep } from "../transform/Step.ts"
import type { StepsOptions } from "./Steps.ts"

interface Queried {
  readonly schemas: Readonly<Record<number, BatchSchema>>
  readonly issues: ReadonlyArray<PlanIssue>
}

/** The columns that each query gives, as far as those of its tables are known. What else is wrong, the plan of all steps says. */
export const describeQueries = async (options: PlanOptions, sql: SqlEngine | undefined): Promise<Queried> => {
  const schemas: Record<number, BatchSchema> = {}
  for (const [index, step] of options.steps.entries()) {
    if (step.type !== "sql") continue
    const before = makePlan({ ...options, steps: options.steps.slice(0, index), sides: sidesOf(options.steps), queried: schemas })
    if (!before.ok) break
    const tables = tablesBefore(step, before.plan, options)
    if (tables === undefined) continue
    const described = await present(sql).describe({ query: step.query, tables, runtimeValues: options.runtime })
    if (!described.ok) return { schemas, issues: [{ ...described.problem, step: index, path: `transforms[${index}].query` }] }
    schemas[index] = described.schema
  }
  return { schemas, issues: [] }
}

/** Undefined where some columns are known only when rows come. */
const tablesBefore = (step: SqlStep, plan: Plan, { sources }: PlanOptions): ReadonlyArray<SqlTable> | undefined => {
  const tables = Array.from(queryTables(step), ([rows, names]): SqlTable => {
    if (typeof rows === "string") return { names, schema: sources.find(({ name }) => name === rows)!.schema }
    return { names, schema: rows < 0 ? plan.input : plan.steps.schemas[rows] }
  })
  return tables.some(({ schema }) => schema === undefined || schema.columns.length === 0) ? undefined : tables
}

/** Decoding has refused queries where nothing can run them. */
const present = (sql: SqlEngine | undefined): SqlEngine => {
  if (sql === undefined) throw new EngineError({ code: "UNKNOWN_PLUGIN", message: "the engine has nothing that runs SQL." })
  return sql
}

export interface SqlOpener {
  readonly open: (tables: ReadonlyArray<SqlTable>) => Promise<SqlSession>
  /** Ends what the query is about, so that nobody has to wait for it. */
  readonly interrupt: Effect.Effect<void>
}

/** The tables of one step, opened when they are first asked for, and closed with the scope. */
export const sqlOpener = (
  { sql, spill, pipeline, plan }: StepsOptions,
  index: number,
  { memory, batchSize }: { readonly memory: number; readonly batchSize: number },
): Effect.Effect<SqlOpener, never, Scope.Scope> => {
  const opened: { session: Promise<SqlSession> | undefined } = { session: undefined }
  const step = pipeline.steps[index]!
  const open: SqlOpener["open"] = (tables) =>
    (opened.session ??= present(sql).open({
      query: step.type === "sql" ? step.query : "",
      tables,
      runtimeValues: plan.spec.runtime,
      place: placeOf({ steps: pipeline.steps, runtime: { pipeline_name: pipeline.name } }, index),
      memory,
      threads: pipeline.workers,
      folder: spill.folder,
      batchSize,
    }))
  // Whoever asked for a session that could not be opened has heard of it; there is nothing to end.
  const ended = Effect.promise(async () => {
    const [settled] = await Promise.allSettled([opened.session])
    return settled.status === "fulfilled" ? settled.value : undefined
  })
  return Effect.map(
    Effect.acquireRelease(Effect.void, () => Effect.flatMap(ended, (session) => Effect.promise(async () => await session?.close()))),
    () => ({ open, interrupt: Effect.map(ended, (session) => session?.interrupt()) }),
  )
}
