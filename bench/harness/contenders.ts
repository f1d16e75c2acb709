/** Everything that can run a job: how to start it, and whether it is installed. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Command } from "./measure.ts"

export interface Task {
  readonly job: string
  readonly input: string
  readonly output: string
}

export interface Contender {
  readonly id: string
  readonly name: string
  /** It promises to keep digits and order. */
  readonly exact: boolean
  readonly command: (task: Task) => Command
  /** The version where it is installed, and otherwise why it cannot run. */
  readonly version: () => Presence
}

export type Presence = { readonly installed: string } | { readonly missing: string }

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

const node =
  (script: string, threads: number, env?: Readonly<Record<string, string>>, flags: ReadonlyArray<string> = []) =>
  ({ job, input, output }: Task): Command => ({
    file: process.execPath,
    args: [...flags, here(`contenders/${script}.ts`), job, input, output, String(threads)],
    // Taking the types out of a script costs 200 ms and 30 MB, and has nothing to do with what is measured: done once, then cached.
    env: { NODE_COMPILE_CACHE: here(".data/compile-cache"), ...env },
    reports: true,
  })

const peer = (
  id: string,
  name: string,
  script: string,
  packageName: string,
  threads = 1,
  env?: Readonly<Record<string, string>>,
): Contender => ({ id, name, exact: false, command: node(script, threads, env), version: () => packageVersion(packageName) })

const own = (
  id: string,
  name: string,
  script: string,
  threads: number,
  version: () => Presence,
  flags?: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
): Contender => ({
  id,
  name,
  exact: true,
  command: node(script, threads, env, flags),
  version,
})

function packageVersion(name: string): Presence {
  const path = here(`node_modules/${name}/package.json`)
  if (!existsSync(path)) return { missing: "not installed; `pnpm bench:setup` installs it" }
  return { installed: (JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }).version }
}

function productVersion(): Presence {
  const built = ["core", "connectors"].every((name) => existsSync(here(`../packages/${name}/dist/index.js`)))
  return built ? packageVersion("@deltaflow/core") : { missing: "not built; `pnpm build` builds it" }
}

function commandVersion(file: string, args: ReadonlyArray<string>): Presence {
  const { status, stdout } = spawnSync(file, args, { encoding: "utf8" })
  return status === 0
    ? { installed: stdout.trim().replace(/^\D*/, "") }
    : { missing: `no ${file} that answers to ${args.join(" ")} on the PATH` }
}

const handWritten = (): Presence => ({ installed: "" })

export const contenders: ReadonlyArray<Contender> = [
  own("deltaflow", "Deltaflow", "deltaflow", 1, productVersion),
  own("deltaflow-2", "Deltaflow, 2 workers", "deltaflow", 2, productVersion),
  own("deltaflow-ten", "Deltaflow, the same in ten steps", "deltaflow", 1, productVersion, [], { BENCH_STEPS: "ten" }),
  // It needs parts of the core that the built package does not show, so it takes the sources, whose code is the same.
  own("loop", "Deltaflow's parts without the engine", "loop", 1, productVersion, ["--conditions=source"]),
  own("limit", "byte loop by hand", "limit", 1, handWritten),
  own("limit-2", "byte loop by hand, 2 threads", "limit", 2, handWritten),
  peer("duckdb-2", "DuckDB, 2 threads", "duckdb", "@duckdb/node-api", 2),
  peer("duckdb-1", "DuckDB, 1 thread", "duckdb", "@duckdb/node-api", 1),
  peer("polars", "Polars, 2 threads", "polars", "nodejs-polars", 2, { POLARS_MAX_THREADS: "2" }),
  peer("udsv", "udsv by hand", "udsv", "udsv"),
  peer("papaparse", "Papa Parse by hand", "papaparse", "papaparse"),
  peer("csv-parse", "csv-parse by hand", "csv-parse", "csv-parse"),
  { id: "json-parse", name: "`JSON.parse` loop", exact: false, command: node("json-parse", 1), version: handWritten },
  { id: "miller", name: "Miller", exact: false, command: miller, version: () => commandVersion("mlr", ["--version"]) },
  {
    id: "pandas",
    name: "pandas",
    exact: false,
    command: pandas,
    version: () => commandVersion("python3", ["-c", "import pandas; print(pandas.__version__)"]),
  },
]

function miller({ job, input, output }: Task): Command {
  const filter = ["filter", '$status == "paid" && $amount > 50']
  const fields =
    '$full_name = $first_name . " " . $last_name; $year = int(sub($created_at, "-.*", "")); $amount_cents = int(round($amount * 100))'
  const steps = job === "j1" ? ["--icsv", "--ojsonl", ...filter, "then", "put", fields] : ["--ijsonl", "--ocsv", ...filter]
  return { file: "mlr", args: [...steps, input], stdout: output, reports: false }
}

function pandas({ job, input, output }: Task): Command {
  return { file: "python3", args: [here("contenders/pandas_job.py"), job, input, output], reports: false }
}

export function contenderOf(id: string): Contender {
  const found = contenders.find((one) => one.id === id)
  if (found === undefined) throw new Error(`bench: no contender "${id}". Use one of ${contenders.map((one) => one.id).join(", ")}.`)
  return found
}
