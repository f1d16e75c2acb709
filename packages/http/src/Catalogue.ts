/**
 * The pipelines that the API knows: those that came over HTTP, and those of the host, from its files or its code. All lie in the store,
 * with revisions; those of the host are saved there when the handler starts, and only the host changes them.
 */
import {
  type DecodedPipeline,
  DefinitionError,
  type EngineService,
  type Issue,
  type PipelineInput,
  type StoredDefinition,
} from "@deltaflow/core"
import { formatPath, hiddenText, hideSecrets, nextTimes, type PipelineDefinition, restoreSecrets, promised } from "@deltaflow/core/adapter"
import type { PageRequest } from "./pages.ts"
import { pipelineNotFound, Problem, toRequestIssue } from "./problems.ts"
import { type Schedule, scheduleOf, type Schedules } from "./Schedules.ts"
import { isoTime, lastRunAsJson } from "./shapes.ts"
import { type Known, PipelineIndex } from "./PipelineIndex.ts"
import { Summaries } from "./Summaries.ts"

/** A pipeline of the host. */
export interface HostPipeline {
  /** As a run takes it. */
  readonly pipeline: PipelineInput
  /** The file's text, to be shown with its comments. */
  readonly text?: string
  /** Where it stands, for messages: `pipelines/orders.yml`. */
  readonly file?: string
}

export interface CatalogueOptions {
  readonly pipelines?: ReadonlyArray<HostPipeline>
  /** Modules that steps of pipelines from HTTP may name, as they name them. Default: none. */
  readonly modules?: ReadonlyArray<string>
}

export type Loaded =
  | { readonly ok: true; readonly pipeline: DecodedPipeline }
  | { readonly ok: false; readonly issues: ReadonlyArray<Issue> }

export type PipelineStatus = "active" | "paused" | "error"

/** What a definition must not say where it came over HTTP: code is the host's. */
const NAME_FORM = /^[a-z0-9][a-z0-9_-]{0,63}$/

export class Catalogue {
  readonly service: EngineService
  private readonly options: CatalogueOptions
  private readonly schedules: Schedules
  private readonly now: () => number
  private readonly summaries: Summaries
  private readonly index: PipelineIndex
  private readonly own = new Map<string, { readonly host: HostPipeline; readonly decoded: DecodedPipeline }>()
  private readonly loadedByName = new Map<string, { readonly definition: string; readonly loaded: Loaded }>()

  constructor(service: EngineService, options: CatalogueOptions, schedules: Schedules, now: () => number) {
    this.service = service
    this.options = options
    this.schedules = schedules
    this.now = now
    this.summaries = new Summaries(service, (pipeline) => this.index.touch(pipeline))
    this.index = new PipelineIndex({
      version: () => promised(service.store.definitionsVersion()),
      all: () => promised(service.store.listDefinitions()),
      get: (name) => promised(service.store.getDefinition(name)),
      look: async (stored) => ({ brief: briefOf(stored), status: await this.statusOf(stored) }),
    })
  }

  /** Saves the host's pipelines. What cannot be read there is the host's to mend: it rejects with `DefinitionError`. */
  async open(): Promise<void> {
    for (const host of this.options.pipelines ?? []) {
      const decoded = await promised(this.service.decode(host.pipeline))
      this.own.set(decoded.name, { host, decoded })
      const definition = { name: decoded.name, definition: JSON.stringify(decoded.written), source: host.text ?? null }
      await promised(this.service.store.saveDefinition(definition))
    }
  }

  get ownPipelines(): ReadonlyArray<DecodedPipeline> {
    return [...this.own.values()].map(({ decoded }) => decoded)
  }

  /** Learns what lists show, so that the first request need not. */
  async warm(): Promise<void> {
    await this.index.list(undefined)
  }

  async find(name: string): Promise<StoredDefinition> {
    const found = NAME_FORM.test(name) ? await promised(this.service.store.getDefinition(name)) : undefined
    if (found === undefined) throw pipelineNotFound(name)
    return found
  }

  /** Where a pipeline of the host stands; undefined for one that came over HTTP. */
  originOf(name: string): string | undefined {
    const own = this.own.get(name)
    return own === undefined ? undefined : (own.host.file ?? "the host's code")
  }

  async loaded(stored: StoredDefinition): Promise<Loaded> {
    const own = this.own.get(stored.name)
    if (own !== undefined) return { ok: true, pipeline: own.decoded }
    const { name, definition } = stored
    const known = this.loadedByName.get(name)
    if (known?.definition === definition) return known.loaded
    const loaded = await this.decode(definition)
    this.loadedByName.set(name, { definition, loaded })
    return loaded
  }

  private async decode(input: PipelineInput): Promise<Loaded> {
    try {
      return { ok: true, pipeline: await promised(this.service.decode(input)) }
    } catch (error) {
      if (error instanceof DefinitionError) return { ok: false, issues: error.issues }
      throw error
    }
  }

  /** Throws where the definition does not load any more. */
  async runnable(stored: StoredDefinition): Promise<DecodedPipeline> {
    const loaded = await this.loaded(stored)
    if (loaded.ok) return loaded.pipeline
    throw invalidPipeline(loaded.issues)
  }

  /**
   * Checks a definition that came over HTTP, as text, and saves it. `expected`: the revision that it takes the place of, 0 for a new one,
   * undefined for whatever is there.
   */
  async save(text: string, form: "json" | "yaml", name: string | undefined, expected: number | undefined): Promise<StoredDefinition> {
    const decoded = await this.checked(text)
    const { written } = decoded
    if (name !== undefined && decoded.name !== name)
      throw invalidPipeline([
        { code: "INVALID_VALUE", path: "name", message: `the name is ${decoded.name}, and the address says ${name}.` },
      ])
    const origin = this.originOf(decoded.name)
    if (origin !== undefined) throw readOnly(decoded.name, origin, expected === 0)
    const before = await promised(this.service.store.getDefinition(decoded.name))
    if (name !== undefined && before === undefined) throw pipelineNotFound(name)
    const { plugins } = this.service
    const restored = restoreSecrets(
      written,
      form === "yaml" ? text : null,
      before === undefined ? undefined : definitionOf(before),
      plugins,
    )
    if (restored.unknown.length > 0)
      throw invalidPipeline(
        restored.unknown.map((path) => ({
          code: "INVALID_VALUE",
          path: formatPath(path),
          message: "`***` stands for a secret that is stored, and none is stored here. Give the secret, or a variable.",
        })),
      )
    const saved = { name: decoded.name, definition: JSON.stringify(restored.definition), source: restored.text }
    const stored = await promised(this.service.store.saveDefinition(saved, expected))
    this.index.touch(decoded.name)
    if (stored !== undefined) return stored
    if (expected === 0)
      throw new Problem("PIPELINE_EXISTS", `There is a pipeline named ${decoded.name} already.`, { details: { pipeline: decoded.name } })
    throw revisionConflict(decoded.name, expected, await promised(this.service.store.getDefinition(decoded.name)))
  }

  private async checked(text: string): Promise<DecodedPipeline> {
    const loaded = await this.decode(text)
    const issues = loaded.ok ? this.codeIssues(loaded.pipeline.written) : loaded.issues
    if (issues.length > 0 && issues.every(({ code }) => UNREADABLE.has(code)))
      throw new Problem("INVALID_REQUEST", `The body cannot be read: ${issues[0]!.message}`, {
        details: { issues: issues.map(toRequestIssue) },
      })
    if (!loaded.ok || issues.length > 0) throw invalidPipeline(issues)
    return loaded.pipeline
  }

  private codeIssues(written: PipelineDefinition): ReadonlyArray<Issue> {
    const allowed = new Set(this.options.modules ?? [])
    const steps = (written.transforms ?? []).flatMap((step, i): ReadonlyArray<Issue> => {
      const module = "module" in step && typeof step.module === "string" ? step.module : undefined
      if (step.type !== "custom" || module === undefined || allowed.has(module)) return []
      const message = `a pipeline that comes over HTTP may not name the module ${module}. Let the host allow it, or register a transform.`
      return [{ code: "INVALID_VALUE", path: `transforms[${i}].module`, message }]
    })
    if (written.plugins === undefined) return steps
    return [
      ...steps,
      { code: "INVALID_VALUE", path: "plugins", message: "a pipeline that comes over HTTP may not load modules. Leave it out." },
    ]
  }

  async remove(name: string): Promise<void> {
    const origin = this.originOf(name)
    if (origin !== undefined) throw readOnly(name, origin, false)
    await promised(this.service.store.deleteDefinition(name))
    await this.schedules.forget(name)
    this.loadedByName.delete(name)
    this.summaries.forget(name)
    this.index.touch(name)
  }

  async statusOf(stored: StoredDefinition): Promise<PipelineStatus> {
    if (stored.paused) return "paused"
    const { ended } = await this.summaries.of(stored.name)
    return ended?.status === "failed" || !(await this.loaded(stored)).ok ? "error" : "active"
  }

  /** A part of all pipelines, or of those of one status. */
  async list(status: PipelineStatus | undefined, { skip, perPage }: PageRequest) {
    await this.summaries.look()
    if (status === undefined && !this.index.isLoaded) {
      // A server that has just started answers from the store.
      const stored = await promised(this.service.store.listDefinitions({ limit: perPage, skip }))
      return {
        items: await Promise.all(stored.map((one) => this.shown(one))),
        total: await promised(this.service.store.countDefinitions()),
      }
    }
    const all = await this.index.list(status)
    return { items: await Promise.all(all.slice(skip, skip + perPage).map((known) => this.itemOf(known))), total: all.length }
  }

  async setPaused(name: string, paused: boolean): Promise<void> {
    if (!(await promised(this.service.store.setPaused(name, paused)))) throw pipelineNotFound(name)
    this.index.touch(name)
  }

  private async shown(stored: StoredDefinition) {
    return await this.itemOf({ brief: briefOf(stored), status: await this.statusOf(stored) })
  }

  private async itemOf({ brief, status }: Known) {
    const { name, version, paused } = brief
    const { newest } = await this.summaries.of(name)
    const { schedule, timezone } = await this.schedules.of(name, brief)
    const next = schedule === null || paused ? null : await this.nextTime(schedule, timezone)
    return {
      name,
      version,
      status,
      schedule,
      last_run: newest === undefined ? null : lastRunAsJson(newest),
      next_run_at: isoTime(next),
    }
  }

  private readonly nextByZone = new Map<string, number>()

  /** Null for a schedule that is wrong, or never comes. */
  async nextTime(schedule: string, timezone: string): Promise<number | null> {
    const now = this.now()
    const key = `${timezone} ${schedule}`
    const known = this.nextByZone.get(key)
    if (known !== undefined && known > now) return known
    try {
      const [next] = await nextTimes(schedule, timezone, now, 1)
      this.nextByZone.set(key, next!)
      return next!
    } catch {
      return null // Its definition is in the state `error`, which says why.
    }
  }

  async detail(stored: StoredDefinition) {
    return {
      ...(await this.shown(stored)),
      definition: hideSecrets(definitionOf(stored), this.service.plugins),
      revision: stored.revision,
      created_at: isoTime(stored.createdAt),
      updated_at: isoTime(stored.updatedAt),
    }
  }

  /** As YAML, with its comments where it came as YAML. */
  async yaml(stored: StoredDefinition, print: (definition: PipelineDefinition) => Promise<string>): Promise<string> {
    const definition = definitionOf(stored)
    return stored.source === null
      ? await print(hideSecrets(definition, this.service.plugins))
      : hiddenText(stored.source, definition, this.service.plugins)
  }
}

export const definitionOf = (stored: StoredDefinition): PipelineDefinition => JSON.parse(stored.definition) as PipelineDefinition

/** What lists show of a definition. */
export interface Brief extends Schedule {
  readonly name: string
  readonly version: string
  readonly paused: boolean
  readonly revision: number
  readonly createdAt: number
}

const briefOf = (stored: StoredDefinition): Brief => {
  const { name, paused, revision, createdAt } = stored
  const written = definitionOf(stored)
  return { name, paused, revision, createdAt, version: typeof written.version === "string" ? written.version : "", ...scheduleOf(written) }
}

/** The text cannot be read at all; all else is a definition, and a wrong one. */
const UNREADABLE: ReadonlySet<string> = new Set(["YAML_SYNTAX", "YAML_LIMIT", "JSON_SYNTAX"])

export const invalidPipeline = (issues: ReadonlyArray<Issue>): Problem =>
  new Problem("INVALID_PIPELINE", issues.length === 1 ? issues[0]!.message : `The definition has ${issues.length} mistakes.`, {
    details: { issues: issues.map(toRequestIssue) },
  })

const readOnly = (name: string, origin: string, isNew: boolean): Problem =>
  isNew
    ? new Problem("PIPELINE_EXISTS", `There is a pipeline named ${name} already: it comes from ${origin}.`, {
        details: { pipeline: name, origin },
      })
    : new Problem("FORBIDDEN", `The pipeline ${name} comes from ${origin}. Change it there.`, { details: { pipeline: name, origin } })

const revisionConflict = (name: string, expected: number | undefined, now: StoredDefinition | undefined): Problem =>
  new Problem("REVISION_CONFLICT", `The pipeline ${name} was changed meanwhile. Get it again, and change that.`, {
    details: { pipeline: name, expected: expected ?? null, revision: now?.revision ?? null },
  })
