/** Transforms whose function gets the row type of the columns that it takes, and whose result the compiler follows. */
import { defineTransform } from "../contract/defineTransform.ts"
import type { TransformTraits } from "../contract/defineTransform.ts"
import type { Transform, TransformContext } from "../contract/Transform.ts"
import type { Columns, RowOf } from "./types/Columns.ts"
import type { StepTypes, WithStepTypes } from "./types/steps.ts"

/** What a function gives: an object, several, or a promise of them; null and undefined leave a row out, or as it is for a patch. */
type Given = object | null | undefined

export interface TypedTransformOptions<C extends Columns, Config, OfRow, OfPatch, OfBatch> extends TransformTraits<Config> {
  /** The columns that the function reads. Rows may have more. */
  readonly takes: C
  /** Exactly one of the three, as in `defineTransform`. */
  readonly row?: (row: RowOf<C>, context: TransformContext<Config>) => OfRow
  readonly patch?: (row: RowOf<C>, context: TransformContext<Config>) => OfPatch
  readonly batch?: (rows: ReadonlyArray<RowOf<C>>, context: TransformContext<Config>) => OfBatch
}

type OneOf<Result> =
  Exclude<Awaited<Result>, null | undefined> extends infer Value
    ? Value extends ReadonlyArray<infer Item>
      ? Exclude<Item, null | undefined>
      : Value
    : never

interface TypesOf<C extends Columns, OfRow, OfPatch, OfBatch> {
  readonly takes: C
  readonly mode: [OfPatch] extends [never] ? ([OfRow] extends [never] ? "batch" : "row") : "patch"
  readonly gives: OneOf<OfRow | OfPatch | OfBatch>
}

export type TypedTransform<C extends Columns, Config, OfRow, OfPatch, OfBatch> = Transform<Config> &
  WithStepTypes<TypesOf<C, OfRow, OfPatch, OfBatch>>

/** `defineTransform` with `takes`. Throws `TypeError` where not exactly one of `row`, `patch` and `batch` is given. */
export const typedTransform = <
  const C extends Columns,
  Config = unknown,
  OfRow extends Given = never,
  OfPatch extends Given = never,
  OfBatch extends Given = never,
>({
  takes: _takes,
  ...options
}: TypedTransformOptions<C, Config, OfRow, OfPatch, OfBatch>): TypedTransform<C, Config, OfRow, OfPatch, OfBatch> =>
  // The engine hands over rows of any columns; that these are among them is what the compiler has checked in `pipeline()`.
  defineTransform<Config>(options as Parameters<typeof defineTransform<Config>>[0])

/** A step that runs this transform: its `type`, and its config as the other keys. Columns behind it are what its function gives. */
export const typedStep = <Types extends StepTypes>(
  transform: Transform & WithStepTypes<Types>,
  options: Readonly<Record<string, unknown>> = {},
): { readonly type: string } & WithStepTypes<Types> => ({ ...options, type: transform.type })
