/** What both forms of plugins say of themselves, the Promise form of `define.ts` and the Effect form of `defineEffect.ts`. */
import type { ColumnType } from "../model/ColumnType.ts"
import type { CursorValue } from "../model/Cursor.ts"
import { anyConfig } from "./anyConfig.ts"
import type { Delivery, Destination, WriteMode } from "./Destination.ts"
import type { StandardSchema } from "./Plugin.ts"
import type { Source, SourceRequest } from "./Source.ts"

/** Rows with the cursor that holds once they are durable; or the rows alone, where the source keeps none. */
export type Yielded = ReadonlyArray<object> | { readonly rows: ReadonlyArray<object>; readonly cursor?: CursorValue }

/** What a source is asked for, with its own cursor type. */
export type ReadRequest<Config, Cursor> = Omit<SourceRequest<Config>, "cursor"> & { readonly cursor: Cursor | undefined }

export interface SourceTraits<Config> {
  readonly type: string
  readonly summary?: string
  /** Any Standard Schema: Effect Schema, Zod, Valibot, ArkType. Without one the config is handed on as it is. */
  readonly config?: StandardSchema<any, Config>
  /** Declared column types, by name; without them types are taken from the rows. */
  readonly columns?: Readonly<Record<string, ColumnType>>
  readonly cursorVersion?: number
  readonly migrateCursor?: (cursor: CursorValue, fromVersion: number) => CursorValue
}

/** A source but for what opens it. */
export const sourceFields = <Config>(traits: SourceTraits<Config>): Omit<Source<Config>, "open"> => ({
  kind: "source",
  type: traits.type,
  summary: traits.summary ?? "",
  config: traits.config ?? anyConfig<Config>(),
  supportsIncremental: true,
  ...(traits.cursorVersion === undefined ? {} : { cursorVersion: traits.cursorVersion }),
  ...(traits.migrateCursor === undefined ? {} : { migrateCursor: traits.migrateCursor }),
})

export interface DestinationTraits<Config> {
  readonly type: string
  readonly summary?: string
  readonly config?: StandardSchema<any, Config>
  /** Default `none`: at least once. Claim more only where the laws of `@deltaflow/testing` hold. */
  readonly delivery?: Delivery
  /** Default `["append"]`. */
  readonly writeModes?: ReadonlyArray<WriteMode>
  /** Whether `open` does what `changes` of its request says. Needed for `merge`, `scd2` and `hard_deletes`. Default false. */
  readonly takesChanges?: boolean
}

/** A destination but for what opens it. */
export const destinationFields = <Config>(traits: DestinationTraits<Config>): Omit<Destination<Config>, "checkpoint" | "open"> => ({
  kind: "destination",
  type: traits.type,
  summary: traits.summary ?? "",
  config: traits.config ?? anyConfig<Config>(),
  delivery: traits.delivery ?? "none",
  writeModes: traits.writeModes ?? ["append"],
  ...(traits.takesChanges === undefined ? {} : { takesChanges: traits.takesChanges }),
})
