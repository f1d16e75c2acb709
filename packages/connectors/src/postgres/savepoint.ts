/** A part of a transaction that the host has begun and will end: what is done in it stays or goes as a whole. */
import type { LoadSession } from "./session.ts"

type SavepointSession = Pick<LoadSession, "query" | "script">

const NAME = "deltaflow_load"

export class Savepoint {
  private readonly session: SavepointSession
  /** What the host has set. */
  private readonly settings: Readonly<Record<string, string | null>>

  private constructor(session: SavepointSession, settings: Savepoint["settings"]) {
    this.session = session
    this.settings = settings
  }

  /** With settings that hold until it ends. */
  static async set(session: SavepointSession, settings: Readonly<Record<string, string>>): Promise<Savepoint> {
    await session.query(`SAVEPOINT ${NAME}`)
    const names = Object.keys(settings)
    const [before] = await session.query(`SELECT ${names.map((name) => `current_setting('${name}') AS ${name}`).join(", ")}`)
    await assign(session, settings)
    return new Savepoint(session, before!)
  }

  /** What was done is the host's now. Tables of the load, which would go with its own transaction, go here. */
  async keep(): Promise<void> {
    await this.session.query("DROP TABLE IF EXISTS pg_temp._deltaflow_rows, pg_temp._deltaflow_keys")
    await assign(this.session, this.settings)
    await this.session.query(`RELEASE SAVEPOINT ${NAME}`)
  }

  /** As if nothing had been done, settings too. */
  async undo(): Promise<void> {
    await this.session.script([`ROLLBACK TO SAVEPOINT ${NAME}`, `RELEASE SAVEPOINT ${NAME}`])
  }
}

const assign = async (session: SavepointSession, settings: Readonly<Record<string, string | null>>): Promise<void> => {
  const names = Object.keys(settings)
  const calls = names.map((name, i) => `set_config('${name}', $${i + 1}::text, true) AS ${name}`)
  await session.query(
    `SELECT ${calls.join(", ")}`,
    names.map((name) => settings[name]),
  )
}
