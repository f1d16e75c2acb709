/** A test of the connection: who answers there, and which tables there are. Nothing is read of them. */
import type { ConnectionCheck, ConnectionFacts, DeltaflowError, PluginContext, StandardSchema } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import type { PgHost } from "./driver.ts"
import type { Place } from "./failures.ts"
import type { ConnectionConfig } from "./options.ts"
import { Session, type SessionOptions } from "./session.ts"

/** More than these nobody reads. */
const MOST_TABLES = 200

export const connectionCheck = <C extends ConnectionConfig, E extends DeltaflowError>(
  config: StandardSchema<unknown, C>,
  host: PgHost | undefined,
  Failure: SessionOptions["Failure"],
  failure: (place: Place, cause: unknown) => E,
): ConnectionCheck<C, E> => ({
  config,
  run: (context) =>
    Effect.acquireUseRelease(
      Effect.tryPromise({
        try: () => Session.open({ config: context.config, context, host, Failure }),
        catch: (cause) => failure({ name: context.name, server: undefined }, cause),
      }),
      (session) => Effect.tryPromise({ try: () => factsOf(session), catch: (cause) => failure(session.place(context.name), cause) }),
      (session) => Effect.promise(() => close(session, context, failure)),
    ),
})

const factsOf = async (session: Session): Promise<ConnectionFacts> => {
  await session.begin("READ ONLY")
  const [server] = await session.query("SELECT current_setting('server_version') AS version, current_database() AS database")
  const tables = await session.query(
    `SELECT format('%I.%I', nspname, relname) AS name
     FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
       AND has_table_privilege(pg_class.oid, 'SELECT')
     ORDER BY nspname COLLATE "C", relname COLLATE "C" LIMIT ${MOST_TABLES}`,
  )
  return { server_version: server!["version"]!, database: server!["database"]!, tables: tables.map(({ name }) => name!) }
}

const close = async (session: Session, { name, log }: PluginContext, failure: (place: Place, cause: unknown) => Error): Promise<void> => {
  const problem = await session.close()
  if (problem !== undefined) log.warn(failure(session.place(name), problem).message)
}
