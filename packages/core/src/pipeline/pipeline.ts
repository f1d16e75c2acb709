/**
 * Pipelines in TypeScript: the same definition as in a file, checked by the compiler. Importing this loads nothing.
 *
 * Where sources tell their columns (`typedSource`), the compiler follows them through the steps into the destinations; see
 * `docs/how-to/type-pipelines.md`. All that is written here is plain data: types leave no trace in it.
 */
import type { DestinationDefinition, PipelineDefinition, SourceDefinition, StepDefinition } from "./Definition.ts"
import type { AnyColumns, Columns, WithColumns } from "./types/Columns.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import type { CheckedDestinations, CheckedRules, RowsOfSources, SidesOf } from "./types/ends.ts"
import type { Follow } from "./types/steps.ts"

export type { Columns, ColumnsOf, RowOf, WithColumns } from "./types/Columns.ts"
export type { GivesNoBoolean, NoSuchColumn, RowsDoNotFit } from "./types/steps.ts"

/** A pipeline whose rows behind the last step have these columns. */
export interface TypedPipeline<C extends Columns = AnyColumns> extends PipelineDefinition, WithColumns<C> {}

type Followed<Sources extends ReadonlyArray<SourceDefinition>, Steps extends ReadonlyArray<StepDefinition>> = Follow<
  Steps,
  RowsOfSources<Sources, Steps>,
  SidesOf<Sources>
>

/** Infers `T` from what is written, and then checks that against `Checked`, whose messages are better than those of an intersection. */
type Written<T, Checked> = [T] extends [never] ? T : NoInfer<Checked>

/** A pipeline with the keys of the pipeline file. Gives what it gets: it is there for types and completion. */
export const pipeline = <
  const Sources extends ReadonlyArray<SourceDefinition>,
  const Destinations extends ReadonlyArray<DestinationDefinition>,
  const Steps extends ReadonlyArray<StepDefinition> = [],
  const Rules extends NonNullable<PipelineDefinition["schema"]> = {},
>(
  definition: Omit<PipelineDefinition, "sources" | "transforms" | "schema" | "destinations"> & {
    readonly sources: Sources
    readonly transforms?: Written<Steps, Followed<Sources, Steps>["steps"]>
    readonly schema?: Written<Rules, CheckedRules<Rules, Followed<Sources, Steps>["columns"]>>
    readonly destinations: Written<Destinations, CheckedDestinations<Destinations, Followed<Sources, Steps>["columns"]>>
  },
): TypedPipeline<Followed<Sources, Steps>["columns"]> => definition as PipelineDefinition

/** A source that gives these columns and no others. They become the `columns` of its definition, which go over what is inferred. */
export const typedSource = <const Source extends SourceDefinition, const C extends Columns<ColumnType>>(
  source: Source,
  columns: C,
): Source & { readonly columns: C } & WithColumns<C> => ({ ...source, columns })

/** A destination that takes these columns and no others. Gives the definition as it is: the compiler alone knows of the columns. */
export const typedDestination = <const Destination extends DestinationDefinition, const C extends Columns>(
  destination: Destination,
  _columns: C,
): Destination & WithColumns<C> => destination
