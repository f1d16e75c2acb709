/** Transforms from plain functions. */
import { anyConfig } from "./anyConfig.ts"
import type { StandardSchema } from "./Plugin.ts"
import type { BatchFunction, PatchFunction, RowFunction, Transform } from "./Transform.ts"

/** What a transform says of itself, in either form. */
export interface TransformTraits<Config> {
  readonly type: string
  readonly summary?: string
  readonly config?: StandardSchema<any, Config>
}

export interface TransformOptions<Config> extends TransformTraits<Config> {
  /** Exactly one of the three. See `Transform.ts` for what each may do. */
  readonly row?: RowFunction<Config>
  readonly patch?: PatchFunction<Config>
  readonly batch?: BatchFunction<Config>
}

/** A transform from a plain function. Throws `TypeError` where not exactly one of `row`, `patch` and `batch` is given. */
export const defineTransform = <Config = unknown>(options: TransformOptions<Config>): Transform<Config> => {
  const { row, patch, batch } = options
  if ([row, patch, batch].filter((run) => run !== undefined).length !== 1) {
    throw new TypeError(`defineTransform ${options.type}: give exactly one of row, patch and batch`)
  }
  return {
    kind: "transform",
    type: options.type,
    summary: options.summary ?? "",
    config: options.config ?? anyConfig<Config>(),
    apply:
      row !== undefined ? { mode: "row", run: row } : patch !== undefined ? { mode: "patch", run: patch } : { mode: "batch", run: batch! },
  }
}
