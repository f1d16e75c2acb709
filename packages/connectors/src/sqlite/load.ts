/** One load into a table of SQLite: directly, within one transaction, or kept aside until the commit. */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import {
  type Batch,
  type BatchSchema,
  type Checkpoint,
  type ColumnSchema,
  type CommittedRows,
  DestinationError,
  type LoadRequest,
} from "@deltaflow/core"
import { MISREAD } from "../files/failures.ts"
import { absent, applyHistory, applyStep, NO_HISTORY, numberSteps, type Staged } from "../sql/changes.ts"
import { saveCheckpoint } from "./checkpoints.ts"
import { describeSqlite, quoteName, type SqliteValue, whenUnlocked } from "./database.ts"
import { declaredType, toSqlite } from "./types.ts"
import type { WriterPlace } from "./writers.ts"

type Config = { readonly table: string }

/** Rows that wait for the commit, with the columns that they have. */
interface Aside {
  readonly table: string
  readonly columns: ReadonlyArray<ColumnSchema>
}

export class SqliteLoad {
  private readonly database: DatabaseSync
  private readonly request: LoadRequest<Config>
  private readonly place: WriterPlace
  private columns: ReadonlyArray<ColumnSchema>
  private insert: StatementSync | undefined
  /** What this load has committed last. */
  private known: Checkpoint | undefined
  private inTransaction = false
  private isOpened = false
  /** Where all keys of the load are kept, to know at its end which are gone. */
  private hasKeys = false
  private asides: Array<Aside> = []
  private made = 0

  constructor(database: DatabaseSync, request: LoadRequest<Config>, place: WriterPlace) {
    this.database = database
    this.request = request
    this.place = place
    this.columns = request.schema.columns
  }

  /** Whether rows go into the table at once. Changes are made set by set, at the commit. */
  get writesDirectly(): boolean {
    return this.place.isFirst && this.request.changes === undefined
  }

  /** Looks at the table, and makes it where the load writes directly. */
  async open(): Promise<void> {
    if (this.writesDirectly) await this.ready()
    else this.missingColumns(this.request.schema)
  }

  /** All rows of the batch, or none: a batch that fails leaves nothing behind. */
  async write(batch: Batch): Promise<void> {
    if (batch.length === 0) return
    if (this.writesDirectly) await this.ready()
    const { columns } = batch.schema
    if (columns.length !== this.columns.length || columns.some((column, i) => column.name !== this.columns[i]!.name)) {
      if (this.writesDirectly) this.prepareTable(batch.schema)
      else this.missingColumns(batch.schema)
      this.columns = columns
      this.insert = undefined
    }
    this.insert ??= this.writesDirectly ? this.prepareInsert() : this.prepareAside()
    this.database.exec("SAVEPOINT batch")
    try {
      for (let i = 0; i < batch.length; i++) this.writeRow(batch, batch.physicalRow(i))
      this.database.exec("RELEASE batch")
    } catch (error) {
      this.database.exec("ROLLBACK TO batch; RELEASE batch")
      throw error
    }
  }

  /** Invariants 2 and 7: rows and checkpoint in one transaction, and only with an epoch that is not behind. */
  async commit(checkpoint: Checkpoint, final: boolean, rows: CommittedRows): Promise<Record<string, never>> {
    await this.ready()
    for (const aside of this.asides) this.takeAside(aside)
    this.asides = []
    if (final && rows.areAll && this.request.changes?.absence === true) this.deleteAbsent()
    const { database, request } = this
    saveCheckpoint(database, checkpoint, this.known ?? request.checkpoint, request.name)
    database.exec("COMMIT")
    this.known = checkpoint
    this.inTransaction = false
    if (this.place.isFirst) this.place.ended()
    return {}
  }

  /**
   * Begins a transaction where there is none, and makes the table at the first. A load whose rows are aside goes on without a pause to its
   * commit.
   */
  private async ready(): Promise<void> {
    if (this.inTransaction) return
    await whenUnlocked(async () => {
      if (!this.place.isFirst) await this.place.untilFree()
      this.database.exec("BEGIN IMMEDIATE")
    })
    this.inTransaction = true
    if (this.place.isFirst) this.place.begun()
    if (this.isOpened) return
    this.isOpened = true
    const { config, writeMode } = this.request
    const { columns } = this.request.schema
    // A source without rows may not know its columns, and then there is no table to make of them.
    const isThere = columns.length > 0 ? this.prepareTable({ columns }) : this.existingColumns().length > 0
    if (isThere && writeMode === "replace") this.database.exec(`DELETE FROM ${quoteName(config.table)}`)
  }

  /** A table of its own for each list of columns: what a row does not have must stay as it is in an upsert. */
  private prepareAside(): StatementSync {
    const { database, columns } = this
    const name = `aside_${this.made++}`
    const table = `temp.${name}`
    const places = columns.map((_, i) => `c${i}`)
    const steps = this.request.changes === undefined ? [] : ["step", "is_there"]
    // Without a type SQLite keeps values as they are.
    database.exec(`CREATE TEMP TABLE ${name} (${["row_number", ...places, ...steps].join(", ")})`)
    this.asides.push({ table, columns })
    return database.prepare(
      `INSERT INTO ${table} (${["row_number", ...places].join(", ")}) VALUES (${["?", ...places.map(() => "?")].join(", ")})`,
    )
  }

  private takeAside({ table, columns }: Aside): void {
    const { database } = this
    this.columns = columns
    this.insert = undefined
    this.prepareTable({ columns })
    if (this.request.changes !== undefined) return this.change({ table, columns })
    const places = columns.map((_, i) => `c${i}`).join(", ")
    database.exec("SAVEPOINT aside")
    try {
      // SQLite would read ON CONFLICT as part of a join where no WHERE stands before it.
      database.exec(this.insertInto(`SELECT ${places} FROM ${table} WHERE true ORDER BY rowid`))
    } catch (cause) {
      database.exec("ROLLBACK TO aside")
      throw this.findRow(table, cause)
    }
    database.exec(`RELEASE aside; DROP TABLE ${table}`)
  }

  /** Does what the rows say that wait in the table. */
  private change({ table, columns }: Aside): void {
    const { database, request } = this
    const { key, changes, config } = request
    const places = new Map(columns.map(({ name }, i) => [name, `s.c${i}`]))
    const value = (column: string): string => places.get(column)!
    const staged: Staged = {
      stage: table,
      order: "rowid",
      target: quoteName(config.table),
      columns: this.stored({ columns }).map(({ name }) => name),
      key,
      changes: changes!,
      quote: quoteName,
      value,
      comparable: (_, text) => text,
    }
    if (changes!.absence) this.keepKeys(staged)
    if (changes!.history === undefined) this.changeRows(staged)
    else for (const sql of this.historySql(staged)) database.exec(sql)
    database.exec(`DROP TABLE ${table}`)
  }

  private changeRows(staged: Staged): void {
    const { database } = this
    database.exec(numberSteps(staged))
    const { most } = database.prepare(`SELECT coalesce(max(step), 0) AS most FROM ${staged.stage}`).get() as { readonly most: number }
    const steps = staged.changes.lastDecides ? Math.min(most, 1) : most
    for (let step = 1; step <= steps; step++) for (const sql of applyStep(staged, step)) database.exec(sql)
  }

  private historySql(staged: Staged): ReadonlyArray<string> {
    const { changedAt, validFrom } = staged.changes.history!
    const same = staged.key.map((name) => `t.${quoteName(name)} = ${staged.value(name)}`).join(" AND ")
    const known = `(SELECT t.${quoteName(validFrom)} FROM ${staged.target} AS t WHERE ${same} ORDER BY ${timeOrder(`t.${quoteName(validFrom)}`)} DESC LIMIT 1)`
    const isTime = changedAt === undefined || this.columns.some(({ name, type }) => name === changedAt && type.startsWith("timestamp"))
    return applyHistory(staged, {
      versions: "temp.versions",
      create: (query) => `CREATE TEMP TABLE versions AS ${query}`,
      at: changedAt === undefined ? this.notBefore(known) : staged.value(changedAt),
      inOrder: (time) => (isTime ? timeOrder(time) : time),
    })
  }

  /** The start of the run. A clock that was set back does not put what is new before what is known. */
  private notBefore(known: string): string {
    const started = `'${new Date(this.request.startedAt).toISOString()}'`
    return `CASE WHEN ${timeOrder(known)} > ${timeOrder(started)} THEN ${known} ELSE ${started} END`
  }

  private keepKeys({ stage, key, value }: Staged): void {
    const { database } = this
    const names = key.map((_, i) => `k${i}`).join(", ")
    if (!this.hasKeys) database.exec(`CREATE TEMP TABLE keys (${names}, PRIMARY KEY (${names}))`)
    this.hasKeys = true
    database.exec(`INSERT OR IGNORE INTO temp.keys SELECT ${key.map(value).join(", ")} FROM ${stage} AS s`)
  }

  /** Rows that have not come are gone. */
  private deleteAbsent(): void {
    const { database, request } = this
    const { key, config, changes } = request
    if (this.existingColumns().length === 0) return
    if (!this.hasKeys) database.exec(`CREATE TEMP TABLE keys (${key.map((_, i) => `k${i}`).join(", ")})`)
    this.hasKeys = true
    const target = quoteName(config.table)
    const gone = absent({ key, quote: quoteName }, "temp.keys")
    const { history } = changes!
    if (history === undefined) {
      database.exec(`DELETE FROM ${target} AS t WHERE ${gone}`)
      return
    }
    const [from, to, current] = [history.validFrom, history.validTo, history.isCurrent].map(quoteName)
    database.exec(`UPDATE ${target} AS t SET ${to} = ${this.notBefore(`t.${from}`)}, ${current} = false WHERE t.${current} AND ${gone}`)
  }

  /** The error with the row that caused it. */
  private findRow(table: string, error: unknown): unknown {
    const insert = this.prepareInsert()
    const rows = this.database.prepare(`SELECT * FROM ${table} ORDER BY rowid`)
    rows.setReadBigInts(true)
    for (const row of rows.iterate()) {
      const [number, ...values] = Object.values(row)
      try {
        insert.run(...(values as Array<SqliteValue>))
      } catch (cause) {
        return this.rowError(cause, Number(number), undefined)
      }
    }
    return error
  }

  private writeRow(batch: Batch, row: number): void {
    let column = 0
    try {
      const values = this.columns.map(({ name, type }, i) => {
        column = i
        const value = batch.columns[i]!.value(row)
        // To SQLite a null is like no other, so that the row would be there twice when it is loaded again.
        if (value === null && this.isFoundBy(name)) throw new RangeError("it has no value, and the row is found by it")
        return toSqlite(value, type)
      })
      column = -1
      if (this.writesDirectly) this.insert!.run(...values)
      else this.insert!.run(batch.firstRow + row, ...values)
    } catch (cause) {
      throw this.rowError(cause, batch.firstRow + row, this.columns[column]?.name)
    }
  }

  private isFoundBy(column: string): boolean {
    const { writeMode, key, changes } = this.request
    return (writeMode === "upsert" || changes !== undefined) && (key.includes(column) || changes?.history?.changedAt === column)
  }

  private rowError(cause: unknown, row: number, column: string | undefined): DestinationError {
    const { code, message, retryable } = describeSqlite(cause)
    const place = `${this.request.name} (${this.request.config.table}): row ${row}${column === undefined ? "" : `, column ${column}`}`
    const isMisread = code === undefined && cause instanceof Error && cause.name === "ValueError"
    return new DestinationError({
      code: code ?? (cause instanceof RangeError ? "VALUE_NOT_SUPPORTED" : isMisread ? "VALUE_TYPE" : "DESTINATION_FAILED"),
      message: isMisread ? `${place}: ${message}. ${MISREAD}` : `${place}: ${message}`,
      path: [this.request.name],
      retryable,
      row,
      ...(column === undefined ? {} : { column }),
      cause,
    })
  }

  private existingColumns(): ReadonlyArray<{ readonly name: string }> {
    const { table } = this.request.config
    return this.database.prepare(`PRAGMA table_xinfo(${quoteName(table)})`).all() as unknown as ReadonlyArray<{ readonly name: string }>
  }

  /** The columns that the table lacks; undefined where there is no table. */
  private missingColumns(schema: BatchSchema): ReadonlyArray<ColumnSchema> | undefined {
    const existing = this.existingColumns()
    if (existing.length === 0) return undefined
    const names = new Set(existing.map((column) => column.name.toLowerCase()))
    const missing = this.tableColumns(schema).filter((column) => !names.has(column.name.toLowerCase()))
    if (missing.length > 0 && this.request.schemaChanges !== "evolve") throw this.schemaError(missing)
    return missing
  }

  /** The columns of rows that are stored. */
  private stored({ columns }: BatchSchema): ReadonlyArray<ColumnSchema> {
    const added = new Set(this.request.changes?.added ?? [])
    return columns.filter(({ name }) => !added.has(name))
  }

  /** The columns that the table needs for them. */
  private tableColumns(schema: BatchSchema): ReadonlyArray<ColumnSchema> {
    const { changes } = this.request
    const stored = this.stored(schema)
    const set = [...(changes?.updates ?? []), ...(changes?.inserts ?? [])].flatMap((assignments) => assignments ?? [])
    const typeOf = (from: string) => schema.columns.find(({ name }) => name === from)?.type
    const others = set.flatMap(({ column, from }): ReadonlyArray<ColumnSchema> => {
      const type = typeOf(from)
      return type === undefined || stored.some(({ name }) => name === column) ? [] : [{ name: column, type, nullable: true }]
    })
    const { history } = changes ?? {}
    if (history === undefined) return [...stored, ...new Map(others.map((column) => [column.name, column])).values()]
    const since = stored.find(({ name }) => name === history.changedAt)?.type ?? "timestamptz"
    return [
      ...stored,
      { name: history.validFrom, type: since, nullable: false },
      { name: history.validTo, type: since, nullable: true },
      { name: history.isCurrent, type: "boolean", nullable: false },
    ]
  }

  /** Makes the table, or adds the columns that it lacks. */
  private prepareTable(schema: BatchSchema): true {
    const missing = this.missingColumns(schema)
    if (missing === undefined) return this.createTable(schema)
    const { history } = this.request.changes ?? {}
    const lacks = missing.some(({ name }) => name === history?.validFrom || name === history?.validTo || name === history?.isCurrent)
    if (lacks) throw this.noHistory()
    for (const column of missing) {
      const added = `${quoteName(column.name)} ${declaredType(column.type)}`
      this.database.exec(`ALTER TABLE ${quoteName(this.request.config.table)} ADD COLUMN ${added}`)
    }
    return true
  }

  private noHistory(): DestinationError {
    const { name, config } = this.request
    return new DestinationError({ code: "OUTPUT_NOT_WRITABLE", message: `${name} (${config.table}): ${NO_HISTORY}`, path: [name] })
  }

  private createTable(schema: BatchSchema): true {
    const { config, key, writeMode } = this.request
    const columns = this.tableColumns(schema).map((column) => `${quoteName(column.name)} ${declaredType(column.type)}`)
    const unique = writeMode === "scd2" ? [...key, this.request.changes!.history!.validFrom] : key
    const primary =
      writeMode === "upsert" || writeMode === "merge" || writeMode === "scd2" ? [`PRIMARY KEY (${unique.map(quoteName).join(", ")})`] : []
    this.database.exec(`CREATE TABLE ${quoteName(config.table)} (${[...columns, ...primary].join(", ")})`)
    return true
  }

  private schemaError(missing: ReadonlyArray<ColumnSchema>): DestinationError {
    const { name, config, schemaChanges } = this.request
    const names = missing.map((column) => column.name).join(", ")
    return new DestinationError({
      code: "SCHEMA_CHANGED",
      message: `${name}: the table ${config.table} has no column ${names}, and schema_changes is ${schemaChanges}. Add the column, select others, or set schema_changes: evolve.`,
      path: [name],
    })
  }

  private prepareInsert(): StatementSync {
    return this.database.prepare(this.insertInto(`VALUES (${this.columns.map(() => "?").join(", ")})`))
  }

  private insertInto(rows: string): string {
    const { config, writeMode, key } = this.request
    const names = this.columns.map((column) => quoteName(column.name))
    const conflict = writeMode === "upsert" ? upsertClause(key, this.columns) : ""
    return `INSERT INTO ${quoteName(config.table)} (${names.join(", ")}) ${rows} ${conflict}`
  }
}

/** Times as text sort as they pass where no zone stands behind a fraction that may be missing. */
const timeOrder = (time: string): string => `rtrim(${time}, 'Z')`

const upsertClause = (key: ReadonlyArray<string>, columns: ReadonlyArray<ColumnSchema>): string => {
  const others = columns
    .filter((column) => !key.includes(column.name))
    .map((column) => `${quoteName(column.name)} = excluded.${quoteName(column.name)}`)
  return `ON CONFLICT (${key.map(quoteName).join(", ")}) DO ${others.length === 0 ? "NOTHING" : `UPDATE SET ${others.join(", ")}`}`
}
