/** A pipeline of one step over rows that are given: to see what the step does. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { DefinitionError, EngineError } from "../contract/Errors.ts"
import type { Source } from "../contract/Source.ts"
import { Batch, RowsError } from "../model/Batch.ts"
import type { Row } from "../model/Value.ts"
import type { DecodedPipeline } from "../pipeline/DecodedPipeline.ts"
import { decodeDefinition } from "../pipeline/decodeDefinition.ts"
import type { Secrets } from "../pipeline/Secrets.ts"
import { anyConfig, anywhere, NOTHING } from "./connectorCheck.ts"
import type { EngineOptions } from "./Options.ts"

/** Fails with `DefinitionError` for a wrong step, and with `EngineError` for rows that are of no one shape. */
export const decodeStepTest = (
  step: Readonly<Record<string, unknown>>,
  rows: ReadonlyArray<Row>,
  options: EngineOptions,
  secrets: Secrets,
): Effect.Effect<DecodedPipeline, DefinitionError | EngineError> =>
  Effect.gen(function* () {
    const batch = yield* Effect.try({ try: () => Batch.fromRows(rows), catch: wrongRows })
    const definition = { name: "transform-test", sources: [{ type: NOTHING }], transforms: [step], destinations: [{ type: NOTHING }] }
    const plugins = [...options.plugins, given(batch), anywhere]
    const result = yield* Effect.promise(() => decodeDefinition(definition, { plugins, secrets, variables: [options.env ?? {}] }))
    if (result.ok) return result.pipeline
    return yield* Effect.fail(
      new DefinitionError(result.issues.map((issue) => ({ ...issue, path: issue.path.replace(/^transforms\[0\]\.?/, "") }))),
    )
  })

const wrongRows = (cause: unknown): EngineError => {
  if (!(cause instanceof RowsError)) throw cause
  const { row, column, message } = cause
  return new EngineError({ code: "INVALID_VALUE", message: `row ${row + 1}, column ${column}: ${message}`, row: row + 1, column, cause })
}

const given = (batch: Batch): Source => ({
  kind: "source",
  type: NOTHING,
  summary: "",
  config: anyConfig,
  open: () => Effect.succeed({ schema: batch.schema, read: () => ({ rows: { kind: "batches", stream: Stream.make({ batch }) } }) }),
})
