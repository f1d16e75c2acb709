/** How long the library takes to import, and the command line to start and to run the quickstart. */
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { say } from "../harness/contest.ts"
import { measure } from "../harness/measure.ts"
import type { Options } from "../harness/options.ts"
import { type Budget, range, verdict } from "../harness/report.ts"
import { spread } from "../harness/statistics.ts"

const rounds = 10
const root = fileURLToPath(new URL("../..", import.meta.url))

interface Start {
  readonly what: string
  readonly args: ReadonlyArray<string>
  /** Whether compiled code is kept between starts. Default false: a user's first start is what counts. */
  readonly isCached?: boolean
  /** Whether what Node needs by itself is taken off. Default false. */
  readonly isBeyondNode?: boolean
  readonly held?: number
  readonly stretch?: number
  readonly milliseconds: Array<number>
}

export async function measureStart({ folder }: Options): Promise<ReadonlyArray<Budget> | string> {
  const command = commandPath()
  if (command === undefined) return "the command line is not built; `pnpm build` builds it"
  const project = join(folder, "quickstart")
  rmSync(project, { recursive: true, force: true })
  cpSync(join(root, "examples/quickstart"), project, { recursive: true, filter: (path) => !path.includes("node_modules") })
  const alone: Start = { what: "start, `node` alone", args: ["--eval", "0"], milliseconds: [] }
  const starts: Array<Start> = [
    alone,
    {
      what: "`import` of the core, beyond `node`",
      args: ["--import", core, "--eval", "0"],
      isBeyondNode: true,
      held: 80,
      milliseconds: [],
    },
    { what: "start, `deltaflow --version`", args: [command, "--version"], held: 500, stretch: 200, milliseconds: [] },
    { what: "start, `deltaflow --help`", args: [command, "--help"], held: 200, milliseconds: [] },
    { what: "`deltaflow run` of the quickstart", args: [command, "run"], held: 1000, stretch: 500, milliseconds: [] },
    { what: "the same again, with its compile cache", args: [command, "run"], isCached: true, milliseconds: [] },
  ]
  for (let round = 0; round < rounds; round++) for (const start of starts) await time(start, project, join(folder, "compile-cache"))
  const { median } = spread(alone.milliseconds)
  return starts.map((start) => budget(start, start.isBeyondNode === true ? median : 0))
}

const core = new URL("../../packages/core/dist/index.js", import.meta.url).href

function commandPath(): string | undefined {
  const manifest = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8")) as {
    readonly bin?: Readonly<Record<string, string>>
  }
  const file = manifest.bin?.deltaflow
  if (file === undefined) return undefined
  const path = join(root, "packages/cli", file)
  return existsSync(path) && existsSync(join(root, "packages/cli/dist/main.js")) ? path : undefined
}

async function time({ args, isCached, milliseconds }: Start, cwd: string, cache: string): Promise<void> {
  const env: Readonly<Record<string, string>> = isCached === true ? { NODE_COMPILE_CACHE: cache } : { NODE_DISABLE_COMPILE_CACHE: "1" }
  const { wallSeconds } = await measure({ file: process.execPath, args, cwd, env, reports: true })
  milliseconds.push(wallSeconds * 1000)
}

function budget({ what, milliseconds, held, stretch }: Start, takenOff: number): Budget {
  const found = spread(milliseconds.map((value) => value - takenOff))
  say(`${what}: ${range(found, 0)} ms`)
  return {
    what,
    measured: `${range(found, 0)} ms`,
    ...(held === undefined ? {} : { held: `≤ ${held} ms` }),
    ...(stretch === undefined ? {} : { stretch: `≤ ${stretch} ms` }),
    met: verdict(found.median, held, stretch),
  }
}
