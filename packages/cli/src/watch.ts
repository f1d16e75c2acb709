/** `run --watch`: the run again, in a process of its own, whenever something that it reads has changed. */
import { spawn } from "node:child_process"
import type { FSWatcher } from "node:fs"
import { existsSync, readdirSync, statSync, watch } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import type { PipelineDefinition } from "@deltaflow/core"
import { type Invocation, textFlag, UsageError } from "./Command.ts"
import { quickPipeline } from "./quickPipeline.ts"
import { openProject, userFile } from "./session.ts"

/** Never resolves to 0: a watch ends by Ctrl-C, or not at all. */
export const watchAndRun = async (invocation: Invocation): Promise<number> => {
  if (textFlag(invocation, "from") === "-") throw new UsageError("--watch needs something that can be read again: standard input cannot.")
  const { terminal } = invocation
  const stop = new Stop()
  try {
    for (;;) {
      const watched = await watchedBy(invocation)
      // Taken before the run, so that what changes while it goes on is noticed after it.
      const before = watched.look()
      await runOnce(invocation, stop)
      if (stop.signal.aborted) return 130
      terminal.say(`\nWaiting for a change of ${before.size} file${before.size === 1 ? "" : "s"}. Press Ctrl-C to end.`)
      const changed = await nextChange(watched, before, stop.signal)
      if (changed === undefined) return 130
      terminal.say(`${path.relative(invocation.cwd, changed) || changed} has changed.\n`)
    }
  } finally {
    stop.close()
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Hands signals on to the run of the moment, and remembers that there was one. */
class Stop {
  forward: ((signal: NodeJS.Signals) => void) | undefined
  private readonly controller = new AbortController()
  private readonly listener = (signal: NodeJS.Signals): void => {
    this.forward?.(signal === "SIGHUP" ? "SIGTERM" : signal)
    this.controller.abort()
  }

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.listener)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.listener)
  }
}

/** A process of its own sees modules as they are now, which this one would have kept. */
const runOnce = (invocation: Invocation, stop: Stop): Promise<void> =>
  new Promise((resolve, reject) => {
    const args = ["run", ...invocation.argv.filter((arg) => arg !== "--watch")]
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
      cwd: invocation.cwd,
      stdio: ["ignore", "inherit", "inherit"],
      // In a group of its own it hears of Ctrl-C only from here: the terminal would tell it a second time.
      detached: process.platform !== "win32",
    })
    stop.forward = (signal) => void child.kill(signal)
    child.on("error", reject)
    child.on("close", () => {
      stop.forward = undefined
      resolve()
    })
  })

/** A file, a pattern such as `data/*.csv`, or a folder with all code below it. */
interface Place {
  readonly base: string
  readonly matches: (file: string) => boolean
  readonly isDeep: boolean
}

type Seen = ReadonlyMap<string, string>

class Watched {
  readonly places: ReadonlyArray<Place>
  private readonly written: ReadonlySet<string>

  /** `written` are files that the pipelines write: one pipeline's output may be the next one's input. */
  constructor(places: ReadonlyArray<Place>, written: ReadonlySet<string>) {
    this.places = places
    this.written = written
  }

  /** Size and time of every file that is there. */
  look(): Seen {
    const seen = new Map<string, string>()
    for (const place of this.places) {
      for (const file of filesBelow(place)) {
        const stat = this.written.has(file) ? undefined : statSync(file, { throwIfNoEntry: false })
        if (stat?.isFile() === true) seen.set(file, `${stat.mtimeMs} ${stat.size}`)
      }
    }
    return seen
  }
}

const filesBelow = (place: Place): ReadonlyArray<string> => {
  const stat = statSync(place.base, { throwIfNoEntry: false })
  if (stat?.isDirectory() !== true) return []
  const names = readdirSync(place.base, { recursive: place.isDeep, encoding: "utf8" })
  return names.map((name) => path.join(place.base, name)).filter((file) => !IGNORED.test(file) && place.matches(file))
}

/** What tools keep for themselves. */
const IGNORED = /(^|[/\\])(node_modules|\.git|\.deltaflow)([/\\]|$)/

const fileAt = (file: string): Place => ({ base: path.dirname(file), matches: (one) => one === file, isDeep: false })

const CODE = /\.(ts|mts|cts|js|mjs|cjs|json)$/

/** A module imports what lies beside it and below. */
const codeAround = (module: string): Place => ({ base: path.dirname(module), matches: (file) => CODE.test(file), isDeep: true })

const inputAt = (file: string): ReadonlyArray<Place> => {
  const wild = file.search(/[*?]/)
  // SQLite may keep what was written last beside the file.
  if (wild < 0) return [fileAt(file), fileAt(`${file}-wal`)]
  const pattern = patternOf(slashed(file))
  return [{ base: path.dirname(`${file.slice(0, wild)}x`), matches: (one) => pattern.test(slashed(one)), isDeep: true }]
}

const slashed = (file: string): string => file.split(path.sep).join("/")

const patternOf = (glob: string): RegExp => {
  const text = glob.replaceAll(/\*\*\/?|[*?]|[.+^${}()|[\]\\]/g, (sign) => {
    if (sign.startsWith("**")) return "(?:.*/)?[^/]*"
    return sign === "*" ? "[^/]*" : sign === "?" ? "[^/]" : `\\${sign}`
  })
  return new RegExp(`^${text}$`)
}

const watchedBy = async (invocation: Invocation): Promise<Watched> => {
  const { cwd, operands } = invocation
  if (textFlag(invocation, "from") !== undefined) {
    const { sources, destinations } = quickPipeline(invocation)
    return new Watched(sources.flatMap((source) => pathOf(source, cwd)).flatMap(inputAt), writtenBy(destinations, cwd))
  }
  const files = operands.map((file) => path.resolve(cwd, file))
  const plugins: Array<string> = []
  const onModule = (url: string): void => void plugins.push(fileURLToPath(url))
  const project = await openProject(invocation, { files, onModule })
  const chosen = project.pipelines.filter((pipeline) => files.length === 0 || files.includes(pipeline.path))
  const pipelines = chosen.flatMap(({ result }) => (result.ok ? [result.pipeline] : []))
  const definitions = [
    ...["deltaflow.yml", "deltaflow.yaml", ".env", `.env.${project.environment}`].map((name) => path.join(project.root, name)),
    ...files,
    userFile(),
  ]
  const modules = [...plugins, ...pipelines.flatMap(({ written }) => modulesOf(written))]
  return new Watched(
    [
      ...definitions.map(fileAt),
      { base: path.join(project.root, "pipelines"), matches: (file) => /\.(ya?ml|json)$/i.test(file), isDeep: false },
      ...modules.map((module) => codeAround(path.resolve(project.root, module))),
      ...pipelines.flatMap(({ sources }) => sources.flatMap(({ config }) => pathOf(config, project.root)).flatMap(inputAt)),
    ],
    new Set(
      pipelines.flatMap(({ destinations }) => [
        ...writtenBy(
          destinations.map(({ config }) => config),
          project.root,
        ),
      ]),
    ),
  )
}

/** Connectors of local files all call their file `path`. */
const pathOf = (config: unknown, root: string): ReadonlyArray<string> => {
  const value = typeof config === "object" && config !== null ? (config as { readonly path?: unknown }).path : undefined
  return typeof value === "string" && value !== "-" ? [path.resolve(root, value)] : []
}

const writtenBy = (configs: ReadonlyArray<unknown>, root: string): ReadonlySet<string> =>
  new Set(configs.flatMap((config) => pathOf(config, root)).flatMap((file) => [file, `${file}-wal`]))

const modulesOf = ({ transforms = [] }: PipelineDefinition): ReadonlyArray<string> =>
  transforms.flatMap((step) => ("module" in step && typeof step.module === "string" ? [step.module] : []))

/** A file that is being written is not read yet. */
const QUIET_MS = 150

/** Where the system tells of no changes, as on some network drives, looking from time to time finds them. */
const POLL_MS = 2000

/** The file that changed, came or went; undefined after Ctrl-C. */
const nextChange = async (watched: Watched, before: Seen, signal: AbortSignal): Promise<string | undefined> => {
  const watchers = watched.places.flatMap(watcherOf)
  try {
    for (;;) {
      const changed = difference(before, watched.look())
      if (changed !== undefined) {
        await quiet(watched)
        return signal.aborted ? undefined : changed
      }
      if (signal.aborted) return undefined
      await somethingHappens(watchers, signal)
    }
  } finally {
    for (const watcher of watchers) watcher.close()
  }
}

const watcherOf = ({ base, isDeep }: Place): ReadonlyArray<FSWatcher> => {
  if (!existsSync(base)) return []
  const watcher = watch(base, { recursive: isDeep })
  watcher.on("error", () => watcher.close())
  return [watcher]
}

const difference = (before: Seen, now: Seen): string | undefined =>
  [...new Set([...before.keys(), ...now.keys()])].find((file) => before.get(file) !== now.get(file))

const quiet = async (watched: Watched): Promise<void> => {
  for (let last = watched.look(); ;) {
    await pause(QUIET_MS)
    const now = watched.look()
    if (difference(last, now) === undefined) return
    last = now
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const somethingHappens = (watchers: ReadonlyArray<FSWatcher>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const happened = (): void => {
      clearTimeout(timer)
      signal.removeEventListener("abort", happened)
      for (const watcher of watchers) watcher.off("change", happened)
      resolve()
    }
    const timer = setTimeout(happened, POLL_MS)
    signal.addEventListener("abort", happened)
    for (const watcher of watchers) watcher.on("change", happened)
  })
