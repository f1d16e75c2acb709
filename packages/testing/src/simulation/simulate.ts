/** A pipeline under random faults, crashes and wrong clocks, many at a time. One seed is one history, and replays it. */
import { AssertionError } from "node:assert"
import type { Delivery, Destination, EngineOptions, PipelineInput, Plugin, Row } from "@deltaflow/core"
import { DefinitionError } from "@deltaflow/core"
import { withoutEnds } from "@deltaflow/core/testing"
import fc from "fast-check"
import type { MemoryFiles } from "../memoryFiles.ts"
import { type DeltaLawSource, logOf } from "../pipeline/deltaLaw.ts"
import { difference } from "../pipeline/difference.ts"
import { targetOf } from "../pipeline/testPipeline.ts"
import { mergeSchemas, noRows, type TestRows, typedRows } from "../pipeline/testRows.ts"
import { History, type Setting } from "./History.ts"

export interface SimulationOptions {
  /** By the name of each source. */
  readonly sources: Readonly<Record<string, DeltaLawSource>>
  /** Rows of a source at most, where they are not given. Default 20. */
  readonly maxRows?: number
  /** The first seed. Default: another one each time; a failure prints its own. */
  readonly seed?: number
  /** How many histories, one for each seed from the first on. Default 50. */
  readonly histories?: number
  /** Which share of calls to stores, sources, destinations and files goes wrong while all goes wrong. Default 0.1. */
  readonly faults?: number
  /** What the simulated destinations promise. Default: what the real ones of their type do. */
  readonly delivery?: Delivery
  /** Whether sources forget the rows that they were told are durable. Default false. */
  readonly forgets?: boolean
  /** Destinations that are not simulated but the real ones, over a simulated disk below `/project`; and how to read what they left. */
  readonly files?: Readonly<Record<string, (files: MemoryFiles) => ReadonlyArray<Row>>>
  /** Transforms that the pipeline names, and destinations of `files`. Other sources and destinations are replaced. */
  readonly plugins?: ReadonlyArray<Plugin>
  /** Where modules of custom steps lie. Default: the project of the pipeline's file, else the process's folder. */
  readonly folder?: string
  /** Values for `${VAR}`. Default: none. */
  readonly env?: EngineOptions["env"]
}

/**
 * Runs the pipeline in several simulated processes on one store. Processes are killed, stand still past their lease and go on, clocks jump,
 * the power fails, and calls fail before or after they took effect, come late, or are never answered. Then all is well again, and one more
 * run must leave in each destination what one run over all rows leaves where nothing goes wrong.
 *
 * Rejects with an `AssertionError` that has the history and its seed. Rejects with `DefinitionError` where the pipeline is wrong. Rows over
 * which the pipeline fails by itself say nothing.
 */
export const simulateFaults = async (pipeline: PipelineInput | URL, options: SimulationOptions): Promise<void> => {
  const simulation = await Simulation.make(pipeline, options)
  const first = options.seed ?? Math.floor(Math.random() * 2 ** 31)
  const histories = options.histories ?? 50
  let said = 0
  let failure: unknown
  for (let seed = first; seed < first + histories; seed++) {
    const played = await simulation.play(seed)
    if (played.violations.length > 0) throw broken(seed, played.violations, played.history)
    if (played.failure === undefined) said++
    failure ??= played.failure
  }
  if (said === 0 && histories > 0) throw failure
}

const LAST_LINES = 80

const FAULTS = 0.1

const LOADING_MS = 20

const broken = (seed: number, violations: ReadonlyArray<string>, history: ReadonlyArray<string>): AssertionError =>
  new AssertionError({
    message: [
      ...violations,
      `To repeat it: { seed: ${seed}, histories: 1 }. What happened, with seconds in front:`,
      ...(history.length > LAST_LINES ? [`… ${history.length - LAST_LINES} lines before`] : []),
      ...history.slice(-LAST_LINES),
    ].join("\n"),
    stackStartFn: broken,
  })

export interface Played {
  readonly violations: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
  /** With what the pipeline fails over the rows by itself, where it does. */
  readonly failure: unknown
}

export class Simulation {
  private readonly options: SimulationOptions
  private readonly setting: Omit<Setting, "rows" | "definition">
  private readonly definition: Readonly<Record<string, unknown>>

  private constructor(options: SimulationOptions, setting: Omit<Setting, "rows" | "definition">, definition: object) {
    this.options = options
    this.setting = setting
    this.definition = definition as Readonly<Record<string, unknown>>
  }

  static async make(pipeline: PipelineInput | URL, options: SimulationOptions): Promise<Simulation> {
    const { plugins = [], folder, env = {}, delivery, forgets = false, files = {} } = options
    const { tested } = await targetOf(pipeline, { plugins, folder, env, signal: undefined })
    const written = tested.written as { readonly destinations?: ReadonlyArray<{ readonly name?: string; readonly type?: string }> }
    const realTypes = new Set((written.destinations ?? []).flatMap(({ name, type }) => (Object.hasOwn(files, name ?? "") ? [type!] : [])))
    const setting = {
      plugins: tested.plugins,
      decode: async (definition: unknown, given: ReadonlyArray<Plugin>) => {
        const result = await tested.decode(definition, { plugins: given })
        if (!result.ok) throw new DefinitionError(result.issues)
        return result.pipeline
      },
      delivery: (type: string) => delivery ?? promiseOf(tested.plugins, type),
      forgets,
      realTypes,
    }
    const definition = withoutEnds(tested.written) as Readonly<Record<string, unknown>>
    const { destinations } = definition as { readonly destinations?: ReadonlyArray<{ readonly type?: string }> }
    // A real destination keeps what it is connected to.
    const ends = destinations?.map((one, i) => (realTypes.has(one.type!) ? written.destinations![i]! : one))
    const defaults = { timeout: "20s", ...(definition["defaults"] as object | undefined) }
    const simulation = new Simulation(options, setting, { ...definition, defaults, ...(ends === undefined ? {} : { destinations: ends }) })
    // Modules that are loaded when they are needed, which takes real time.
    await new History(simulation.settingOf(1), 1, 0, LOADING_MS).undisturbed()
    return simulation
  }

  /** One history, and one in which nothing goes wrong. */
  async play(seed: number): Promise<Played> {
    const setting = this.settingOf(seed)
    const calm = new History(setting, seed, 0)
    const failure = await calm.undisturbed()
    if (failure !== undefined) return { violations: [], history: calm.world.history, failure }
    const wild = new History(setting, seed, this.options.faults ?? FAULTS)
    await wild.disturbed()
    if (wild.world.violations.length === 0) this.compare(calm, wild)
    return { violations: wild.world.violations, history: wild.world.history, failure }
  }

  private settingOf(seed: number): Setting {
    const { sources, maxRows = 20 } = this.options
    const rows = Object.entries(sources).map(([name, source], i) => {
      const [log] = fc.sample(logOf(source, maxRows), { seed: seed + i, numRuns: 1 })
      return [name, fixtureOf(source, log!)] as const
    })
    return { ...this.setting, rows: new Map(rows), definition: this.definitionOf(seed) }
  }

  /** Commits at every cursor in every second history, where the pipeline does not say when. */
  private definitionOf(seed: number): unknown {
    const { destinations } = this.definition as { readonly destinations?: ReadonlyArray<object> }
    if (seed % 2 === 0 || destinations === undefined) return this.definition
    return { ...this.definition, destinations: destinations.map((one) => ({ flush_interval: 0, ...one })) }
  }

  private compare(calm: History, wild: History): void {
    for (const { name, key, repeats, isOrdered } of this.comparisons()) {
      const wanted = this.held(calm, name)
      const found = this.held(wild, name)
      const { columns } = mergeSchemas(wanted.schema, found.schema)
      const rows = repeats ? once(found.rows) : found.rows
      const wrong = difference(repeats ? once(wanted.rows) : wanted.rows, rows, { columns, ordered: isOrdered, key })
      if (wrong !== undefined) wild.world.violate(`${name} does not hold what one run without faults leaves:\n${wrong}`)
    }
  }

  private held(history: History, name: string): TestRows {
    const read = this.options.files?.[name]
    if (read === undefined) return history.table(name).rows
    const rows = typedRows(read(history.files), {}, { fromFile: false })
    return "schema" in rows ? rows : noRows
  }

  private comparisons() {
    const { destinations = [] } = this.definition as { readonly destinations?: ReadonlyArray<Readonly<Record<string, unknown>>> }
    const isOne = Object.keys(this.options.sources).length === 1
    return destinations.map((one, i) => {
      const name = typeof one["name"] === "string" ? one["name"] : `destinations[${i}]`
      const delivery = this.setting.delivery(String(one["type"]))
      const key = [(one["key"] ?? []) as string | ReadonlyArray<string>].flat()
      return {
        name,
        key,
        repeats: delivery === "none" && !this.setting.realTypes.has(String(one["type"])),
        isOrdered: isOne && key.length === 0 && delivery !== "none",
      }
    })
  }
}

const fixtureOf = ({ columns }: DeltaLawSource, rows: ReadonlyArray<Row>): TestRows & { readonly rows: Array<Row> } => ({
  schema: { columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable: true })) },
  rows: [...rows],
})

/** What the real destination promises; the most where it is not known, or where it depends on its config. */
const promiseOf = (plugins: ReadonlyArray<Plugin>, type: string): Delivery => {
  const plugin = plugins.find((other): other is Destination => other.kind === "destination" && other.type === type)
  return typeof plugin?.delivery === "string" ? plugin.delivery : "transactional"
}

const once = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => [...new Map(rows.map((row) => [JSON.stringify(row, plain), row])).values()]

const plain = (_: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}n` : value)
