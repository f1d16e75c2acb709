/** The delta law for a pipeline of one's own: whatever is cut into runs leaves what one run over all of it does. */
import { AssertionError } from "node:assert"
import type { BatchSchema, ColumnType, EngineOptions, PipelineInput, Plugin, Row } from "@deltaflow/core"
import { DefinitionError } from "@deltaflow/core"
import { decodeTest, type TestInput } from "@deltaflow/core/testing"
import fc from "fast-check"
import { type Effort, effortOf } from "../Law.ts"
import { rowsOf } from "../rows.ts"
import { difference } from "./difference.ts"
import { type Ended, ReadyTest, type TestTarget } from "./runs.ts"
import { targetOf } from "./testPipeline.ts"
import { mergeSchemas, noRows } from "./testRows.ts"

/** What a source gives. */
export interface DeltaLawSource {
  readonly columns: Readonly<Record<string, ColumnType>>
  /** Rows with these columns. Default: any values that the types have, the nasty ones among them. */
  readonly rows?: fc.Arbitrary<ReadonlyArray<Row>>
}

export interface DeltaLawOptions extends Effort {
  /** By the name of each source. */
  readonly sources: Readonly<Record<string, DeltaLawSource>>
  /** Rows of a source at most, where they are not given. Default 30. */
  readonly maxRows?: number
  /** Transforms that the pipeline names. Sources and destinations are replaced. */
  readonly plugins?: ReadonlyArray<Plugin>
  /** Where modules of custom steps lie. Default: the project of the pipeline's file, else the process's folder. */
  readonly folder?: string
  /** Values for `${VAR}`. Default: none. */
  readonly env?: EngineOptions["env"]
}

/**
 * Runs the pipeline over random rows, once over all of them and once cut into increments, and compares what the destinations hold, in any
 * order.
 * The shortest rows and cut that differ are shown in the `AssertionError`. Rows over which the pipeline fails as a whole say nothing.
 * Rejects with `DefinitionError` where the pipeline or the names of sources are wrong.
 */
export const checkDeltaLaw = async (pipeline: PipelineInput | URL, options: DeltaLawOptions): Promise<void> => {
  const { plugins = [], folder, env = {}, sources, maxRows = 30 } = options
  const target = await targetOf(pipeline, { plugins, folder, env, signal: undefined })
  // What is wrong with the definition is no property of rows.
  await runsOver(target, [Object.fromEntries(Object.entries(sources).map(([name, { columns }]) => [name, { columns, rows: [] }]))])
  const logs = fc.record(Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, logOf(source, maxRows)])))
  await fc.assert(
    fc.asyncProperty(logs, fc.array(fc.nat(maxRows), { minLength: 1, maxLength: 4 }), async (log, cuts) => {
      const fixtures = (from: number, to: number) =>
        Object.fromEntries(
          Object.entries(sources).map(([name, { columns }]) => {
            const rows = log[name]!
            return [name, { columns, rows: rows.slice(from, to) }]
          }),
        )
      const whole = await runsOver(target, [fixtures(0, Infinity)])
      fc.pre(whole.ended.every(({ failure }) => failure === undefined))
      const ends = [...cuts.toSorted((a, b) => a - b), Infinity]
      const pieces = ends.map((end, i) => fixtures(ends[i - 1] ?? 0, end))
      compare(whole, await runsOver(target, pieces), pieces)
    }),
    effortOf(options),
  )
}

export const logOf = ({ columns, rows }: DeltaLawSource, maxLength: number): fc.Arbitrary<ReadonlyArray<Row>> => {
  const schema: BatchSchema = { columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable: true })) }
  return rows ?? rowsOf(schema, { maxLength })
}

type Fixtures = NonNullable<TestInput["fixtures"]>

interface Left {
  readonly ready: ReadyTest
  readonly ended: ReadonlyArray<Ended>
}

const runsOver = async (target: TestTarget, runs: ReadonlyArray<Fixtures>): Promise<Left> => {
  const ready = await ReadyTest.make(target, decodeTest({ runs: runs.map((fixtures) => ({ fixtures })) }), "")
  if (!(ready instanceof ReadyTest)) throw new DefinitionError(ready)
  return { ready, ended: await ready.run() }
}

const compare = (whole: Left, cut: Left, pieces: ReadonlyArray<Fixtures>): void => {
  const failed = cut.ended.findIndex(({ failure }) => failure !== undefined)
  if (failed >= 0)
    throw broken(
      `run ${failed + 1} of ${pieces.length} fails, and one run over all rows does not: ${cut.ended[failed]!.failure!.message}`,
      pieces,
    )
  for (const { name, key } of whole.ready.destinations) {
    const [wanted, found] = [whole, cut].map(({ ended }) => ended.at(-1)!.tables.get(name) ?? noRows)
    const { columns } = mergeSchemas(wanted!.schema, found!.schema)
    const wrong = difference(wanted!.rows, found!.rows, { columns, ordered: false, key })
    if (wrong !== undefined)
      throw broken(`${name} holds other rows after ${pieces.length} runs than after one over all rows:\n${wrong}`, pieces)
  }
}

const broken = (what: string, pieces: ReadonlyArray<Fixtures>): AssertionError => {
  const read = pieces.map((fixtures, i) => {
    const rows = Object.entries(fixtures).map(([name, fixture]) => `${name} ${shown(fixture)}`)
    return `run ${i + 1}: ${rows.join("; ")}`
  })
  return new AssertionError({ message: `${what}\n${read.join("\n")}`, stackStartFn: broken })
}

const shown = (fixture: Fixtures[string]): string => JSON.stringify("rows" in fixture ? fixture.rows : fixture, plain)

const plain = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value)
