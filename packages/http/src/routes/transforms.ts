import { DefinitionError, DeltaflowError, type EngineService, type Row } from "@deltaflow/core"
import { builtinStepTypes, pluginTypes, promised } from "@deltaflow/core/adapter"
import type { Respond } from "../Call.ts"
import { invalidPipeline } from "../Catalogue.ts"
import { cut, pageAnswer, pageOf } from "../pages.ts"
import { invalidRequest, Problem } from "../problems.ts"

interface NamedTransform {
  readonly name: string
  readonly type: "builtin" | "custom"
  readonly description: string
}

const transformsOf = (service: EngineService): ReadonlyArray<NamedTransform> => {
  const builtin = builtinStepTypes.map(({ type, summary }): NamedTransform => ({ name: type, type: "builtin", description: summary }))
  const custom = pluginTypes(service.plugins)
    .filter(({ kind, type }) => kind === "transform" && !builtin.some(({ name }) => name === type))
    .map(({ type, summary }): NamedTransform => ({ name: type, type: "custom", description: summary }))
  return [...builtin, ...custom].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const list: Respond = async (call) => {
  const page = pageOf(call.query)
  const all = transformsOf(call.services.service)
  return pageAnswer(call, page, cut(all, page), all.length)
}

const MOST_ROWS = 10_000

interface TestBody {
  readonly input: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly config?: Readonly<Record<string, unknown>>
}

const test: Respond = async (call) => {
  const { service } = call.services
  const name = call.params["name"]!
  if (!transformsOf(service).some((one) => one.name === name))
    throw new Problem("TRANSFORM_NOT_FOUND", `There is no transform named ${name}.`, { details: { transform: name } })
  if (name === "custom") throw invalidRequest("A custom step names a module, which no request may. Register a transform on the engine.")
  const { input, config = {} } = (await call.body()) as TestBody
  if (input.length > MOST_ROWS)
    throw invalidRequest(`A test takes ${MOST_ROWS} rows at most.`, [{ path: "input", message: `it has ${input.length} rows.` }])
  const began = performance.now()
  try {
    const output = await promised(service.testStep({ ...config, type: name }, input as ReadonlyArray<Row>, { limit: MOST_OUTPUT }))
    return {
      hasRows: true,
      data: {
        output,
        stats: { input_rows: input.length, output_rows: output.length, duration_ms: Math.round(performance.now() - began) },
      },
    }
  } catch (error) {
    if (error instanceof DefinitionError) throw invalidPipeline(error.issues)
    if (error instanceof DeltaflowError) throw invalidPipeline([{ code: error.code, path: "", message: service.mask(error.message) }])
    throw error
  }
}

const MOST_OUTPUT = 100_000

export const transformRoutes: Readonly<Record<string, Respond>> = { "transforms.list": list, "transforms.test": test }
