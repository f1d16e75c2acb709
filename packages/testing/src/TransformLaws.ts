/** What every transform promises, as laws: `runLaws(transformLaws({ transform, config }), { test })`. */
import assert from "node:assert/strict"
import type { BatchSchema, Row, Transform, TransformContext, TransformFunction } from "@deltaflow/core"
import fc from "fast-check"
import { type Effort, effortOf, type Law } from "./Law.ts"
import { checkConfigJson, decodeConfig } from "./pluginContext.ts"
import { cutRows, rowsOf, tables } from "./rows.ts"

export interface TransformLawsOptions extends Effort {
  readonly transform: Transform
  /** As a pipeline would give it. Default: `{}`. */
  readonly config?: unknown
  /** The rows that it takes: a schema, or an arbitrary of one's own. Default: rows of any schema. */
  readonly rows?: BatchSchema | fc.Arbitrary<ReadonlyArray<Row>>
  /** What it has to make of rows, where that is known. */
  readonly expected?: (rows: ReadonlyArray<Row>) => ReadonlyArray<Row>
}

export const transformLaws = (options: TransformLawsOptions): ReadonlyArray<Law> => {
  const { transform, config = {} } = options
  const laws: ReadonlyArray<readonly [string, () => Promise<void>]> = [
    ["gives the same rows on any cutting into batches", () => anyCutting(options)],
    ["gives plain rows, and the same again for the same rows", () => repeatable(options)],
    ["takes its config through JSON", () => checkConfigJson(transform.config, config)],
  ]
  return laws.map(([title, check]) => ({ name: `${transform.type} transform: ${title}`, check }))
}

const inputs = ({ rows }: TransformLawsOptions): fc.Arbitrary<ReadonlyArray<Row>> => {
  if (rows === undefined) return tables().map((table) => table.rows)
  return rows instanceof fc.Arbitrary ? rows : rowsOf(rows)
}

const anyCutting = async (options: TransformLawsOptions): Promise<void> => {
  const apply = await applier(options)
  const cutInputs = inputs(options).chain((rows) => fc.record({ rows: fc.constant(rows), pieces: cutRows(rows) }))
  const property = fc.asyncProperty(cutInputs, async ({ rows, pieces }) => {
    const whole = await apply(rows)
    const inPieces: Array<Row> = []
    for (const piece of pieces) if (piece.length > 0) inPieces.push(...(await apply(piece)))
    assert.deepEqual(inPieces, whole)
    if (options.expected !== undefined) assert.deepEqual(whole, options.expected(rows))
  })
  await fc.assert(property, effortOf(options))
}

const repeatable = async (options: TransformLawsOptions): Promise<void> => {
  const apply = await applier(options)
  const property = fc.asyncProperty(inputs(options), async (rows) => {
    const first = await apply(rows)
    for (const row of first) assert.ok(typeof row === "object" && row !== null && !Array.isArray(row), "what comes out is no row")
    assert.deepEqual(await apply(rows), first)
  })
  await fc.assert(property, effortOf(options))
}

/** Applies the transform to the rows of one batch, each of them copied: a function may change what it gets. */
const applier = async ({
  transform,
  config = {},
}: TransformLawsOptions): Promise<(rows: ReadonlyArray<Row>) => Promise<ReadonlyArray<Row>>> => {
  const quiet = (): void => undefined
  const context: TransformContext = {
    config: await decodeConfig<unknown>(transform.config, config),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    signal: new AbortController().signal,
    runId: "run_laws",
    pipeline: "laws",
    state: undefined,
  }
  return (rows) =>
    applyTo(
      transform.apply,
      rows.map((row) => ({ ...row })),
      context,
    )
}

const applyTo = async (apply: TransformFunction, rows: ReadonlyArray<Row>, context: TransformContext): Promise<ReadonlyArray<Row>> => {
  if (apply.mode === "batch") return await apply.run(rows, context)
  const results: Array<Row> = []
  for (const row of rows)
    results.push(
      ...(apply.mode === "row" ? asRows(await apply.run(row, context)) : patched(row, await apply.run(Object.freeze(row), context))),
    )
  return results
}

const asRows = (result: Row | ReadonlyArray<Row> | null | undefined): ReadonlyArray<Row> =>
  result === null || result === undefined ? [] : Array.isArray(result) ? (result as ReadonlyArray<Row>) : [result as Row]

const patched = (row: Readonly<Row>, patch: Row | null | undefined): ReadonlyArray<Row> => (patch === null ? [] : [{ ...row, ...patch }])
