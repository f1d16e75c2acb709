/** Tests of pipelines: for runners in code, and what `deltaflow test` is made of. */
export { pipelineTests, type PipelineTestsOptions } from "./pipelineTests.ts"
export { testPipeline, type PipelineTestResult, type TestPipelineOptions } from "./testPipeline.ts"
export { failureText } from "./testPipeline.ts"
export type { Failure } from "./checks.ts"
export { findTestFiles, type LoadedTestFile, loadTestFile, type TestFilesOptions, type TestReport, TESTS_FOLDER } from "./testFiles.ts"
export type { SnapshotName } from "./SnapshotFile.ts"
