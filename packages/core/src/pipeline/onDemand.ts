/**
 * What reads and prints the text of definitions. YAML and the schemas of a definition take as long to load as everything else together, so
 * they are loaded by the first call.
 */
import type { Issue } from "../contract/Errors.ts"
import type { DecodedPipeline } from "./DecodedPipeline.ts"
import type { DecodeResult } from "./decodeDefinition.ts"
import type { PipelineDefinition } from "./Definition.ts"
import type { TextOptions } from "./PipelineFile.ts"
import type { Project, ProjectOptions } from "./Project.ts"

/** Reads a project. What is wrong in its files is in `issues`. */
export const loadProject = async (options: ProjectOptions): Promise<Project> => {
  const module = await import("./Project.ts")
  return await module.loadProject(options)
}

/** Decodes a definition that is YAML or JSON text. */
export const loadPipelineText = async (text: string, options: TextOptions): Promise<DecodeResult> => {
  const module = await import("./PipelineFile.ts")
  return await module.loadPipelineText(text, options)
}

/** The pipelines of a project that can run. */
export const runnablePipelines = (project: Project): ReadonlyArray<DecodedPipeline> =>
  project.pipelines.flatMap(({ result }) => (result.ok ? [result.pipeline] : []))

/** The issue with file, line, column and frame; as it is where it has a place already. `text` is the whole file. */
export const placeIssue = async (issue: Issue, text: string, file: string, mask?: (text: string) => string): Promise<Issue> => {
  const module = await import("./placeIssue.ts")
  return module.placeIssue(issue, text, file, mask)
}

/**
 * A definition as YAML; reading it back gives the same definition. Keys come in the order of the documentation. Rejects with `TypeError`
 * for what only code can hold, such as the rows of a `memory` source.
 */
export const printDefinition = async (definition: PipelineDefinition): Promise<string> => {
  const module = await import("./printDefinition.ts")
  return module.printDefinition(definition)
}
