/** Pipelines that go through simulated histories, and what each of them may rely on. */
import type { PipelineDefinition } from "@deltaflow/core"
import fc from "fast-check"
import { Simulation, type SimulationOptions } from "../src/simulation/simulate.ts"

const columns = { id: "integer", kind: "string" } as const

/** Rows in the order of their number, so that one that is lost, comes twice or out of order is seen. */
const rows = fc.nat(25).map((count) => Array.from({ length: count }, (_, i) => ({ id: i, kind: `k${i % 3}` })))

const log = (name: string) => ({ name, type: "log", incremental: true })
const table = (name: string, more: object = { write_mode: "append" }) => ({ name, type: "table", ...more })
const upsert = (key: string) => ({ write_mode: "upsert", key })

const cases = {
  "rows and checkpoint in one transaction": [{ sources: [log("a")], destinations: [table("out")] }, {}],
  "a source that forgets what is durable": [{ sources: [log("a")], destinations: [table("out")] }, { forgets: true }],
  "the whole table again": [{ sources: [{ name: "a", type: "log" }], destinations: [table("out", { write_mode: "replace" })] }, {}],
  "an idempotent destination": [
    { sources: [log("a")], destinations: [table("out", upsert("kind"))] },
    { delivery: "idempotent", forgets: true },
  ],
  "a destination that takes what it gets": [
    { sources: [log("a")], destinations: [table("out")] },
    { delivery: "none", forgets: true },
  ],
  "more tries in one run": [
    { sources: [log("a")], error_handling: { strategy: "retry", max_retries: 3 }, destinations: [table("out")] },
    { forgets: true },
  ],
  "two sources into two tables": [
    {
      sources: [log("a"), log("b")],
      destinations: [
        table("out", { write_mode: "append", flush_interval: 0 }),
        table("latest", { ...upsert("id"), flush_interval: "10s" }),
      ],
    },
    { forgets: true },
  ],
  "a step that remembers": [
    {
      sources: [log("a")],
      transforms: [{ type: "aggregate", group_by: ["kind"], metrics: { number: "COUNT(*)", sum: "SUM(id)" } }],
      destinations: [table("out", upsert("kind"))],
    },
    {},
  ],
  "rows that are set aside": [
    {
      sources: [log("a")],
      transforms: [{ type: "map", fields: { part: "1 / (id % 5 - 3)" } }],
      error_handling: { strategy: "skip" },
      destinations: [table("out")],
    },
    { forgets: true },
  ],
  "rows of changes": [
    {
      sources: [log("a")],
      destinations: [
        table("out", {
          write_mode: "merge",
          key: "kind",
          when: [{ action: "delete", condition: "id % 7 = 5" }, { action: "update", condition: "id % 2 = 0" }, { action: "insert" }],
        }),
      ],
    },
    {},
  ],
} satisfies Readonly<Record<string, readonly [Omit<PipelineDefinition, "name">, Partial<SimulationOptions>]>>

export type CaseName = keyof typeof cases

export const caseNames = Object.keys(cases) as ReadonlyArray<CaseName>

export const simulationOf = async (name: CaseName, options: Partial<SimulationOptions> = {}): Promise<Simulation> => {
  const [definition, own] = cases[name]
  const sources = Object.fromEntries(definition.sources.map((source) => [source.name, { columns, rows }]))
  return await Simulation.make({ name: "simulated", ...definition }, { sources, ...own, ...options })
}

/** What is wrong in these histories, a line each, with what repeats it. */
export const failuresOf = async (name: CaseName, first: number, count: number): Promise<ReadonlyArray<string>> => {
  const simulation = await simulationOf(name)
  const failures: Array<string> = []
  for (let seed = first; seed < first + count; seed++) {
    const { violations, failure } = await simulation.play(seed)
    const wrong = failure === undefined ? violations : [`fails by itself: ${String(failure)}`]
    if (wrong.length > 0) failures.push(`DELTAFLOW_SEED=${seed} DELTAFLOW_SEEDS=1, ${name}: ${wrong.join("; ")}`)
  }
  return failures
}
