/** What a scheduler is given, and what a look of it gives. */
import type { Engine, EngineService, Log, PipelineInput, RunTrigger } from "@deltaflow/core"

export interface SchedulerOptions {
  /** Pipelines of the host, from its files or its code. Those in the store that are none of these came from outside. */
  readonly pipelines?: ReadonlyArray<PipelineInput>
  /** Hosts that pipelines from outside may reach though their addresses are not public. Default: none. */
  readonly allowHosts?: ReadonlyArray<string>
  /** Whether schedules, dependencies and failures are looked at; without, only runs that wait are started. Default true. */
  readonly schedules?: boolean
  /** Whether the process stays for as long as it looks. Default true. */
  readonly keepsAlive?: boolean
  /** Milliseconds between two looks. Default 1,000. */
  readonly interval?: number
  /** Default: silent. */
  readonly log?: Pick<Log, "warn" | "error">
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

/** What a look has started. */
export interface Started {
  readonly pipeline: string
  readonly runId: string
  readonly trigger: RunTrigger
  /** When it was due, milliseconds since 1970. */
  readonly dueAt: number
}

export interface Tick {
  readonly started: ReadonlyArray<Started>
  /** When to look again, or undefined where nothing is to come. */
  readonly nextAt: number | undefined
}

/** What the parts of a scheduler share. */
export interface Context {
  readonly engine: Engine
  readonly service: EngineService
  readonly now: () => number
  readonly log: Pick<Log, "warn" | "error">
}
