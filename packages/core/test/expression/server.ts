/** A PostgreSQL 18 of its own for a test, with a client. */
import postgres from "postgres"
import { missingServer, startPostgres } from "../../../../scripts/postgresServer.ts"

export { missingServer }

/** One connection, so that what is made in a session stays. */
export type Client = postgres.Sql

export interface Server {
  readonly client: Client
  readonly stop: () => Promise<void>
}

export const startServer = async (): Promise<Server> => {
  const { folder, port, stop } = await startPostgres()
  const client = postgres({ path: `${folder}/.s.PGSQL.${port}`, user: "postgres", database: "postgres", max: 1, onnotice: () => {} })
  return {
    client,
    stop: async () => {
      await client.end()
      await stop()
    },
  }
}
