/** Rows into a file with one JSON array. */
import type { Destination } from "@deltaflow/core"
import { jsonEncoder, makeJsonEncoder } from "@deltaflow/core/text"
import * as Schema from "effect/Schema"
import { destinationFields } from "../files/options.ts"
import { openTextLoad, type TextLayout } from "../files/textDestination.ts"

export const JsonDestinationConfig = Schema.Struct({
  ...destinationFields,
  pretty: Schema.optionalKey(
    Schema.Boolean.annotate({
      description: "Whether the array is indented, a line per value. Without it each row is a line. Default: false.",
    }),
  ),
})

export type JsonDestinationConfig = typeof JsonDestinationConfig.Type

/**
 * Delivery: idempotent: written beside the file and renamed at the end. Into standard output at least once. Order: kept. Deletes: not
 * there.
 */
export const jsonDestination: Destination<JsonDestinationConfig> = {
  kind: "destination",
  type: "json",
  summary: "A file with one JSON array, replaced as a whole",
  config: Schema.toStandardSchemaV1(JsonDestinationConfig),
  delivery: (config) => (config.path === "-" ? "none" : "idempotent"),
  writeModes: ["replace"],
  open: (request) => openTextLoad(request, async () => arrayLayout(request.config.pretty ?? false)),
}

const arrayLayout = (pretty: boolean): TextLayout => {
  const options = { layout: pretty ? "pretty" : "array", lend: true } as const
  return {
    encode: makeJsonEncoder(options),
    encoder: () => jsonEncoder(options),
    begin: () => Buffer.from("["),
    // Every row comes with a comma in front, which the first one does not need.
    join: (rows, isFirst) => (isFirst ? rows.subarray(1) : rows),
    end: (hasRows) => Buffer.from(hasRows ? "\n]\n" : "]\n"),
    // Each row says which keys it has.
    accept: () => undefined,
    transcode: undefined,
  }
}
