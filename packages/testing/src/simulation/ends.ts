/** Sources and destinations of a simulated process. What they hold stands in the world and outlives it. */
import {
  anyConfig,
  Batch,
  type BatchSchema,
  type Checkpoint,
  commitRefusal,
  type Delivery,
  type Destination,
  DestinationError,
  type Load,
  type LoadRequest,
  type Row,
  type Source,
  SourceError,
  type SourceBatch,
  type WriteMode,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ChangedTable, EmptyColumnError } from "../pipeline/tableChanges.ts"
import { TableLoad } from "../pipeline/testEnds.ts"
import { noRows, type TestRows } from "../pipeline/testRows.ts"
import { asEffect } from "./services.ts"
import type { Outcome, Process, World } from "./World.ts"

/** Rows that a source has, which grow and are forgotten from the front once that is allowed. */
export class Origin {
  readonly name: string
  readonly schema: BatchSchema
  readonly rows: Array<Row> = []
  /** Whether rows go once they were acknowledged. */
  readonly forgets: boolean
  forgotten = 0

  constructor(name: string, schema: BatchSchema, forgets: boolean) {
    this.name = name
    this.schema = schema
    this.forgets = forgets
  }
}

/** What a destination holds. */
export class Table {
  readonly name: string
  rows: TestRows = noRows
  /** Beside the rows, where they commit together. */
  checkpoint: Checkpoint | undefined

  constructor(name: string) {
    this.name = name
  }
}

/** Where each source stands, by the texts of its cursors. */
export type Positions = Readonly<Record<string, number>>

export const positionsOf = (cursors: Readonly<Record<string, string>>, origins: ReadonlyMap<string, Origin>): Positions =>
  Object.fromEntries(
    Object.entries(cursors).flatMap(([name, text]) => (origins.has(name) ? [[name, (JSON.parse(text) as { at: number }).at]] : [])),
  )

export interface EndsOptions {
  readonly world: World
  readonly process: Process
  readonly origins: ReadonlyMap<string, Origin>
  readonly tables: ReadonlyMap<string, Table>
  /** Up to where all destinations hold the rows of a source, whatever the sources are told. */
  readonly held: (source: string) => number
  /** Sources and loads that a process has open. */
  readonly open: Set<string>
}

/** A source of rows in a log; its cursor is the number of rows before. */
export const simulatedSource = ({ world, process, origins, held, open }: EndsOptions, type: string): Source => ({
  kind: "source",
  type,
  summary: "Rows of a simulation",
  config: anyConfig(),
  supportsIncremental: true,
  fingerprint: () => type,
  open: ({ name, batchSize, incremental, cursor }) =>
    Effect.gen(function* () {
      const origin = origins.get(name)!
      const { schema } = origin
      const failed = (what: string) => () =>
        new SourceError({
          code: "SOURCE_FAILED",
          message: `${name}: ${what} failed, as the simulation wanted. Nothing to do.`,
          path: [name],
          retryable: true,
        })
      const call = <A>(what: string, perform: () => Outcome<A>) =>
        asEffect<A, SourceError>(world, process, { what: `${name} ${what}`, isRemote: true, perform }, failed(what))
      yield* opened(open, `source ${name}`)
      const start = (cursor as { readonly at: number } | undefined)?.at ?? 0
      const end = yield* call("open", () => ({ ok: true, value: origin.rows.length }))
      // Small batches, so that something may happen between any two of them.
      const size = Math.min(batchSize, 1 + world.chance.below(6))
      const starts = Array.from({ length: Math.ceil((end - start) / size) }, (_, i) => start + i * size)
      const batch = (from: number): SourceBatch => {
        const to = Math.min(end, from + size)
        return {
          // What was forgotten is gone for ever, whoever asks.
          batch: Batch.fromRows(origin.rows.slice(Math.max(from, origin.forgotten), to), schema, from - start + 1),
          ...(incremental === undefined ? {} : { cursor: { at: to } }),
        }
      }
      return {
        schema,
        read: () => ({
          rows: {
            kind: "batches" as const,
            stream: Stream.fromIterable(starts).pipe(
              Stream.mapEffect((from) => call(`read from ${from}`, () => ({ ok: true, value: batch(from) }))),
            ),
          },
        }),
        ...(incremental === undefined
          ? {}
          : {
              acknowledge: (told) => {
                const { at } = told as { readonly at: number }
                return call(`acknowledge ${at}`, () => {
                  if (at > held(name)) world.violate(`${name} was told that ${at} rows are durable, and ${held(name)} are`)
                  if (origin.forgets) origin.forgotten = Math.max(origin.forgotten, at)
                  return { ok: true, value: undefined }
                })
              },
            }),
      }
    }),
})

const opened = (open: Set<string>, what: string) => {
  const entry = `${what} ${open.size}`
  return Effect.acquireRelease(
    Effect.sync(() => open.add(entry)),
    () => Effect.sync(() => open.delete(entry)),
  )
}

/**
 * A table.
 * `transactional`: rows and checkpoint in one step, and only with an epoch that is not behind. `idempotent`: rows at once at the commit.
 * `none`: each batch at once.
 */
export const simulatedDestination = (
  options: EndsOptions,
  { type, delivery, writeModes }: { readonly type: string; readonly delivery: Delivery; readonly writeModes: ReadonlyArray<WriteMode> },
): Destination => {
  const { world, process, tables, origins, open } = options
  const callOf =
    (name: string) =>
    <A>(what: string, perform: () => Outcome<A>): Effect.Effect<A, DestinationError> =>
      asEffect<A, DestinationError>(
        world,
        process,
        { what: `${name} ${what}`, isRemote: true, perform },
        () =>
          new DestinationError({
            // What may have taken effect is as a time limit that was passed: nobody may try it again row by row.
            code: "STEP_TIMEOUT",
            message: `${name}: ${what} failed, as the simulation wanted. Nothing to do.`,
            path: [name],
            // A write that may have left rows in the load must not be repeated within it.
            retryable: !what.startsWith("write"),
          }),
      )
  return {
    kind: "destination",
    type,
    summary: "A table of a simulation",
    config: anyConfig(),
    delivery,
    writeModes,
    takesChanges: true,
    ...(delivery !== "transactional"
      ? {}
      : { checkpoint: ({ name }) => callOf(name)("checkpoint", () => ({ ok: true, value: tables.get(name)!.checkpoint })) }),
    open: (request) =>
      Effect.gen(function* () {
        const call = callOf(request.name)
        const table = tables.get(request.name)!
        yield* opened(open, `load ${request.name}`)
        yield* call("open", () => ({ ok: true, value: undefined }))
        let pending: Array<{ readonly rows: ReadonlyArray<Row>; readonly schema: BatchSchema }> = []
        let known = request.checkpoint
        const isWhole = request.writeMode === "replace" || request.changes?.absence === true
        const load: Load = {
          label: request.name,
          commitsEarly: !isWhole,
          write: (batch) => {
            const rows = batch.toRows()
            return call(`write ${rows.length} rows`, () => {
              if (delivery === "none") return changed(request, table, [{ rows, schema: batch.schema }], true)
              pending.push({ rows, schema: batch.schema })
              return { ok: true, value: undefined }
            })
          },
          commit: (checkpoint, _, { areAll } = { areAll: false }) => {
            // What is on its way is what was written until now.
            const rows = pending
            pending = []
            const behind = known
            known = checkpoint
            return call(`commit ${JSON.stringify(positionsOf(checkpoint.cursors, origins))} of epoch ${checkpoint.epoch}`, () => {
              if (delivery === "transactional") {
                const error = commitRefusal(checkpoint, table.checkpoint, behind, request.name)
                if (error !== undefined) return { ok: false, error }
                noteCursors(world, request, table, checkpoint, origins)
              }
              if (delivery !== "none" && (rows.length > 0 || isWhole)) {
                const outcome = changed(request, table, rows, areAll)
                if (!outcome.ok) return outcome
              }
              if (delivery === "transactional") table.checkpoint = checkpoint
              return { ok: true, value: {} }
            })
          },
        }
        return load
      }),
  }
}

/** Invariant 3. */
const noteCursors = (
  world: World,
  { name, fullRefresh }: LoadRequest<unknown>,
  { checkpoint }: Table,
  next: Checkpoint,
  origins: ReadonlyMap<string, Origin>,
): void => {
  if (checkpoint === undefined || fullRefresh) return
  const before = positionsOf(checkpoint.cursors, origins)
  for (const [source, at] of Object.entries(positionsOf(next.cursors, origins)))
    if (at < (before[source] ?? 0)) world.violate(`the cursor of ${source} in ${name} went back from ${before[source]} to ${at}`)
}

const changed = (
  request: LoadRequest<unknown>,
  table: Table,
  batches: ReadonlyArray<{ readonly rows: ReadonlyArray<Row>; readonly schema: BatchSchema }>,
  areAll: boolean,
): Outcome<undefined> => {
  try {
    if (request.changes === undefined) {
      const load = new TableLoad(request, table.rows)
      for (const { rows, schema } of batches) load.write(rows, schema)
      table.rows = load.result()
    } else {
      const load = new ChangedTable(request, table.rows)
      for (const { rows, schema } of batches) load.write(rows, schema)
      table.rows = load.result({ areAll })
    }
    return { ok: true, value: undefined }
  } catch (error) {
    if (!(error instanceof EmptyColumnError)) return { ok: false, error }
    const message = `${request.name}: ${error.message}.`
    return { ok: false, error: new DestinationError({ code: "VALUE_NOT_SUPPORTED", message, path: [request.name] }) }
  }
}
