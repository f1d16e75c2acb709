import { type Destination, DestinationError, type Load, type PluginContext } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { connectionCheck } from "./check.ts"
import { readCheckpoint } from "./checkpoints.ts"
import { type GivenHost, hostOf } from "./driver.ts"
import { lentClient, type PostgresTransaction } from "./hosts/index.ts"
import { LentSession } from "./hosts/LentSession.ts"
import { writeFailure } from "./failures.ts"
import { PostgresLoad } from "./load.ts"
import { type ConnectionConfig, connectionFields } from "./options.ts"
import { ConnectionProblem } from "./settings.ts"
import { type LoadSession, Session } from "./session.ts"

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

type Context<C> = PluginContext & { readonly config: C }

interface Connections<C> {
  readonly open: (context: Context<C>) => Promise<LoadSession>
  /** Of a load, for as long as it is open. Throws where there cannot be another; gives what ends it. */
  readonly claim?: () => () => void
  readonly check?: Destination<C>["check"]
  readonly isProvisional: boolean
}

const makeDestination = <C extends Config>(config: Destination<C>["config"], connections: Connections<C>): Destination<C> => {
  const { open, claim = () => () => undefined, check, isProvisional } = connections
  const openSession = (context: Context<C>) =>
    Effect.acquireRelease(
      Effect.tryPromise({
        try: () => open(context),
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
    ...(check === undefined ? {} : { check }),
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
        yield* Effect.acquireRelease(
          Effect.try({ try: claim, catch: (cause) => writeFailure({ name: request.name, server: undefined }, cause) }),
          (end) => Effect.sync(end),
        )
        const session = yield* openSession(request)
        const load = new PostgresLoad(session, request)
        const attempt = <A>(run: () => Promise<A>) =>
          Effect.tryPromise({ try: run, catch: (cause) => writeFailure(session.place(request.name, tableOf(request.config)), cause) })
        yield* attempt(() => load.open())
        return {
          label: request.config.table,
          commitsEarly: request.writeMode !== "replace" && request.changes?.absence !== true,
          releases: true,
          isProvisional,
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
  {
    open: (context) => Session.open({ config: context.config, context, host: undefined, Failure: DestinationError }),
    check: connectionCheck(CheckConfig, undefined, DestinationError, writeFailure),
    isProvisional: false,
  },
)

/** The same over a pool or a client of the host's, which is never closed: definitions then name no `connection`. */
export const postgresDestinationOver = (host: GivenHost): Destination<typeof HostedConfig.Type> =>
  makeDestination(Schema.toStandardSchemaV1(HostedConfig), {
    open: (context) => Session.open({ config: context.config, context, host: hostOf(host), Failure: DestinationError }),
    check: connectionCheck(HostedCheckConfig, hostOf(host), DestinationError, writeFailure),
    isProvisional: false,
  })

/**
 * The same within a transaction that the host has begun and will end: a client of `pg`, or what the transaction of postgres.js, Drizzle,
 * Kysely, Knex or Prisma gives. Rows, checkpoint and what the host writes itself commit together, or are all gone. It is never committed,
 * rolled back or closed here; a run that fails leaves nothing in it. Definitions then name no `connection`.
 *
 * Await the run before the transaction is used again. Rows go by COPY over `pg` and Knex, else as values of statements.
 */
export const postgresDestinationWithin = (tx: PostgresTransaction): Destination<typeof HostedConfig.Type> =>
  makeDestination(Schema.toStandardSchemaV1(HostedConfig), {
    open: (context) => sessionWithin(tx, context.config),
    claim: () => claimed(tx),
    isProvisional: true,
  })

const sessionWithin = async (tx: PostgresTransaction, config: ConnectionConfig): Promise<LoadSession> => {
  const client = lentClient(tx)
  return client === undefined ? new LentSession(tx, config) : Session.within(await client(), config)
}

/** Transactions that a load is in. */
const taken = new WeakSet<PostgresTransaction>()

/** A transaction is one row of statements, which two loads at once would mix up. Gives what ends the claim. */
const claimed = (tx: PostgresTransaction): (() => void) => {
  if (taken.has(tx))
    throw new ConnectionProblem(
      "tx",
      "another load is in this transaction. Let runs within it follow each other, each with one destination in it",
    )
  taken.add(tx)
  return () => void taken.delete(tx)
}

const tableOf = ({ schema = "public", table }: Config): string => `${schema}.${table}`

/** What cannot be cleaned up is told and left: the run has ended by now, one way or the other. */
const closeSession = async (session: LoadSession, { name, log }: PluginContext): Promise<void> => {
  const problem = await session.close()
  if (problem !== undefined) log.warn(writeFailure(session.place(name), problem).message)
}
