/** Transforms whose function gets the row type of the columns that it takes, and whose result the compiler follows. */
import { defineTransform } from "../contract/defineTransform.ts"
import type { TransformTraits } from "../contract/defineTransform.ts"
import type { StateFunctions, Transform, TransformContext } from "../contract/Transform.ts"
import type { Columns, RowOf } from "./types/Columns.ts"
import type { StepTypes, WithStepTypes } from "./types/steps.ts"

/** What a function gives: an object, several, or a promise of them; null and undefined leave a row out, or as it is for a patch. */
type Given = object | null | undefined

export interface TypedTransformOptions<C extends Columns, Config, State, OfRow, OfPatch, OfBatch, OfFinish>
  extends TransformTraits<Config>, Pick<Partial<StateFunctions<Config, State>>, "setup" | "close" | "eachRun"> {
  /** The columns that the function reads. Rows may have more. */
  readonly takes: C
  /** Exactly one of the three, as in `defineTransform`. */
  readonly row?: (row: RowOf<C>, context: TransformContext<Config, State>) => OfRow
  readonly patch?: (row: RowOf<C>, context: TransformContext<Config, State>) => OfPatch
  readonly batch?: (rows: ReadonlyArray<RowOf<C>>, context: TransformContext<Config, State>) => OfBatch
  readonly finish?: (context: TransformContext<Config, State>) => OfFinish
}

type OneOf<Result> =
  Exclude<Awaited<Result>, null | undefined | void> extends infer Value
    ? Value extends Iterable<infer Item> | AsyncIterable<infer Item>
      ? Exclude<Item, null | undefined>
      : Value
    : never

interface TypesOf<C extends Columns, OfRow, OfPatch, OfBatch, OfFinish> {
  readonly takes: C
  readonly mode: [OfPatch] extends [never] ? ([OfRow] extends [never] ? "batch" : "row") : "patch"
  readonly gives: OneOf<OfRow | OfPatch | OfBatch | OfFinish>
}

export type TypedTransform<C extends Columns, Config, OfRow, OfPatch, OfBatch, OfFinish> = Transform<Config> &
  WithStepTypes<TypesOf<C, OfRow, OfPatch, OfBatch, OfFinish>>

/** `defineTransform` with `takes`. Throws `TypeError` as it does. */
export const typedTransform = <
  const C extends Columns,
  Config = unknown,
  State = undefined,
  OfRow extends Given = never,
  OfPatch extends Given = never,
  OfBatch extends Given = never,
  OfFinish extends Given | void = never,
>({
  takes: _takes,
  ...options
}: TypedTransformOptions<C, Config, State, OfRow, OfPatch, OfBatch, OfFinish>): TypedTransform<
  C,
  Config,
  OfRow,
  OfPatch,
  OfBatch,
  OfFinish
> =>
  // The engine hands over rows of any columns; that these are among them is what the compiler has checked in `pipeline()`.
  defineTransform<Config, State>(options as Parameters<typeof defineTransform<Config, State>>[0])

/** A step that runs this transform: its `type`, and its config as the other keys. Columns behind it are what its function gives. */
export const typedStep = <Types extends StepTypes>(
  transform: Transform & WithStepTypes<Types>,
  options: Readonly<Record<string, unknown>> = {},
): { readonly type: string } & WithStepTypes<Types> => ({ ...options, type: transform.type })
