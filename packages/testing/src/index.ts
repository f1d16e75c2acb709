/** The laws that plugins and stores keep, and tests of pipelines, for any runner; and what tests of one's own are made with. */
export { type Effort, type Law, type Runner, runLaws } from "./Law.ts"
export { type MakeStore, storeLaws, type StoreLawsOptions, type StoreUnderTest } from "./StoreConformance.ts"
export {
  faultyDestination,
  type FaultLog,
  type FaultPlan,
  Faults,
  type FaultyFiles,
  faultyFiles,
  faultySource,
  type FaultyStore,
  faultyStore,
  type Operation,
} from "./faults.ts"
export { memoryFiles, type MemoryFiles } from "./memoryFiles.ts"
export {
  columnName,
  columnTypes,
  cutAnywhere,
  cutRows,
  nastyNames,
  rowsOf,
  type SchemaOptions,
  schemas,
  tables,
  texts,
  values,
} from "./rows.ts"
export { destinationLaws, type DestinationLawsOptions, type DestinationPlace } from "./DestinationLaws.ts"
export { checkDeltaLaw, type DeltaLawOptions, type DeltaLawSource } from "./pipeline/deltaLaw.ts"
export type { PluginSetting } from "./pluginContext.ts"
export { sourceLaws, type SourceLawsOptions } from "./SourceLaws.ts"
export { transformLaws, type TransformLawsOptions } from "./TransformLaws.ts"
export {
  pipelineTests,
  type PipelineTestResult,
  type PipelineTestsOptions,
  testPipeline,
  type TestPipelineOptions,
} from "./pipeline/index.ts"
export { simulateFaults, type SimulationOptions } from "./simulation/simulate.ts"
