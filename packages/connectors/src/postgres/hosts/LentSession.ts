/** A load's session on a transaction of a library that keeps its connections to itself: rows go as values of a statement, not by COPY. */
import type { PgRow } from "../driver.ts"
import type { Place } from "../failures.ts"
import type { ConnectionConfig } from "../options.ts"
import { Savepoint } from "../savepoint.ts"
import { type CopyTarget, type LoadSession, settingsFor } from "../session.ts"
import { csvValues } from "./csvValues.ts"
import { lentNested, lentQuery, type PostgresTransaction } from "./index.ts"
import type { Query } from "./Query.ts"

export class LentSession implements LoadSession {
  readonly keepsCopies = false
  /** Values are read from CSV. */
  readonly takesText = false
  /** For what begins and ends savepoints, and for all else. */
  private readonly control: Query
  private readonly nested: Query
  private readonly config: ConnectionConfig
  private savepoint: Savepoint | undefined
  private pending: Promise<unknown> | undefined

  constructor(tx: PostgresTransaction, config: ConnectionConfig) {
    this.control = lentQuery(tx)
    this.nested = lentNested(tx)
    this.config = config
  }

  async query(text: string, values: ReadonlyArray<unknown> = []): Promise<ReadonlyArray<PgRow>> {
    if (!/^\s*(SELECT|WITH)\b/.test(text)) return await this.run(text, values)
    // One text for each row, so that the library has no say in types and names.
    const rows = await this.run(`SELECT row_to_json(found)::text AS found FROM (${text}) AS found`, values)
    return rows.map(({ found }) => textsOf(JSON.parse(found!) as Readonly<Record<string, unknown>>))
  }

  async execute(text: string, values: ReadonlyArray<unknown> = []): Promise<number> {
    const [done] = await this.run(`WITH done AS (${text} RETURNING 1) SELECT count(*)::text AS rows FROM done`, values)
    return Number(done!["rows"])
  }

  async script(statements: ReadonlyArray<string>): Promise<void> {
    for (const text of statements) await this.run(text, [])
  }

  async copyIn({ table, columns, types }: CopyTarget, bytes: Uint8Array): Promise<void> {
    const places = columns.map((_, i) => `v${i}`)
    const rows = csvValues(bytes).map((values) => Object.fromEntries(values.map((value, i) => [places[i]!, value])))
    // A text becomes a value as COPY makes one of it, but in a column of JSON, where it would stay a text.
    const isJson = types.map((type) => /^jsonb?$/.test(type))
    const shape = places.map((name, i) => `${name} ${isJson[i] ? "text" : types[i]!}`).join(", ")
    const selected = places.map((name, i) => (isJson[i] ? `${name}::${types[i]!}` : name)).join(", ")
    await this.run(
      `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${selected}
       FROM ROWS FROM (json_to_recordset($1::json) AS (${shape})) WITH ORDINALITY AS given (${places.join(", ")}, n) ORDER BY n`,
      [JSON.stringify(rows)],
    )
  }

  startCopy(): never {
    throw new Error("no COPY stays open here")
  }

  async begin(): Promise<void> {
    this.savepoint = await Savepoint.set(this, settingsFor(this.config))
  }

  async commit(): Promise<void> {
    await this.savepoint?.keep()
    this.savepoint = undefined
  }

  /** Waits for what runs, and undoes what was not committed. Gives what could not be cleaned up. */
  async close(): Promise<unknown> {
    try {
      await this.pending?.catch(() => {
        // Told to whoever asked.
      })
      await this.savepoint?.undo()
      return undefined
    } catch (cause) {
      return cause
    } finally {
      this.savepoint = undefined
    }
  }

  place(name: string, table?: string): Place {
    return { name, server: undefined, ...(table === undefined ? {} : { table }) }
  }

  private async run(text: string, values: ReadonlyArray<unknown>): Promise<ReadonlyArray<PgRow>> {
    const query = /^(SAVEPOINT|ROLLBACK|RELEASE) /.test(text) ? this.control : this.nested
    const running = query(text, values as ReadonlyArray<string | null>)
    this.pending = running
    return await running
  }
}

/** As PostgreSQL writes them. */
const textsOf = (row: Readonly<Record<string, unknown>>): PgRow =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (value === null || typeof value === "string") return [name, value]
      if (typeof value === "boolean") return [name, value ? "t" : "f"]
      return [name, JSON.stringify(value)]
    }),
  )
