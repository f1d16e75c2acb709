/** What `doctor` looks at, and what it may say. */
import type { DeltaflowError, Lease, Project, Run } from "@deltaflow/core"

export type Level = "ok" | "warn" | "fail"

export interface Finding {
  readonly level: Level
  readonly message: string
  /** What to do; every finding that is not ok has one. */
  readonly fix?: string
}

export interface Check {
  readonly name: string
  readonly look: (context: DoctorContext) => Promise<ReadonlyArray<Finding>> | ReadonlyArray<Finding>
}

/** What this machine and this Node can do. */
export interface Host {
  readonly nodeVersion: string
  readonly kernel: string
  readonly codeGeneration: boolean
  readonly zstd: boolean
  readonly sqlite: boolean
  readonly timeZones: boolean
  /** How many files the process may open; undefined where the system does not say. */
  readonly openFiles: number | undefined
  /** Bytes that the process may use. */
  readonly memory: number
  readonly platform: NodeJS.Platform
}

export interface Disk {
  readonly freeBytes: number
  /** The number by which the system knows the kind of file system. */
  readonly kind: number
}

/** What the store holds, read without changing it. */
export interface StoreLook {
  readonly exists: boolean
  readonly problem?: DeltaflowError
  /** What SQLite's own check says; `ok` for a sound file. */
  readonly integrity?: string
  readonly bytes: number
  /** Newest first. */
  readonly runs: ReadonlyArray<Run>
  readonly leases: ReadonlyMap<string, Lease>
}

export interface DoctorContext {
  readonly host: Host
  readonly project: Project
  /** The state file. */
  readonly statePath: string
  readonly userFile: string
  readonly now: () => number
  readonly store: StoreLook
  readonly disk: (folder: string) => Promise<Disk>
  /** Whether nothing listens on the port of this machine. */
  readonly isPortFree: (port: number) => Promise<boolean>
  readonly schema: () => Promise<unknown>
  readonly loadModule: (url: string) => Promise<Readonly<Record<string, unknown>>>
}

export const ok = (message: string): ReadonlyArray<Finding> => [{ level: "ok", message }]

export const warn = (message: string, fix: string): Finding => ({ level: "warn", message, fix })

export const fail = (message: string, fix: string): Finding => ({ level: "fail", message, fix })

/** The problems, or that all is well. */
export const orOk = (problems: ReadonlyArray<Finding>, message: string): ReadonlyArray<Finding> =>
  problems.length > 0 ? problems : ok(message)
