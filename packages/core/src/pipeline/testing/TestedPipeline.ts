/** A pipeline that a test decodes again, with other sources and destinations. */
import type { DecodedPipeline } from "../DecodedPipeline.ts"
import { decodeDefinition, type DecodeResult, type Plugin } from "../decodeDefinition.ts"
import type { PipelineDefinition } from "../Definition.ts"
import { parsePipelineText, textIssues } from "../PipelineFile.ts"
import type { Secrets } from "../Secrets.ts"
import type { VariableLayers, VariableValue } from "../variables.ts"

export interface DecodeAgain {
  /** They go before the others. */
  readonly plugins?: ReadonlyArray<Plugin>
  readonly variables?: Readonly<Record<string, VariableValue>>
}

export interface TestedPipeline {
  /** As it is written, whether it is right or not; undefined where it cannot be read. */
  readonly written: unknown
  readonly plugins: ReadonlyArray<Plugin>
  /** Decodes another definition in its place; issues keep their places where the paths are the same. */
  readonly decode: (definition: unknown, options?: DecodeAgain) => Promise<DecodeResult>
}

export interface TestedOptions {
  readonly plugins: ReadonlyArray<Plugin>
  readonly variables: VariableLayers
  readonly secrets: Secrets
}

/** A definition in code, as text, or as a project decoded it. */
export const testedPipeline = (
  input: PipelineDefinition | string | DecodedPipeline,
  { plugins, variables, secrets }: TestedOptions,
): TestedPipeline => {
  const mask = (shown: string): string => secrets.mask(shown)
  const text = typeof input === "string" ? parsePipelineText(input) : undefined
  if (text?.isBroken === true) return { written: undefined, plugins, decode: async () => ({ ok: false, issues: textIssues(text, mask) }) }
  const settings = typeof input === "object" && "written" in input ? { inherited: input.inherited, overrides: input.overrides } : {}
  const written = typeof input === "string" ? text?.value : "written" in input ? input.written : input
  const shared = { secrets, ...settings, ...(text === undefined ? {} : { text }) }
  return {
    written,
    plugins,
    decode: async (definition, { plugins: others = [], variables: more = {} } = {}) =>
      await decodeDefinition(definition, { ...shared, plugins: [...others, ...plugins], variables: [more, ...variables] }),
  }
}
