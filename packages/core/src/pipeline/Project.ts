/**
 * A project: a folder with `deltaflow.yml` and any `pipelines/*.yml`.
 *
 * The project file hands `defaults`, `plugins`, `notifications`, `monitoring` and `logging` on to its pipelines, and may be a pipeline
 * itself. A pipeline that is wrong does not keep the others from running: each comes with its own issues.
 */
import path from "node:path"
import type { Issue } from "../contract/Errors.ts"
import type { Files } from "../contract/Files.ts"
import { decodeDefinition, type DecodeResult, type Plugin } from "./decodeDefinition.ts"
import { decodeKeys } from "./decodeKeys.ts"
import { circleProblem, circlesOf, type Dependent, unknownDependencies } from "./dependencies.ts"
import { parseEnvFile } from "./dotenv.ts"
import type { InheritedSettings } from "./inherit.ts"
import { isMapping } from "./path.ts"
import { parsePipelineText, type PipelineText, readText, textIssues } from "./PipelineFile.ts"
import { loadPlugins, type LoadModule } from "./pluginModules.ts"
import { exceptAt, type Problem, toIssues } from "./problem.ts"
import { Secrets } from "./Secrets.ts"
import { projectFields, type ProjectKeys, type ProjectSettings, projectSettings, readEnvironment, type SettingsLayer } from "./settings.ts"
import type { TestedPipeline } from "./testing/TestedPipeline.ts"
import { fillVariables, type VariableLayers, type VariableValue } from "./variables.ts"

export interface ProjectOptions {
  /** The project's folder. Absolute. */
  readonly root: string
  readonly files: Files
  /** What every pipeline of the project may name, beside what `plugins` of its files bring. */
  readonly plugins: ReadonlyArray<Plugin>
  /** Loads the modules that `plugins` names. Without it they are an issue. */
  readonly loadModule?: LoadModule
  /** Lets `plugins` name modules outside of the project's folder. Default false. */
  readonly allowOutside?: boolean
  /** Chooses `.env.<environment>`, and is `${environment}`. Default `development`. */
  readonly environment?: string
  /** The process's environment. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Values that go before the environment, such as those of `--var`. */
  readonly variables?: Readonly<Record<string, VariableValue>>
  /** What goes before everything else, such as flags. */
  readonly flags?: SettingsLayer
  /** The user's own file, `~/.config/deltaflow/config.yml`. Absolute. It need not be there. */
  readonly userFile?: string
  /** Pipelines outside of `pipelines/`, by absolute path. */
  readonly pipelineFiles?: ReadonlyArray<string>
  readonly secrets?: Secrets
}

export interface ProjectPipeline {
  /** Absolute. */
  readonly path: string
  /** As messages name it: relative to the project where it lies inside. */
  readonly file: string
  readonly text: string
  /** As far as it can be read. */
  readonly name: string | undefined
  readonly result: DecodeResult
  /** The pipeline, to be decoded with other sources and destinations: for its tests. */
  readonly tested: TestedPipeline
}

export interface Project {
  readonly root: string
  readonly environment: string
  /** The project file, where there is one. */
  readonly file: string | undefined
  readonly pipelines: ReadonlyArray<ProjectPipeline>
  readonly settings: ProjectSettings
  /** Those of the options and those of the project file. */
  readonly plugins: ReadonlyArray<Plugin>
  /** Where `${VAR}` comes from in this project, the strongest first. */
  readonly variables: VariableLayers
  readonly secrets: Secrets
  /** Everything that is wrong in the project, the pipelines' issues included. */
  readonly issues: ReadonlyArray<Issue>
}

export const loadProject = async (options: ProjectOptions): Promise<Project> => await new Loader(options).load()

/** Names of the project file, the first that is there counts. */
export const projectFileNames = ["deltaflow.yml", "deltaflow.yaml"] as const

const PIPELINES_FOLDER = "pipelines"

const DEFINITION_ENDING = /\.(ya?ml|json)$/i

interface ReadFile {
  readonly path: string
  readonly file: string
  readonly parsed: PipelineText | undefined
  readonly issues: ReadonlyArray<Issue>
}

interface Shared {
  readonly keys: ProjectKeys
  readonly plugins: ReadonlyArray<Plugin>
}

const nothingShared: Shared = { keys: {}, plugins: [] }

class Loader {
  private readonly options: ProjectOptions
  private readonly secrets: Secrets
  private readonly environment: string
  private readonly issues: Array<Issue> = []
  private readonly mask = (text: string): string => this.secrets.mask(text)

  constructor(options: ProjectOptions) {
    this.options = options
    this.secrets = options.secrets ?? new Secrets()
    this.environment = options.environment ?? "development"
  }

  async load(): Promise<Project> {
    const { root, flags = {}, userFile } = this.options
    const variables = await this.variableLayers()
    const fromEnvironment = readEnvironment(variables.slice(1), this.secrets)
    this.issues.push(...fromEnvironment.issues)
    const projectFile = await this.findProjectFile()
    const project = projectFile === undefined ? nothingShared : await this.readShared(projectFile, variables)
    const userText = userFile === undefined ? undefined : await this.readIfThere(userFile)
    const user = userText === undefined ? nothingShared : await this.readShared(userText, variables)
    const layers: ReadonlyArray<SettingsLayer> = [flags, fromEnvironment.layer, project.keys, user.keys]
    const plugins = [...this.options.plugins, ...project.plugins]
    const overrides = projectSettings([flags, fromEnvironment.layer])
    const decoded = await this.decodeAll(projectFile, {
      variables,
      plugins,
      overrides,
      inherited: projectSettings([project.keys, user.keys]),
    })
    const pipelines = this.connect(decoded)
    this.issues.push(...pipelines.flatMap(({ result }) => (result.ok ? [] : result.issues)))
    if (projectFile === undefined && decoded.length === 0) this.issues.push(this.noProject())
    const settings = projectSettings(layers)
    return {
      root,
      environment: this.environment,
      file: projectFile?.file,
      pipelines,
      settings,
      plugins,
      variables,
      secrets: this.secrets,
      issues: onceEach(this.issues),
    }
  }

  private noProject(): Issue {
    const message = `there is no ${projectFileNames[0]} and no ${PIPELINES_FOLDER}/*.yml here. Run \`deltaflow init\`, or name a file.`
    return { code: "FILE_NOT_FOUND", message, path: "", file: this.options.root }
  }

  /** The run's own variables, the process's environment, `.env.<environment>`, `.env`. */
  private async variableLayers(): Promise<VariableLayers> {
    const { variables = {}, env = {} } = this.options
    return [variables, env, await this.readEnvFile(`.env.${this.environment}`), await this.readEnvFile(".env")]
  }

  private async readEnvFile(name: string): Promise<Readonly<Record<string, string>>> {
    const place = path.join(this.options.root, name)
    if ((await this.options.files.stat(place))?.kind !== "file") return {}
    const text = await readText(place, this.options.files, name)
    if (typeof text !== "string") {
      this.issues.push(text)
      return {}
    }
    const { values, issues } = parseEnvFile(text, name)
    this.issues.push(...issues)
    return Object.fromEntries(values)
  }

  private async findProjectFile(): Promise<ReadFile | undefined> {
    for (const name of projectFileNames) {
      const read = await this.readIfThere(path.join(this.options.root, name))
      if (read !== undefined) return read
    }
    return undefined
  }

  private async readIfThere(file: string): Promise<ReadFile | undefined> {
    return (await this.options.files.stat(file)) === undefined ? undefined : await this.read(file)
  }

  private async read(place: string): Promise<ReadFile> {
    const file = this.shownName(place)
    const text = await readText(place, this.options.files, file)
    if (typeof text !== "string") return { path: place, file, parsed: undefined, issues: [text] }
    return { path: place, file, parsed: parsePipelineText(text, file), issues: [] }
  }

  private shownName(place: string): string {
    const relative = path.relative(this.options.root, place)
    return relative.startsWith("..") || path.isAbsolute(relative) ? place : relative.replaceAll("\\", "/")
  }

  /** The sections that a file hands on. A file that is a pipeline too tells its own problems when it is decoded. */
  private async readShared(read: ReadFile, variables: VariableLayers): Promise<Shared> {
    const { parsed } = read
    const isPipeline = isPipelineText(parsed)
    const problems: Array<Problem> = []
    const filled = fillVariables(isMapping(parsed?.value) ? onlyShared(parsed.value, isPipeline) : {}, variables, this.secrets)
    const others = exceptAt(filled.problems)
    const context = { whole: filled.whole, report: (more: ReadonlyArray<Problem>) => void problems.push(...others(more)) }
    const keys = decodeKeys(projectFields, filled.value as Readonly<Record<string, unknown>>, [], context)
    const loaded = await loadPlugins(keys.plugins, this.options)
    if (!isPipeline) this.issues.push(...this.fileIssues(read, [...filled.problems, ...problems, ...loaded.problems]))
    return { keys, plugins: loaded.plugins }
  }

  private fileIssues({ parsed, issues }: ReadFile, problems: ReadonlyArray<Problem>): ReadonlyArray<Issue> {
    if (parsed === undefined) return issues
    if (parsed.isBroken) return textIssues(parsed, this.mask)
    const shape = parsed.value === undefined || parsed.value === null || isMapping(parsed.value) ? [] : [notAMapping]
    return toIssues([...parsed.problems, ...shape, ...problems], parsed, this.mask)
  }

  private async decodeAll(projectFile: ReadFile | undefined, shared: DecodeShared): Promise<ReadonlyArray<DecodedFile>> {
    const folder = path.join(this.options.root, PIPELINES_FOLDER)
    const isFolder = (await this.options.files.stat(folder))?.kind === "directory"
    const names = isFolder ? (await this.options.files.list(folder)).filter((name) => DEFINITION_ENDING.test(name)) : []
    const places = new Set([...names.map((name) => path.join(folder, name)), ...(this.options.pipelineFiles ?? [])])
    const files = isPipelineText(projectFile?.parsed) ? [projectFile!] : []
    for (const place of places) if (place !== files[0]?.path) files.push(await this.read(place))
    const decoded: Array<DecodedFile> = []
    for (const file of files) {
      const tested = await this.tested(file, shared)
      decoded.push({ ...file, tested, result: await tested.decode(tested.written) })
    }
    return decoded
  }

  private async tested({ parsed, issues }: ReadFile, { variables, plugins, overrides, inherited }: DecodeShared): Promise<TestedPipeline> {
    const unreadable = parsed === undefined ? issues : parsed.isBroken ? textIssues(parsed, this.mask) : undefined
    if (parsed === undefined || unreadable !== undefined)
      return { written: undefined, plugins, decode: async () => ({ ok: false, issues: unreadable ?? [] }) }
    const section = isMapping(parsed.value) ? parsed.value["plugins"] : undefined
    const own = await loadPlugins(fillVariables(section, variables, this.secrets).value, this.options)
    const text = { ...parsed, problems: [...parsed.problems, ...own.problems] }
    const known = [...plugins, ...own.plugins]
    const shared = { secrets: this.secrets, inherited, overrides, text }
    return {
      written: parsed.value,
      plugins: known,
      decode: async (definition, { plugins: others = [], variables: more = {} } = {}) =>
        await decodeDefinition(definition, { ...shared, plugins: [...others, ...known], variables: [more, ...variables] }),
    }
  }

  /** What only the whole project shows: names that stand twice, dependencies on nobody, circles. */
  private connect(decoded: ReadonlyArray<DecodedFile>): ReadonlyArray<ProjectPipeline> {
    const dependents = decoded.map(({ parsed, result }): Dependent => dependentOf(parsed, result))
    const names = new Set(dependents.map(({ name }) => name).filter((name) => name !== ""))
    const circles = circlesOf(dependents.filter(({ name }) => name !== "")).filter((circle) => circle.length > 1)
    return decoded.map((file, i) => {
      const dependent = dependents[i]!
      const first = dependents.findIndex(({ name }) => name !== "" && name === dependent.name)
      const problems = [
        ...(first >= 0 && first < i ? [nameTaken(dependent.name, decoded[first]!.file)] : []),
        ...unknownDependencies(dependent, names),
        ...circles.filter((circle) => circle.includes(dependent.name)).map((circle) => circleProblem(circle, dependent.name)),
      ]
      const { path: place, file: shown, parsed, result, tested } = file
      return {
        path: place,
        file: shown,
        text: parsed?.text ?? "",
        name: dependent.name === "" ? undefined : dependent.name,
        result: this.withProblems(result, problems, parsed),
        tested,
      }
    })
  }

  private withProblems(result: DecodeResult, problems: ReadonlyArray<Problem>, parsed: PipelineText | undefined): DecodeResult {
    if (problems.length === 0) return result
    const more = toIssues(
      problems.map((problem) => located(problem, parsed)),
      parsed,
      this.mask,
    )
    return { ok: false, issues: result.ok ? more : [...result.issues, ...more] }
  }
}

interface DecodeShared {
  readonly variables: VariableLayers
  readonly plugins: ReadonlyArray<Plugin>
  readonly overrides: InheritedSettings
  readonly inherited: InheritedSettings
}

type DecodedFile = ReadFile & { readonly result: DecodeResult; readonly tested: TestedPipeline }

const notAMapping: Problem = {
  code: "INVALID_VALUE",
  message: "expected a project: a mapping with keys such as defaults, plugins and logging.",
  path: [],
}

const pipelineOnly = ["sources", "transforms", "destinations"]

/** A project file that moves rows is a pipeline itself. */
const isPipelineText = (parsed: PipelineText | undefined): boolean =>
  parsed !== undefined && isMapping(parsed.value) && pipelineOnly.some((key) => Object.hasOwn(parsed.value as object, key))

const onlyShared = (value: Readonly<Record<string, unknown>>, isPipeline: boolean): Readonly<Record<string, unknown>> =>
  isPipeline ? Object.fromEntries(Object.entries(value).filter(([key]) => Object.hasOwn(projectFields, key))) : value

/** Name and dependencies, also of a pipeline that has issues, as far as they can be read. */
const dependentOf = (parsed: PipelineText | undefined, result: DecodeResult): Dependent => {
  if (result.ok) return { name: result.pipeline.name, needs: result.pipeline.dependsOn.map(({ name }) => name) }
  const value = isMapping(parsed?.value) ? parsed.value : {}
  const { name, depends_on: needs } = value
  const list = Array.isArray(needs) ? (needs as ReadonlyArray<unknown>) : [needs]
  return { name: typeof name === "string" ? name : "", needs: list.filter((need) => typeof need === "string") }
}

const nameTaken = (name: string, file: string): Problem => ({
  code: "INVALID_VALUE",
  message: `the name \`${name}\` is taken by ${file}. Give each pipeline of the project its own.`,
  path: ["name"],
})

/** A dependency stands in `depends_on`, as text or in a list, or in the trigger. */
const located = (problem: Problem, parsed: PipelineText | undefined): Problem => {
  if (problem.part === undefined || !isMapping(parsed?.value)) return problem
  const { depends_on: short, trigger } = parsed.value
  const { part } = problem
  if (Array.isArray(short) && short.includes(part)) return { ...problem, path: ["depends_on", short.indexOf(part)] }
  const long = isMapping(trigger) && Array.isArray(trigger["depends_on"]) ? (trigger["depends_on"] as ReadonlyArray<unknown>) : []
  const index = long.findIndex((entry) => isMapping(entry) && entry["name"] === part)
  return index < 0 ? problem : { ...problem, path: ["trigger", "depends_on", index, "name"] }
}

const onceEach = (issues: ReadonlyArray<Issue>): ReadonlyArray<Issue> => {
  const seen = new Set<string>()
  return issues.filter(({ code, message, file, line, column }) => {
    const text = JSON.stringify([code, message, file, line, column])
    return seen.has(text) ? false : seen.add(text) !== undefined
  })
}
