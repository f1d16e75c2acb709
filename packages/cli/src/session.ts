/** What the commands share: the project with its plugins, and an engine over its store. */
import path from "node:path"
import { homedir } from "node:os"
import {
  createEngine,
  type DecodedPipeline,
  DefinitionError,
  type Engine,
  type EngineOptions,
  type Issue,
  loadProject,
  nearestName,
  placeIssue,
  type Plugin,
  type Project,
  Secrets,
  type Store,
} from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import * as Effect from "effect/Effect"
import { knownPlugins } from "./knownPlugins.ts"
import { countFlag, type Invocation, isSet, textFlag, UsageError } from "./Command.ts"

export interface Session extends AsyncDisposable {
  readonly engine: Engine
  /** Undefined where runs are kept in memory only. */
  readonly store: Store | undefined
  readonly project: Project
  readonly secrets: Secrets
}

export interface SessionOptions {
  /** Pipeline files that the command names; the project is then where they lie. */
  readonly files?: ReadonlyArray<string>
  /** Keep runs in memory only, as `run --from` does. */
  readonly inMemory?: boolean
  readonly plugins?: ReadonlyArray<Plugin>
  /** Hears which modules of plugins are loaded. */
  readonly onModule?: (url: string) => void
}

/** Loads the project; what is wrong in it is in `project.issues`. */
export const openProject = async (invocation: Invocation, options: SessionOptions = {}, secrets = new Secrets()): Promise<Project> => {
  const files = (options.files ?? []).map((file) => path.resolve(invocation.cwd, file))
  return await loadProject({
    root: projectRoot(invocation, files),
    files: nodeFiles(),
    plugins: options.plugins ?? (await knownPlugins()),
    loadModule: (url) => {
      options.onModule?.(url)
      return import(url) as Promise<Record<string, unknown>>
    },
    environment: textFlag(invocation, "env") ?? invocation.env["DELTAFLOW_ENV"] ?? "development",
    env: invocation.env,
    variables: variablesOf(invocation),
    userFile: userFile(),
    pipelineFiles: files,
    secrets,
  })
}

/** Runs at once. */
const concurrencyOf = (invocation: Invocation): { readonly concurrency?: number } => {
  const concurrency = countFlag(invocation, "concurrency")
  if (concurrency === 0) throw new UsageError("--concurrency takes a number from 1, not 0.")
  return concurrency === undefined ? {} : { concurrency }
}

/** Closes the engine, then its store. */
export const openSession = async (invocation: Invocation, options: SessionOptions = {}): Promise<Session> => {
  const secrets = new Secrets()
  const project = await openProject(invocation, options, secrets)
  return engineFor(invocation, project, secrets, options)
}

export const engineFor = (invocation: Invocation, project: Project, secrets: Secrets, options: SessionOptions = {}): Session => {
  const store: Store | undefined = options.inMemory === true ? undefined : sqliteStore({ path: statePath(project) })
  const engine = createEngine({
    ...engineOptions(invocation, project, secrets),
    ...concurrencyOf(invocation),
    // Looking at `process.stdin` opens it, so that is left to who reads from it.
    stdin: { [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> },
    stdout: (bytes) => invocation.terminal.bytes(bytes),
    ...(store === undefined ? {} : { store }),
  })
  return {
    engine,
    store,
    project,
    secrets,
    async [Symbol.asyncDispose]() {
      await engine.close()
      if (store !== undefined) await Effect.runPromise(store.close())
    },
  }
}

/** What an engine of this project has, whatever it keeps and reads. */
export const engineOptions = (invocation: Invocation, project: Project, secrets: Secrets): EngineOptions => ({
  plugins: project.plugins,
  projectRoot: project.root,
  secrets,
  environment: project.environment,
  env: environmentOf(project),
  tempFolder: path.join(path.dirname(statePath(project)), "tmp"),
  allowOutside: isSet(invocation, "allow-outside") || textFlag(invocation, "from") !== undefined,
  log: {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => invocation.terminal.say(`${invocation.terminal.style("yellow", "warning")}: ${message}`),
    error: (message) => invocation.terminal.say(`${invocation.terminal.style("red", "error")}: ${message}`),
  },
})

/** The pipelines that the command names, or all; throws `DefinitionError` with everything that is wrong in them. */
export const chosenPipelines = (invocation: Invocation, project: Project): ReadonlyArray<DecodedPipeline> => {
  const wanted = new Set(invocation.operands.map((file) => path.resolve(invocation.cwd, file)))
  const chosen = project.pipelines.filter((pipeline) => wanted.size === 0 || wanted.has(pipeline.path))
  const issues = wanted.size === 0 ? project.issues : chosen.flatMap(({ result }) => (result.ok ? [] : result.issues))
  if (issues.length > 0) throw new DefinitionError(issues)
  return inOrder(chosen.flatMap(({ result }) => (result.ok ? [result.pipeline] : [])))
}

/** The one pipeline that the command names, or the only one of the project. */
export const onePipeline = (invocation: Invocation, project: Project): DecodedPipeline => {
  const chosen = chosenPipelines(invocation, project)
  if (chosen.length === 1) return chosen[0]!
  throw new UsageError(
    chosen.length === 0 ? "there is no pipeline here. Name a file." : `the project has ${chosen.length} pipelines: name the file of one.`,
  )
}

/** The pipeline of this name; throws where the project has none, with the names that it has. */
export const namedPipeline = (project: Project, name: string): DecodedPipeline => {
  const found = project.pipelines.find((pipeline) => pipeline.name === name)
  if (found === undefined) throw new UsageError(unknownPipeline(project, name))
  if (!found.result.ok) throw new DefinitionError(found.result.issues)
  return found.result.pipeline
}

export const unknownPipeline = (project: Project, name: string): string => {
  const names = project.pipelines.flatMap((pipeline) => (pipeline.name === undefined ? [] : [pipeline.name]))
  const near = nearestName(name, names)
  const known = names.length === 0 ? "It has none." : `It has: ${names.join(", ")}.`
  return `the project has no pipeline named ${name}. ${near === undefined ? known : `Did you mean ${near}?`}`
}

/** Pipelines after those that they depend on. */
const inOrder = (pipelines: ReadonlyArray<DecodedPipeline>): ReadonlyArray<DecodedPipeline> => {
  const ordered: Array<DecodedPipeline> = []
  const visit = (pipeline: DecodedPipeline): void => {
    if (ordered.includes(pipeline)) return
    for (const { name } of pipeline.dependsOn) {
      const needed = pipelines.find((other) => other.name === name)
      if (needed !== undefined && !ordered.includes(needed)) visit(needed)
    }
    ordered.push(pipeline)
  }
  for (const pipeline of pipelines) visit(pipeline)
  return ordered
}

/** Settings of the person, for all projects. */
export const userFile = (): string => path.join(homedir(), ".config", "deltaflow", "config.yml")

/** The file that holds runs, events and cursors. */
export const statePath = (project: Project): string => path.resolve(project.root, project.settings.stateDir, "state.db")

/** The project is where the first file lies, or one folder up when that is `pipelines/`. */
const projectRoot = (invocation: Invocation, files: ReadonlyArray<string>): string => {
  const named = textFlag(invocation, "project")
  if (named !== undefined) return path.resolve(invocation.cwd, named)
  const first = files[0]
  if (first === undefined) return invocation.cwd
  const folder = path.dirname(first)
  return path.basename(folder) === "pipelines" ? path.dirname(folder) : folder
}

const variablesOf = ({ flags }: Invocation): Record<string, string> => {
  const list = Array.isArray(flags["var"]) ? (flags["var"] as ReadonlyArray<string>) : []
  return Object.fromEntries(
    list.map((text) => {
      const at = text.indexOf("=")
      if (at < 1) throw new UsageError(`--var takes NAME=VALUE, not ${JSON.stringify(text)}.`)
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

const environmentOf = (project: Project): Record<string, string> =>
  Object.fromEntries(
    project.variables
      .toReversed()
      .flatMap((layer) => Object.entries(layer).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))),
  )

/** What is found only when sources are open, such as an unknown column, with its place in the pipeline's file. */
export const withPlace = async (project: Project, pipeline: { readonly name: string }, error: unknown): Promise<unknown> => {
  const found = project.pipelines.find(({ result, name }) => result.ok && name === pipeline.name)
  if (!(error instanceof DefinitionError) || found === undefined) return error
  const mask = (text: string) => project.secrets.mask(text)
  return new DefinitionError(await Promise.all(error.issues.map((issue) => placeIssue(issue, found.text, found.file, mask))))
}

/** Does something with a pipeline; what is wrong in its definition comes with its place. */
export const lookingAt = async <A>(project: Project, pipeline: DecodedPipeline, look: Promise<A>): Promise<A> => {
  try {
    return await look
  } catch (error) {
    throw await withPlace(project, pipeline, error)
  }
}

export const issuesAsJson = (issues: ReadonlyArray<Issue>): ReadonlyArray<unknown> =>
  issues.map(({ code, message, path: place, file, line, column, hint }) => ({ code, message, path: place, file, line, column, hint }))
