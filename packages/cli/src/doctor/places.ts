/** Paths that pipelines name, and what can be said of them without opening them. */
import { accessSync, constants, existsSync, statSync } from "node:fs"
import path from "node:path"
import type { DecodedPipeline, Project } from "@deltaflow/core"
import { count } from "../Live.ts"

export interface NamedPath {
  readonly pipeline: string
  /** `sources[0]`, or the name that the definition gives. */
  readonly step: string
  readonly path: string
}

export const pipelinesOf = (project: Project): ReadonlyArray<DecodedPipeline> =>
  project.pipelines.flatMap(({ result }) => (result.ok ? [result.pipeline] : []))

/** Files that must be there: neither patterns, nor stdin, nor what is optional. */
export const inputsOf = (project: Project): ReadonlyArray<NamedPath> =>
  pipelinesOf(project).flatMap(({ name, sources }) =>
    sources
      .filter(({ optional }) => !optional)
      .flatMap((source) => pathsOf(project, name, source).filter((input) => !/[*?[{]/.test(input.path))),
  )

export const outputsOf = (project: Project): ReadonlyArray<NamedPath> =>
  pipelinesOf(project).flatMap(({ name, destinations, errorHandling: { deadLetter } }) =>
    [...destinations, ...(deadLetter === undefined ? [] : [deadLetter])].flatMap((destination) => pathsOf(project, name, destination)),
  )

const pathsOf = (
  project: Project,
  pipeline: string,
  step: { readonly name: string; readonly config: unknown },
): ReadonlyArray<NamedPath> => {
  const { path: named } = (step.config ?? {}) as { readonly path?: unknown }
  const list = (Array.isArray(named) ? (named as ReadonlyArray<unknown>) : [named]).filter((item) => typeof item === "string")
  // The run's id is known only while it runs: a path that has it in it says nothing about files yet.
  return list
    .filter((item) => item !== "-" && !item.includes("${"))
    .map((item) => ({ pipeline, step: step.name, path: path.resolve(project.root, item) }))
}

/** The folder itself, or the nearest one above it that is there. */
export const existingFolder = (folder: string): string => {
  let place = folder
  while (!existsSync(place) && path.dirname(place) !== place) place = path.dirname(place)
  return place
}

/** Why files cannot be made in the folder, or in the nearest one above it that is there. */
export const whyNotWritable = (folder: string): string | undefined => {
  const place = existingFolder(folder)
  if (!statSync(place).isDirectory()) return `${place} is a file, not a folder`
  try {
    accessSync(place, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return `${place} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`
  }
}

export const megabytes = (bytes: number): string => `${count(Math.round(bytes / 1024 / 1024))} MB`
