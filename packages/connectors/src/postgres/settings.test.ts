import type { PluginContext } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { PostgresDestinationConfig } from "./destination.ts"
import { writeFailure } from "./failures.ts"
import type { ConnectionConfig } from "./options.ts"
import { settingsOf } from "./settings.ts"

const context = {
  name: "out",
  projectRoot: import.meta.dirname,
  allowOutside: false,
  files: nodeFiles(),
} as unknown as PluginContext

const redacted = (url: string): ConnectionConfig => ({ connection: Redacted.make(url) })

describe("the options of a connection", () => {
  it("are read from a URL as libpq reads it", async () => {
    const url = "postgresql://a%40b:p%2Fw%25@[::1]:6543/my%20db?sslmode=disable&application_name=x&connect_timeout=3"
    expect(await settingsOf(redacted(url), context)).toMatchObject({
      mode: "disable",
      client: {
        user: "a@b",
        password: "p/w%",
        host: "::1",
        port: 6543,
        database: "my db",
        application_name: "x",
        connectionTimeoutMillis: 3000,
      },
    })
    const socket = await settingsOf(redacted("postgres:///shop?host=/run/pg&port=5433"), context)
    expect(socket).toMatchObject({ mode: "disable", client: { host: "/run/pg", port: 5433, database: "shop" } })
    expect((await settingsOf(redacted("postgres://%2Frun%2Fpg/shop"), context)).client).toMatchObject({ host: "/run/pg" })
  })

  it("take durations as all options do", async () => {
    const decode = Schema.decodeUnknownSync(PostgresDestinationConfig)
    const config = decode({
      connection: "postgres://h/d",
      table: "t",
      connect_timeout: "200ms",
      statement_timeout: "5m",
      lock_timeout: 1.5,
    })
    expect(config).toMatchObject({ connect_timeout: 200, statement_timeout: 300_000, lock_timeout: 1500 })
    expect((await settingsOf(config, context)).client).toMatchObject({ connectionTimeoutMillis: 200 })
    expect((await settingsOf(redacted("postgres://h/d"), context)).client).toMatchObject({ connectionTimeoutMillis: 10_000 })
    const late = () => decode({ connection: "postgres://h/d", table: "t", lock_timeout: "25d" })
    expect(late).toThrow("a duration of 24 days at most")
  })

  it("trust whom the mode of ssl says", async () => {
    const tls = async (ssl: ConnectionConfig["ssl"]) =>
      (await settingsOf({ ...redacted("postgres://h/d"), ...(ssl === undefined ? {} : { ssl }) }, context)).tls
    expect(await tls("require")).toMatchObject({ rejectUnauthorized: false })
    expect(await tls(undefined)).toMatchObject({ rejectUnauthorized: false })
    expect(await tls({ mode: "require", ca: "quote.ts" })).toMatchObject({
      rejectUnauthorized: true,
      ca: expect.stringContaining("quoteName") as string,
    })
    expect(await tls("verify-ca")).toMatchObject({ rejectUnauthorized: true, checkServerIdentity: expect.any(Function) as unknown })
    expect(await tls("verify-full")).not.toHaveProperty("checkServerIdentity")
    await expect(tls({ mode: "verify-ca", ca: "none.pem" })).rejects.toThrow("there is no file none.pem")
  })

  it.each([
    ["mysql://u:s3cret@h/d", /is no URL of PostgreSQL/],
    ["s3cret", /is no URL of PostgreSQL/],
    ["postgres://u:s3cret%zz@h/d", /starts no code of a sign/],
    ["postgres://u:s3cret@h/d?sslmode=s3cret", /none of disable, prefer/],
    ["postgres://u:s3cret@h/d?target=x", /its parameter target is not known/],
    ["postgres://u:s3cret@h/d?connect_timeout=s3cret", /its connect_timeout is no whole number/],
  ])("are refused without a word of %s", async (url, message) => {
    const failure: unknown = await settingsOf(redacted(url), context).catch((cause: unknown) =>
      writeFailure({ name: "out", server: undefined }, cause),
    )
    expect(failure).toMatchObject({ code: "INVALID_VALUE", message: expect.stringMatching(message) as string, path: ["out", "connection"] })
    expect((failure as Error).message).not.toContain("s3cret")
  })
})
