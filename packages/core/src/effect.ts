/**
 * Deltaflow for programs that are written with Effect: the engine as a service with layers, events as a stream, and plugins from streams
 * and scoped effects. Values, errors and contracts come from `@deltaflow/core`; the Promise API there is built on what is here.
 */
export { Engine, type EngineLayerOptions, ProjectFiles, StateStore } from "./engine/EngineLayer.ts"
export type { EngineService, Preview, PreviewOptions, RunResult, StartedRun } from "./engine/EngineService.ts"
export { RunError } from "./engine/RunError.ts"
export type { PipelineError } from "./contract/Errors.ts"
export { defineDestination, defineSource, defineTransform } from "./contract/defineEffect.ts"
export type { DestinationOptions, ReadRequest, RowsLoad, SourceOptions, TransformOptions, Yielded } from "./contract/defineEffect.ts"
