import { createServer } from "node:net"
import { nodeFiles } from "@deltaflow/core/node"
import { DestinationError, type PluginContext } from "@deltaflow/core"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import type { PgClientClass } from "./driver.ts"
import { writeFailure } from "./failures.ts"
import type { ConnectionConfig } from "./options.ts"
import { quoteName } from "./quote.ts"
import { Session } from "./session.ts"

const context = {
  name: "out",
  projectRoot: import.meta.dirname,
  allowOutside: false,
  files: nodeFiles(),
} as unknown as PluginContext

/** The package brings no types. */
const packageName: string = "pg"
const pg = ((await import(packageName)) as { readonly default: { readonly Client: PgClientClass } }).default

const redacted = (url: string): ConnectionConfig => ({ connection: Redacted.make(url) })

const missing = await missingServer()

it.runIf(missing !== undefined)(`sessions are tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("a session", () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  const url = (path = "/postgres", user = "postgres:s3cret") => `postgres://${user}@127.0.0.1:${server.port}${path}`
  const open = (config: ConnectionConfig) => Session.open({ config, context, host: undefined, Failure: DestinationError })
  const failure = async (attempt: Promise<unknown>, session?: Session): Promise<DestinationError> =>
    await attempt.then(
      () => expect.unreachable("it should fail"),
      (cause: unknown) => writeFailure(session?.place("out", "public.t") ?? { name: "out", server: "there" }, cause),
    )
  const using = async <A>(config: ConnectionConfig, use: (session: Session) => Promise<A>): Promise<A> => {
    const session = await open(config)
    try {
      return await use(session)
    } finally {
      expect(await session.close()).toBeUndefined()
    }
  }

  it("gives every value as the text that it is", async () => {
    const rows = await using(redacted(url()), async (session) => {
      await session.begin()
      return await session.query(
        "SELECT $1::int8 AS a, 'infinity'::timestamptz AS b, NULL AS c, '{1,NULL}'::int[] AS d, current_setting('timezone') AS e",
        ["9007199254740993"],
      )
    })
    expect(rows).toEqual([{ a: "9007199254740993", b: "infinity", c: null, d: "{1,NULL}", e: "UTC" }])
  })

  it("takes naughty names and copies bytes both ways", async () => {
    const name = `a"b'; DROP TABLE x -- \\ 😀 ${"é".repeat(3)}`
    const text = Array.from({ length: 100_000 }, (_, i) => `${i},"a ""b"" ${i}"\n`).join("")
    await using(redacted(url()), async (session) => {
      await session.begin()
      await session.query(`CREATE TABLE ${quoteName(name)} (${quoteName(name)} int8, b text)`)
      await session.copyIn(
        { table: quoteName(name), columns: [quoteName(name), "b"], types: ["bigint", "text"], format: "csv" },
        Buffer.from(text),
      )
      const blocks: Array<Uint8Array> = []
      for await (const block of session.copyOut(`COPY ${quoteName(name)} TO STDOUT (FORMAT csv, FORCE_QUOTE (b))`, 10_000)) {
        // What is given back is written over by rows to come, and what is not stays.
        blocks.push(blocks.length % 3 === 0 ? block.bytes : Buffer.from(block.bytes))
        if (blocks.length % 3 !== 1) block.release()
      }
      expect(Buffer.concat(blocks).equals(Buffer.from(text))).toBe(true)
      expect(blocks.length).toBeGreaterThan(100)
      expect(await session.execute(`DELETE FROM ${quoteName(name)} WHERE ${quoteName(name)} < 10`)).toBe(10)
    })
    await using(redacted(url()), async (session) => {
      expect(await session.query("SELECT 1 FROM pg_class WHERE relname = $1", [name])).toEqual([])
    })
  })

  it("tells the line and column that COPY refuses, and goes on after a rollback to a savepoint", async () => {
    await using(redacted(url()), async (session) => {
      await session.begin()
      await session.query("CREATE TEMP TABLE t (a int)")
      await session.query("SAVEPOINT s")
      const bytes = Buffer.from(`1\nx\n${"2\n".repeat(500_000)}`)
      await expect(session.copyIn({ table: "t", columns: ["a"], types: ["integer"], format: "csv" }, bytes)).rejects.toMatchObject({
        code: "22P02",
        where: 'COPY t, line 2, column a: "x"',
      })
      await session.query("ROLLBACK TO s")
      await session.copyIn({ table: "t", columns: ["a"], types: ["integer"], format: "csv" }, Buffer.from("1\n"))
      expect(await session.query("SELECT a FROM t")).toEqual([{ a: "1" }])
    })
  })

  it("cancels what runs when it is closed", async () => {
    const session = await open(redacted(url()))
    await session.begin()
    const sleeping = session.query("SELECT pg_sleep(100)")
    const [slept, closed] = await Promise.allSettled([sleeping, session.close()])
    expect(slept).toMatchObject({ status: "rejected", reason: { code: "57014" } })
    expect(closed).toEqual({ status: "fulfilled", value: undefined })
    await using(redacted(url()), async (other) => {
      expect(await other.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%sleep(100)%' AND pid <> pg_backend_pid()")).toEqual([])
    })
  })

  it("uses the host's pool or client, and leaves it as it was", async () => {
    const pool = new (
      pg as unknown as { Pool: new (config: unknown) => import("./driver.ts").PgPool & { end: () => Promise<void>; idleCount: number } }
    ).Pool({ connectionString: url(), max: 1 })
    for (let i = 0; i < 2; i++) {
      const session = await Session.open({ config: {}, context, host: pool, Failure: DestinationError })
      await session.begin()
      await session.query("CREATE TABLE left_behind (a int)")
      expect(await session.close()).toBeUndefined()
    }
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1])
    await pool.end()
    const client = new pg.Client({ connectionString: url() })
    await client.connect()
    const session = await Session.open({ config: {}, context, host: client, Failure: DestinationError })
    await session.begin()
    expect(await session.close()).toBeUndefined()
    expect(
      await client.query({ text: "SELECT current_setting('datestyle') AS d", types: { getTypeParser: () => (text: string) => text } }),
    ).toMatchObject({
      rows: [{ d: "ISO, MDY" }],
    })
    await client.end()
  })

  it("says what is wrong, where, and what to do, without the password", async () => {
    const closed = createServer()
    const port = await new Promise<number>((resolve) =>
      closed.listen(0, "127.0.0.1", () => resolve((closed.address() as { port: number }).port)),
    )
    await new Promise((resolve) => closed.close(resolve))
    const cases: ReadonlyArray<readonly [() => Promise<unknown>, Record<string, unknown>, RegExp]> = [
      [() => open(redacted(url("/none"))), { retryable: false }, /database "none" does not exist. Check the name of the database/],
      [() => open(redacted(url("/postgres", "nobody:s3cret"))), { retryable: false }, /role "nobody" does not exist. Check/],
      [() => open(redacted(`postgres://u:s3cret@127.0.0.1:${port}/d`)), { retryable: true }, /Nobody listens there/],
      [() => open(redacted("postgres://u:s3cret@none.invalid/d")), {}, /There is no such host|could not be looked up/],
      [() => open({ ...redacted(url()), ssl: "require" }), {}, /does not support SSL connections. Set ssl: disable/],
    ]
    for (const [attempt, fields, message] of cases) {
      const error = await failure(attempt())
      expect(error).toMatchObject({
        code: "OUTPUT_NOT_WRITABLE",
        path: ["out"],
        message: expect.stringMatching(message) as string,
        ...fields,
      })
      expect(`${error.message}${JSON.stringify(error)}`).not.toContain("s3cret")
    }
  })

  it.each([
    ["SELECT * FROM none", "OUTPUT_NOT_WRITABLE", false, /relation "none" does not exist. Check the names of schema and table/],
    ["SELECT none", "OUTPUT_NOT_WRITABLE", false, /column "none" does not exist. Check the names of the columns/],
    ["SET ROLE reader; SELECT * FROM secrets", "OUTPUT_NOT_WRITABLE", false, /permission denied for table secrets. Grant the user/],
    ["SELECT pg_sleep(5)", "STEP_TIMEOUT", false, /statement timeout. Raise statement_timeout/],
    ["DO $$ BEGIN RAISE serialization_failure; END $$", "OUTPUT_NOT_WRITABLE", true, /Run it again/],
    ["SELECT pg_terminate_backend(pg_backend_pid())", "OUTPUT_NOT_WRITABLE", true, /Run it again/],
  ])("%s is told as %s", async (text, code, retryable, message) => {
    const session = await open({ ...redacted(url()), statement_timeout: 200 })
    await session.query("CREATE TABLE IF NOT EXISTS secrets (a int)")
    await session.query("DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    await session.begin()
    expect(await failure(session.query(text), session)).toMatchObject({
      code,
      retryable,
      message: expect.stringMatching(message) as string,
    })
    await session.close()
  })

  it("does not know whether a commit was done when the connection is lost in it", async () => {
    const session = await open(redacted(url()))
    await session.begin()
    await session.query("CREATE TEMP TABLE t (a int)")
    await session.query(
      "CREATE FUNCTION pg_temp.ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$; CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.ends(); INSERT INTO t VALUES (1)",
    )
    expect(await failure(session.commit(), session)).toMatchObject({ retryable: true })
    await session.close()
  })
})
