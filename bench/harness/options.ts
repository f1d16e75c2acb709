import { parseArgs } from "node:util"
import { fileURLToPath } from "node:url"
import { databaseJobs } from "../further/postgres.ts"
import { contenders } from "./contenders.ts"
import { jobs } from "./jobs.ts"

export interface Options {
  readonly jobs: ReadonlyArray<string>
  readonly rows: number
  readonly pairs: number
  /** Contenders to keep; all when empty. */
  readonly only: ReadonlyArray<string>
  readonly growthLarge: boolean
  readonly sortLarge: boolean
  readonly folder: string
  readonly write: boolean
}

const further = [...databaseJobs, "expressions", "start", "plugin", "memory", "growth", "sort"]
const known = [...jobs.map(({ id }) => id), ...further]

const everything = { jobs: known.join(), rows: "2000000", only: "" }

export const usage = `pnpm bench [options]

  --jobs LIST      what to run, of ${known.join(", ")}; default all
  --rows N         rows of the input; default 2000000
  --pairs N        pairs of runs in each contest; default 5
  --only LIST      keep the contests between these contenders
  --growth-large   growth up to 20,000,000 rows; needs 8 GB of disk
  --sort-large     sort 20,000,000 rows too; needs 15 GB of disk
  --folder PATH    where inputs and outputs lie; default bench/.data
  --write          write RESULTS.md; the default when nothing is left out

  For example: pnpm bench --jobs j1 --rows 200000 --only deltaflow,duckdb-2`

export function optionsOf(args: ReadonlyArray<string>): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      jobs: { type: "string", default: everything.jobs },
      rows: { type: "string", default: everything.rows },
      pairs: { type: "string", default: "5" },
      only: { type: "string", default: everything.only },
      "growth-large": { type: "boolean", default: false },
      "sort-large": { type: "boolean", default: false },
      folder: { type: "string", default: fileURLToPath(new URL("../.data", import.meta.url)) },
      write: { type: "boolean" },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return undefined
  return {
    jobs: list("--jobs", values.jobs, known),
    rows: count("--rows", values.rows),
    pairs: count("--pairs", values.pairs),
    only: list(
      "--only",
      values.only,
      contenders.map(({ id }) => id),
    ),
    growthLarge: values["growth-large"],
    sortLarge: values["sort-large"],
    folder: values.folder,
    // A page of some jobs or of few rows is not to take the place of the whole one.
    write: values.write ?? (values.jobs === everything.jobs && values.rows === everything.rows && values.only === everything.only),
  }
}

function list(flag: string, text: string, known: ReadonlyArray<string>): ReadonlyArray<string> {
  const chosen = text.split(",").filter((id) => id !== "")
  const wrong = chosen.find((id) => !known.includes(id))
  if (wrong !== undefined) throw new Error(`${flag}: there is no "${wrong}". Use some of ${known.join(", ")}.`)
  return chosen
}

function count(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${flag}: ${JSON.stringify(text)} is not a number of 1 or more.`)
  return Number(text)
}
