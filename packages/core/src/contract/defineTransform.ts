/** Transforms from plain functions. */
import { anyConfig } from "./anyConfig.ts"
import type { StandardSchema } from "./Plugin.ts"
import type { BatchFunction, PatchFunction, RowFunction, StateFunctions, Transform, TransformFunction } from "./Transform.ts"

/** What a transform says of itself, in either form. */
export interface TransformTraits<Config> {
  readonly type: string
  readonly summary?: string
  readonly config?: StandardSchema<any, Config>
  /**
   * Calls of an async `row` or `patch` that may be under way at once; results keep the order of the rows. Default 16, and 1 with `setup`.
   * The key `concurrency` of a `custom` step goes over it.
   */
  readonly concurrency?: number
}

export interface TransformOptions<Config, State> extends TransformTraits<Config>, Partial<StateFunctions<Config, State>> {
  /** Exactly one of the three. See `Transform.ts` for what each may do. */
  readonly row?: RowFunction<Config, State>
  readonly patch?: PatchFunction<Config, State>
  readonly batch?: BatchFunction<Config, State>
}

/**
 * A transform from plain functions. Write `setup` before the others, so that the compiler knows the type of `state` in them. Throws
 * `TypeError` where not exactly one of `row`, `patch` and `batch` is given, where `finish`, `close` or `eachRun` stand without what they go
 * with, and where something is no function.
 */
export const defineTransform = <Config = unknown, State = undefined>(options: TransformOptions<Config, State>): Transform<Config> => {
  const { type, summary = "", config = anyConfig<Config>() } = options
  return { kind: "transform", type, summary, config, apply: transformFunction(`defineTransform ${type}`, options) }
}

const MODES = ["row", "patch", "batch"] as const

const STATE = ["setup", "finish", "close"] as const

/** The functions of a transform in the form of the contract. Throws `TypeError`; `what` begins its message. */
export const transformFunction = <Config, State>(
  what: string,
  options: Omit<TransformOptions<Config, State>, "type">,
): TransformFunction<Config, State> => {
  const modes = MODES.filter((mode) => options[mode] !== undefined)
  const mode = modes[0]
  if (mode === undefined || modes.length > 1) throw new TypeError(`${what}: give exactly one of row, patch and batch`)
  const wrong = [...MODES, ...STATE].find((name) => options[name] !== undefined && typeof options[name] !== "function")
  if (wrong !== undefined) throw new TypeError(`${what}: ${wrong} is no function`)
  const { setup, finish, close, eachRun, concurrency } = options
  if (setup === undefined && (finish ?? close) !== undefined)
    throw new TypeError(`${what}: ${finish === undefined ? "close" : "finish"} needs setup, which makes the state that it gets`)
  if (finish === undefined && eachRun !== undefined) throw new TypeError(`${what}: eachRun says something of finish, which is not there`)
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency > 0))
    throw new TypeError(`${what}: concurrency is a whole number from 1`)
  const state: StateFunctions<Config, State> | undefined =
    setup === undefined
      ? undefined
      : {
          setup,
          ...(finish === undefined ? {} : { finish }),
          ...(close === undefined ? {} : { close }),
          ...(eachRun === undefined ? {} : { eachRun }),
        }
  return {
    mode,
    run: options[mode],
    ...(state === undefined ? {} : { state }),
    ...(concurrency === undefined ? {} : { concurrency }),
  } as TransformFunction<Config, State>
}
