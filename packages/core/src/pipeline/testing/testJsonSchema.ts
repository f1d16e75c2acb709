/** The JSON Schema (draft-07) of test files, for editors. */
import { effectJsonSchema, type JsonSchemaNode } from "../configJsonSchema.ts"
import { DRAFT_07, tidy } from "../JsonSchema.ts"
import { TestFile } from "./TestDefinition.ts"

export const testJsonSchema = (): JsonSchemaNode => ({ $schema: DRAFT_07, title: "Deltaflow tests", ...tidy(effectJsonSchema(TestFile)) })
