/** Rows into a file with one JSON object per line. */
import type { Destination } from "@deltaflow/core"
import { jsonEncoder, makeJsonEncoder } from "@deltaflow/core/text"
import * as Schema from "effect/Schema"
import { destinationFields } from "../files/options.ts"
import { openTextLoad, type TextLayout } from "../files/textDestination.ts"

export const NdjsonDestinationConfig = Schema.Struct(destinationFields)

export type NdjsonDestinationConfig = typeof NdjsonDestinationConfig.Type

/**
 * Delivery: idempotent. `replace` writes beside the file and renames at the end; `append` adds to it, and the next run cuts off what a
 * crash left. Into standard output at least once. Order: kept. Deletes: not there.
 */
export const ndjsonDestination: Destination<NdjsonDestinationConfig> = {
  kind: "destination",
  type: "ndjson",
  summary: "A file with one JSON object per line, replaced as a whole or added to",
  config: Schema.toStandardSchemaV1(NdjsonDestinationConfig),
  delivery: (config) => (config.path === "-" ? "none" : "idempotent"),
  writeModes: ["replace", "append"],
  open: (request) => openTextLoad(request, async () => linesLayout()),
}

const nothing = (): Uint8Array => new Uint8Array(0)

const linesLayout = (): TextLayout => ({
  encode: makeJsonEncoder({ layout: "lines", lend: true }),
  encoder: () => jsonEncoder({ layout: "lines", lend: true }),
  begin: nothing,
  join: (rows) => rows,
  end: nothing,
  // Each line says which keys it has.
  accept: () => undefined,
  transcode: undefined,
})
