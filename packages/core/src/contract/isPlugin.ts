/** Whether a value is a plugin, for hosts and modules whose types nobody has checked. */
import type { Destination } from "./Destination.ts"
import type { Source } from "./Source.ts"
import type { SqlEngine } from "./Sql.ts"
import type { Transform } from "./Transform.ts"

const kinds: ReadonlyArray<unknown> = ["source", "destination", "transform", "sql"]

export const isPlugin = (value: unknown): value is Source | Destination | Transform | SqlEngine =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  kinds.includes(value.kind) &&
  "type" in value &&
  typeof value.type === "string"
