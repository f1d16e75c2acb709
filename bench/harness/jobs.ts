/** The jobs, and which contests each of them is for. The figures to reach are ratios of wall time, the median of the pairs. */
import type { Answer } from "../answers.ts"

export interface Contest {
  readonly a: string
  readonly b: string
  /** Must be met. */
  readonly held?: number
  /** The ratio of the peaks of memory that must be met too. */
  readonly heldMemory?: number
  /** Past what was shown to be possible: the distance is the result. */
  readonly stretch?: number
}

export interface Job {
  readonly id: string
  readonly title: string
  readonly input: "csv" | "ndjson"
  readonly answer: Answer
  readonly contests: ReadonlyArray<Contest>
}

export const jobs: ReadonlyArray<Job> = [
  {
    id: "j1",
    title: "CSV, filter, three computed columns, NDJSON; declared steps",
    input: "csv",
    answer: "enriched",
    contests: [
      { a: "deltaflow", b: "udsv", held: 0.5, stretch: 0.35 },
      { a: "deltaflow", b: "duckdb-2", held: 2 },
      { a: "deltaflow-2", b: "duckdb-2", stretch: 1 },
      { a: "deltaflow", b: "duckdb-1" },
      { a: "deltaflow", b: "polars" },
      { a: "deltaflow-2", b: "polars", stretch: 1.5 },
      { a: "deltaflow", b: "limit", stretch: 1.5 },
      { a: "deltaflow", b: "loop", stretch: 1.05 },
      { a: "deltaflow-ten", b: "deltaflow", held: 1.3 },
      { a: "deltaflow-2", b: "deltaflow" },
      { a: "deltaflow", b: "papaparse" },
      { a: "deltaflow", b: "csv-parse" },
      { a: "deltaflow", b: "miller" },
      { a: "deltaflow", b: "pandas" },
      { a: "limit", b: "duckdb-2" },
      { a: "limit", b: "polars" },
      { a: "limit", b: "udsv" },
      { a: "limit-2", b: "limit" },
    ],
  },
  {
    id: "j1-opaque",
    title: "the same, as one opaque JavaScript function from row to row",
    input: "csv",
    answer: "enriched",
    contests: [
      { a: "deltaflow", b: "udsv", held: 0.7, stretch: 0.55 },
      { a: "deltaflow-2", b: "deltaflow" },
      { a: "deltaflow", b: "papaparse" },
      { a: "deltaflow", b: "csv-parse" },
    ],
  },
  {
    id: "j2",
    title: "CSV, filter, group by two columns, NDJSON",
    input: "csv",
    answer: "grouped",
    contests: [
      { a: "deltaflow", b: "duckdb-2", held: 2 },
      { a: "deltaflow-2", b: "duckdb-2", stretch: 1 },
      { a: "deltaflow", b: "duckdb-1" },
      { a: "deltaflow", b: "polars" },
      { a: "deltaflow", b: "udsv" },
      { a: "deltaflow", b: "limit" },
      { a: "deltaflow-2", b: "deltaflow" },
      { a: "limit", b: "duckdb-2" },
      { a: "limit", b: "polars" },
    ],
  },
  {
    id: "j3",
    title: "CSV, the latest row of each customer, NDJSON",
    input: "csv",
    answer: "latest",
    contests: [
      { a: "deltaflow", b: "duckdb-2", held: 2, heldMemory: 0.5, stretch: 1.3 },
      { a: "deltaflow-2", b: "duckdb-2" },
      { a: "deltaflow", b: "duckdb-1" },
      { a: "deltaflow", b: "polars" },
      { a: "deltaflow", b: "udsv" },
      { a: "deltaflow", b: "limit" },
      { a: "deltaflow-2", b: "deltaflow" },
      { a: "limit", b: "duckdb-2" },
      { a: "limit", b: "polars" },
    ],
  },
  {
    id: "j4",
    title: "NDJSON, filter, CSV",
    input: "ndjson",
    answer: "filtered",
    contests: [
      { a: "deltaflow", b: "json-parse", held: 0.5 },
      { a: "deltaflow", b: "duckdb-2", stretch: 1.5 },
      { a: "deltaflow", b: "duckdb-1" },
      { a: "deltaflow", b: "polars" },
      { a: "deltaflow", b: "limit" },
      { a: "deltaflow", b: "loop", stretch: 1.05 },
      { a: "deltaflow-2", b: "deltaflow" },
      { a: "deltaflow", b: "miller" },
      { a: "deltaflow", b: "pandas" },
      { a: "limit", b: "duckdb-2" },
      { a: "limit", b: "polars" },
      { a: "limit", b: "json-parse" },
      { a: "limit-2", b: "limit" },
    ],
  },
]
