import { type Destination, DestinationError, type Load, type PluginContext } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { connectionCheck } from "./check.ts"
import { readCheckpoint } from "./checkpoints.ts"
import { type GivenHost, hostOf, type PgHost } from "./driver.ts"
import { writeFailure } from "./failures.ts"
import { PostgresLoad } from "./load.ts"
import { type ConnectionConfig, connectionFields } from "./options.ts"
import { Session } from "./session.ts"

const tableFields = {
  schema: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The schema of the table. Default: public." })),
  table: Schema.NonEmptyString.annotate({ description: "The table to write." }),
  create: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Whether to make the table from the rows' columns where it is not there. Default: true." }),
  ),
}

export const PostgresDestinationConfig = Schema.Struct({ ...connectionFields, ...tableFields })

const { connection: _, ...otherFields } = connectionFields
const HostedConfig = Schema.Struct({ ...otherFields, ...tableFields })

/** A connection can be tried before one knows the table. */
const CheckConfig = Schema.toStandardSchemaV1(
  Schema.Struct({ ...connectionFields, ...tableFields, table: Schema.optionalKey(tableFields.table) }),
)
const HostedCheckConfig = Schema.toStandardSchemaV1(
  Schema.Struct({ ...otherFields, ...tableFields, table: Schema.optionalKey(tableFields.table) }),
)

type Config = ConnectionConfig & { readonly schema?: string; readonly table: string; readonly create?: boolean }

const makeDestination = <C extends Config>(config: Destination<C>["config"], host: PgHost | undefined): Destination<C> => {
  const openSession = (context: PluginContext & { readonly config: C }) =>
    Effect.acquireRelease(
      Effect.tryPromise({
        try: () => Session.open({ config: context.config, context, host, Failure: DestinationError }),
        catch: (cause) => writeFailure({ name: context.name, server: undefined }, cause),
      }),
      (session) => Effect.promise(() => closeSession(session, context)),
    )
  return {
    kind: "destination",
    type: "postgres",
    summary: "A table of PostgreSQL",
    config,
    delivery: "transactional",
    writeModes: ["append", "replace", "upsert", "merge", "scd2"],
    takesChanges: true,
    check:
      host === undefined
        ? connectionCheck(CheckConfig, host, DestinationError, writeFailure)
        : connectionCheck(HostedCheckConfig, host, DestinationError, writeFailure),
    checkpoint: (context) =>
      Effect.scoped(
        Effect.gen(function* () {
          const session = yield* openSession(context)
          return yield* Effect.tryPromise({
            try: () => readCheckpoint(session, context.config.schema ?? "public", context.pipeline, context.name),
            catch: (cause) => writeFailure(session.place(context.name, tableOf(context.config)), cause),
          })
        }),
      ),
    open: (request) =>
      Effect.gen(function* () {
        const session = yield* openSession(request)
        const load = new PostgresLoad(session, request)
        const attempt = <A>(run: () => Promise<A>) =>
          Effect.tryPromise({ try: run, catch: (cause) => writeFailure(session.place(request.name, tableOf(request.config)), cause) })
        yield* attempt(() => load.open())
        return {
          label: request.config.table,
          commitsEarly: request.writeMode !== "replace" && request.changes?.absence !== true,
          releases: true,
          write: (batch) => attempt(() => load.write(batch)),
          commit: (checkpoint, final, rows = { areAll: false }) => attempt(() => load.commit(checkpoint, final, rows)),
        } satisfies Load
      }),
  }
}

/**
 * A table of PostgreSQL, by the package `pg`.
 *
 * Delivery: exactly once; rows and checkpoint commit in one transaction, in the table `_deltaflow_checkpoints` of the same schema. Order:
 * as they come. Readers see the old rows until the commit, in every mode. Deletes: not seen.
 */
export const postgresDestination: Destination<typeof PostgresDestinationConfig.Type> = makeDestination(
  Schema.toStandardSchemaV1(PostgresDestinationConfig),
  undefined,
)

/** The same over a pool or a client of the host's, which is never closed: definitions then name no `connection`. */
export const postgresDestinationOver = (host: GivenHost): Destination<typeof HostedConfig.Type> =>
  makeDestination(Schema.toStandardSchemaV1(HostedConfig), hostOf(host))

const tableOf = ({ schema = "public", table }: Config): string => `${schema}.${table}`

/** What cannot be cleaned up is told and left: the run has ended by now, one way or the other. */
const closeSession = async (session: Session, { name, log }: PluginContext): Promise<void> => {
  const problem = await session.close()
  if (problem !== undefined) log.warn(writeFailure(session.place(name), problem).message)
}
