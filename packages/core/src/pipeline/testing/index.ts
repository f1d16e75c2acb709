/**
 * Tests of pipelines as data: their schema, how they are decoded, and the pipeline with other ends. `@deltaflow/testing` runs them.
 */
export {
  decodeExpectations,
  decodeTest,
  type DecodedTestFile,
  decodeTestText,
  listOfExpectations,
  type TestFileResult,
} from "./decodeTests.ts"
export type {
  DecodedExpectation,
  DecodedFixture,
  DecodedTest,
  DecodedTestRun,
  ExpectationInput,
  FixtureInput,
  TestInput,
} from "./TestDefinition.ts"
export { type TestedPipeline, testedPipeline } from "./TestedPipeline.ts"
export { testJsonSchema } from "./testJsonSchema.ts"
export { TEST_DEAD_LETTER, withoutEnds } from "./withoutEnds.ts"
