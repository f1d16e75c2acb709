/** Deltaflow as a library: the engine, what plugins are made with, and the values that rows hold. Nothing here needs Effect. */
export { createEngine, Engine, type RunHandle } from "./engine/Engine.ts"
export type { CheckedConnector, ConnectorEntry, ConnectorRole } from "./engine/connectorCheck.ts"
export type { EngineService, Preview, PreviewOptions, RunResult } from "./engine/EngineService.ts"
export { RunError } from "./engine/RunError.ts"
export type { EnqueueOptions } from "./engine/waiting.ts"
export type {
  DestinationProgress,
  EngineOptions,
  OutsideOptions,
  Plugin,
  RunOptions,
  RunProgress,
  RunRange,
  SourceProgress,
  StepProgress,
} from "./engine/Options.ts"
export { anyConfig, defineDestination, defineSource, defineTransform, loadPromiseForm } from "./contract/define.ts"
export type { DestinationOptions, OpenLoad, OpenRequest, SourceOptions, TransformOptions, Yielded } from "./contract/define.ts"
export { loadProject, placeIssue, printDefinition, runnablePipelines } from "./pipeline/onDemand.ts"
export type { Project, ProjectOptions, ProjectPipeline } from "./pipeline/Project.ts"
export { pipeline, typedDestination, type TypedPipeline, typedSource } from "./pipeline/pipeline.ts"
export type { Columns, ColumnsOf, GivesNoBoolean, NoSuchColumn, RowOf, RowsDoNotFit, WithColumns } from "./pipeline/pipeline.ts"
export { typedStep, typedTransform, type TypedTransform, type TypedTransformOptions } from "./pipeline/typedTransform.ts"
export { secret } from "./pipeline/secret.ts"
export { Secrets } from "./pipeline/Secrets.ts"
export type { DecodedPipeline, DecodedStep } from "./pipeline/DecodedPipeline.ts"
export { type Explanation, explainText } from "./pipeline/explain.ts"
export { type PipelineRowTypes, rowTypes, rowTypesHeader, type RowTypeNames, type RowTypes } from "./pipeline/rowTypes.ts"
export type { PipelineInput, Validation } from "./engine/Resolve.ts"
export type { DestinationDefinition, PipelineDefinition, SourceDefinition, StepDefinition } from "./pipeline/Definition.ts"
export * from "./contract/Destination.ts"
export {
  DefinitionError,
  DeltaflowError,
  DestinationError,
  EngineError,
  errorCodes,
  type ErrorCode,
  type ErrorFields,
  formatIssue,
  type Issue,
  type PipelineError,
  SourceError,
  StoreError,
  TransformError,
} from "./contract/Errors.ts"
export type * from "./contract/Files.ts"
export { PathError, resolveInside } from "./contract/paths.ts"
export { runtimeNames } from "./contract/runtimeNames.ts"
export type * from "./contract/Plugin.ts"
export type * from "./contract/Source.ts"
export type * from "./contract/Sql.ts"
export * from "./contract/Store.ts"
export type * from "./contract/Transform.ts"
export * from "./model/Batch.ts"
export * from "./model/ColumnType.ts"
export * from "./model/Cursor.ts"
export { Decimal } from "./model/Decimal.ts"
export { Interval } from "./model/Interval.ts"
export { parseJson, stringifyJson } from "./model/Json.ts"
export { newRunId } from "./model/Ids.ts"
export { messageOf } from "./model/messageOf.ts"
export { nearestName } from "./model/nearestName.ts"
export { RowSchema } from "./model/RowSchema.ts"
export { formatValue, fromRowValue, parseValue, type Row, type RowValue, toRowValue, type Value, ValueError } from "./model/Value.ts"
