/** Options that the source and the destination share: where the server is, and how long to wait for it. */
import { Duration } from "@deltaflow/core/units"
import * as Schema from "effect/Schema"

const text = (description: string) => Schema.optionalKey(Schema.NonEmptyString.annotate({ description }))

/** PostgreSQL counts milliseconds in 32 bits. */
const LONGEST_MS = 2_147_483_647

const wait = (description: string) =>
  Schema.optionalKey(
    Duration.check(Schema.isLessThanOrEqualTo(LONGEST_MS, { expected: "a duration of 24 days at most" })).annotate({ description }),
  )

const port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))

export const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const

export type SslMode = (typeof sslModes)[number]

const Server = Schema.Struct({
  host: text("Name or address of the server, or the folder of its socket. Default: PGHOST, then localhost."),
  port: Schema.optionalKey(port.annotate({ description: "Default: PGPORT, then 5432." })),
  database: text("Default: PGDATABASE, then the name of the user."),
  user: text("Default: PGUSER, then the user of the process."),
  password: Schema.optionalKey(
    Schema.RedactedFromValue(Schema.String).annotate({ description: "Default: PGPASSWORD, then the file ~/.pgpass." }),
  ),
})

const Ssl = Schema.Struct({
  mode: Schema.Literals(sslModes).annotate({ description: "As `sslmode` of libpq." }),
  ca: text("File with the certificates to trust, relative to the project. Default: those that Node trusts."),
  cert: text("File with the client's certificate."),
  key: text("File with the client's key."),
})

/** Fields of a config. */
export const connectionFields = {
  connection: Schema.Union([Schema.RedactedFromValue(Schema.NonEmptyString), Server]).annotate({
    description:
      "Where the server is: `postgres://user:password@host:5432/database`, or its parts: `host`, `port`, `database`, `user`, `password`.",
  }),
  ssl: Schema.optionalKey(
    Schema.Union([Schema.Literals(sslModes), Ssl]).annotate({
      description:
        "`disable`, `prefer`, `require`, `verify-ca` or `verify-full`, as libpq has them; or `{ mode, ca, cert, key }` with files. Default: `sslmode` of the URL, then `prefer`.",
    }),
  ),
  connect_timeout: wait("Longest wait for a connection. Default: 10s."),
  statement_timeout: wait("Longest time of one statement on the server. Default: as the server has it."),
  lock_timeout: wait("Longest wait for a lock that others hold. Default: 60s."),
  application_name: text("How the connection is called in `pg_stat_activity`. Default: deltaflow."),
}

const Connection = Schema.Struct(connectionFields)

/** A decoded config with these fields; `connection` is absent where the host brings a pool or a client. */
export type ConnectionConfig = Omit<typeof Connection.Type, "connection"> & Partial<Pick<typeof Connection.Type, "connection">>

export type SslConfig = typeof Ssl.Type
