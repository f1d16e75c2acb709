/** One load into a table of PostgreSQL: everything in one transaction, with the checkpoint. */
import {
  type Batch,
  type BatchSchema,
  type Checkpoint,
  type ColumnSchema,
  type CommittedRows,
  DestinationError,
  formatValue,
  type LoadRequest,
} from "@deltaflow/core"
import { EncodeError, type TextEncode } from "@deltaflow/core/text"
import { MISREAD } from "../files/failures.ts"
import { fitBatch } from "../files/schemaChange.ts"
import { absent, applyHistory, applyStep, NO_HISTORY, numberSteps, type Staged } from "../sql/changes.ts"
import { saveCheckpoint } from "./checkpoints.ts"
import { isServerError, type ServerError } from "./failures.ts"
import type { ConnectionConfig } from "./options.ts"
import { nameProblem, quoteName, quoteTable, quoteText } from "./quote.ts"
import { copyEncoders, type CopyFormat, formatOf, quoteEndMark, SentRows } from "./sentRows.ts"
import type { CopyTarget, LoadSession, Session } from "./session.ts"
import { type Table, tableNamed } from "./tables.ts"
import { isDirect, sqlType, withArrayTexts } from "./types.ts"

type Config = ConnectionConfig & { readonly schema?: string; readonly table: string; readonly create?: boolean }

/** SQLSTATE of `ON CONFLICT DO UPDATE` where one statement has two rows for one key. */
const AFFECTED_TWICE = "21000"

/** Rows that wait in a table of the session, in the order in which they came. */
const STAGE = "pg_temp._deltaflow_rows"

/** Bytes that one statement takes. */
const COPY_BYTES = 64 * 1024 * 1024

/** All keys of the load, where those that have not come are gone. */
const KEYS = "pg_temp._deltaflow_keys"

/** The columns of the rows at hand, and how they go into the table. */
interface Layout {
  readonly columns: ReadonlyArray<ColumnSchema>
  readonly encoders: Readonly<Record<CopyFormat, TextEncode>>
  /** Whether the rows go to the stage first. */
  readonly isStaged: boolean
  /** Columns that have to be cast, with the type of the table. */
  readonly casts: ReadonlyMap<string, string>
  /** As which each column is staged. */
  readonly types: ReadonlyArray<string>
}

export class PostgresLoad {
  private readonly session: LoadSession
  private readonly request: LoadRequest<Config>
  private readonly schema: string
  private table: Table | undefined
  private layout: Layout | undefined
  private hasBegun = false
  /** Whether rows with the same key have come between two commits. */
  private hasTwice = false
  /** What this load has committed last. */
  private known: Checkpoint | undefined
  private hasStage = false
  private hasKeys = false
  /** The last number of a staged row. */
  private staged = "0"
  private isReplaced = false
  /** The statement that takes rows at the moment, and what has failed: from then on nothing of this load counts. */
  private copying:
    | {
        readonly layout: Layout
        readonly format: CopyFormat
        readonly copy: Awaited<ReturnType<Session["startCopy"]>>
      }
    | undefined
  /** What that statement was given. */
  private readonly rows = new SentRows()
  private failure: { readonly cause: unknown } | undefined

  constructor(session: LoadSession, request: LoadRequest<Config>) {
    this.session = session
    this.request = request
    this.schema = request.config.schema ?? "public"
  }

  async open(): Promise<void> {
    const { config, schema } = this.request
    this.checkNames([config.table, this.schema])
    await this.begin()
    this.table = await tableNamed(this.session, this.schema, config.table)
    // A source without rows may not know its columns, and then there is no table to make of them.
    if (schema.columns.length > 0) await this.prepareTable(schema)
    await this.replaceRows()
  }

  /** All rows of the batch, or none: a batch that fails leaves nothing behind. */
  async write(batch: Batch): Promise<void> {
    if (batch.length === 0) return
    await this.begin()
    const fitted = this.fit(batch)
    if (fitted.length === 0) return
    const { session } = this
    if (this.request.isolatesRows === false && session.keepsCopies) return await this.send(fitted)
    await session.query("SAVEPOINT batch")
    const before = { table: this.table, layout: this.layout, hasStage: this.hasStage }
    try {
      const layout = await this.layoutFor(fitted.schema)
      await this.copy(fitted, layout)
      await session.query("RELEASE SAVEPOINT batch")
    } catch (cause) {
      Object.assign(this, before)
      await session.script(["ROLLBACK TO SAVEPOINT batch", "RELEASE SAVEPOINT batch"])
      throw cause
    }
  }

  /** Hands the rows over without waiting for the server to take them, so that the next ones are made meanwhile. */
  private async send(batch: Batch): Promise<void> {
    if (this.failure !== undefined) throw this.failure.cause
    const layout = await this.layoutFor(batch.schema)
    if (layout.casts.size > 0) return await this.copy(batch, layout)
    const format = this.formatFor(batch)
    if (this.copying !== undefined && this.copying.format !== format) await this.sent()
    const bytes = this.encode(batch, layout, format)
    if (this.copying === undefined) {
      this.rows.begin()
      this.copying = { layout, format, copy: await this.session.startCopy(this.copyTarget(layout, format)) }
    }
    const { rows } = this
    const { copy } = this.copying
    rows.add(batch, bytes)
    await copy.write(bytes)
    // Now and then, so that what is wrong is heard of, and no statement takes for ever.
    if (rows.bytes > COPY_BYTES) await this.sent()
  }

  /** Waits until the server has all that was handed over. */
  private async sent(): Promise<void> {
    if (this.failure !== undefined) throw this.failure.cause
    const { copying } = this
    if (copying === undefined) return
    this.copying = undefined
    try {
      await copying.copy.end()
    } catch (cause) {
      const told = isServerError(cause) ? this.rowError(cause, (line) => this.rows.rowAt(line), copying.layout) : cause
      this.failure = { cause: told }
      throw told
    }
  }

  private formatFor(batch: Batch): CopyFormat {
    return this.session.takesText ? formatOf(batch) : "csv"
  }

  private copyTarget({ isStaged, columns, types }: Layout, format: CopyFormat): CopyTarget {
    const names = columns.map(({ name }, i) => (isStaged ? `c${i}` : quoteName(name)))
    return { table: isStaged ? STAGE : this.target, columns: names, types, format }
  }

  /** Invariants 2 and 7: rows and checkpoint in one transaction, and only with an epoch that is not behind. */
  async commit(checkpoint: Checkpoint, final: boolean, rows: CommittedRows): Promise<Record<string, never>> {
    await this.begin()
    await this.sent()
    await this.replaceRows()
    await this.takeStaged()
    if (final && rows.areAll && this.request.changes?.absence === true) await this.deleteAbsent()
    await saveCheckpoint(this.session, this.schema, checkpoint, this.known ?? this.request.checkpoint, this.request.name)
    await this.session.commit()
    this.known = checkpoint
    // The stage goes with its transaction.
    this.hasBegun = false
    this.hasStage = false
    this.hasKeys = false
    return {}
  }

  private async begin(): Promise<void> {
    if (this.hasBegun) return
    await this.session.begin("ISOLATION LEVEL READ COMMITTED READ WRITE")
    this.hasBegun = true
  }

  /** Readers see the old rows until the commit. `TRUNCATE` would hide them from those whose snapshot is older. */
  private async replaceRows(): Promise<void> {
    const { session, table, request } = this
    if (request.writeMode !== "replace" || table === undefined || this.isReplaced) return
    const [cascade] = table.cascades
    if (cascade !== undefined)
      throw this.error(
        "OUTPUT_NOT_WRITABLE",
        `to replace its rows would delete or change rows of ${cascade}, which refers to it with ON DELETE. Use write_mode: upsert, or change the foreign key.`,
      )
    await session.query(`DELETE FROM ${this.target}`)
    this.isReplaced = true
  }

  private get target(): string {
    return quoteTable(this.schema, this.request.config.table)
  }

  private fit(batch: Batch): Batch {
    const { table, request } = this
    if (table === undefined || request.schemaChanges === "evolve") return batch
    return fitBatch(
      batch,
      {
        columns: [...table.columns.map(({ name }) => name), ...(request.changes?.added ?? [])].map((name) => ({
          name,
          type: "string",
          nullable: true,
        })),
      },
      request.schemaChanges,
      request.name,
    )
  }

  private async layoutFor(schema: BatchSchema): Promise<Layout> {
    const { layout } = this
    const { columns } = schema
    const isKnown =
      layout !== undefined &&
      layout.columns.length === columns.length &&
      layout.columns.every(({ name, type }, i) => name === columns[i]!.name && type === columns[i]!.type)
    if (!isKnown) {
      await this.sent()
      // What is staged has other columns, and must not change those that it does not have.
      await this.takeStaged()
      await this.dropStage()
      await this.prepareTable(schema)
      this.layout = this.newLayout(columns)
    }
    if (this.layout!.isStaged && !this.hasStage) await this.makeStage(this.layout!)
    return this.layout!
  }

  private newLayout(columns: ReadonlyArray<ColumnSchema>): Layout {
    const { table } = this
    const types = new Map(table!.columns.map(({ name, type }) => [name, type]))
    // What a rule sets goes into a column of another name.
    for (const { column, from } of this.assigned) if (types.has(column)) types.set(from, types.get(column)!)
    const casts = new Map(
      columns.flatMap(({ name, type }): ReadonlyArray<[string, string]> => {
        const target = types.get(name)
        return target === undefined || isDirect(type, target) ? [] : [[name, target]]
      }),
    )
    const encoders = copyEncoders(columns.map(({ name }) => name))
    const staged = columns.map(({ name, type }) => (casts.has(name) ? sqlType(type) : (types.get(name) ?? sqlType(type))))
    return { columns, encoders, casts, types: staged, isStaged: this.isKeyed || casts.size > 0 }
  }

  private async copy(batch: Batch, layout: Layout): Promise<void> {
    const format = this.formatFor(batch)
    const bytes = this.encode(batch, layout, format)
    const { rows } = this
    rows.begin()
    rows.add(batch, bytes)
    try {
      await this.session.copyIn(this.copyTarget(layout, format), bytes)
    } catch (cause) {
      throw isServerError(cause) ? this.rowError(cause, (line) => rows.rowAt(line), layout) : cause
    }
    if (!layout.isStaged) return
    await this.checkCasts(batch, layout)
    if (this.isKeyed) return
    await this.takeStaged()
  }

  /** Whether rows are found by their key, and wait for that until the commit. */
  private get isKeyed(): boolean {
    const { writeMode } = this.request
    return writeMode === "upsert" || writeMode === "merge" || writeMode === "scd2"
  }

  private get assigned(): ReadonlyArray<{ readonly column: string; readonly from: string }> {
    const { updates = [], inserts = [] } = this.request.changes ?? {}
    return [...updates, ...inserts].flatMap((assignments) => assignments ?? [])
  }

  private encode(batch: Batch, { encoders, columns }: Layout, format: CopyFormat): Uint8Array {
    try {
      const texts = withArrayTexts(batch)
      const bytes = encoders[format](texts)
      // Of a buffer, whose search is many times quicker than the array's.
      if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(0)) throw this.nulError(texts)
      return format === "csv" ? quoteEndMark(bytes, columns.length) : bytes
    } catch (cause) {
      if (!(cause instanceof EncodeError)) throw cause
      const advice = cause.code === "VALUE_TYPE" ? ` ${MISREAD}` : ""
      throw this.error(cause.code, `row ${batch.firstRow + cause.row}, column ${cause.column}: ${cause.message}.${advice}`, {
        row: batch.firstRow + cause.row,
        column: cause.column,
        cause,
      })
    }
  }

  private nulError(batch: Batch): DestinationError {
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      const column = batch.schema.columns.find((_, at) => String(batch.columns[at]!.value(row)).includes("\0"))?.name
      if (column === undefined) continue
      const number = batch.firstRow + row
      const message = `row ${number}, column ${column}: its text holds a NUL character, which PostgreSQL cannot. Remove it.`
      return this.error("VALUE_NOT_SUPPORTED", message, { row: number, column })
    }
    return this.error("VALUE_NOT_SUPPORTED", "a text holds a NUL character, which PostgreSQL cannot. Remove it.")
  }

  /** The row that COPY has refused, with what the server says of it. */
  private rowError(cause: ServerError, rowAt: (line: number) => number, { columns, isStaged }: Layout): DestinationError | ServerError {
    const line = /, line (\d+)/.exec(cause.where ?? "")?.[1]
    // Only classes 21, 22 and 23 are about values; a full disk would be the same for each row.
    if (!/^2[123]/.test(cause.code)) return cause
    // Only COPY counts lines. Without one the batch is halved until the row is found, where the pipeline skips rows.
    if (line === undefined) return this.session.keepsCopies ? cause : this.error("DESTINATION_FAILED", `${cause.message}.`, { cause })
    const row = rowAt(Number(line))
    const named = cause.column ?? /, column ((?:"[^"]*")|[^:"]+)/.exec(cause.where ?? "")?.[1]
    const column = isStaged ? columns[Number(/^c(\d+)$/.exec(named ?? "")?.[1] ?? -1)]?.name : named
    const place = `row ${row}${column === undefined ? "" : `, column ${column}`}`
    const said = isStaged && column !== undefined ? cause.message.replaceAll(`"${named}"`, `"${column}"`) : cause.message
    const code = cause.code === "22P05" || cause.code === "22021" ? "VALUE_NOT_SUPPORTED" : "DESTINATION_FAILED"
    return this.error(code, `${place}: ${said}.`, { row, ...(column === undefined ? {} : { column }), cause })
  }

  /** Values that the table's types would change are an error. */
  private async checkCasts(batch: Batch, { columns, casts }: Layout): Promise<void> {
    const { session } = this
    if (casts.size === 0) return
    const cases = columns.flatMap(({ name, type }, i) => {
      const target = casts.get(name)
      if (target === undefined) return []
      const own = sqlType(type)
      const back = `c${i}::${target}::${own}`
      // JSON has no equality of its own.
      const isOther = type === "json" ? `(${back})::text IS DISTINCT FROM c${i}::text` : `${back} IS DISTINCT FROM c${i}`
      return [`WHEN ${isOther} THEN ${i}`]
    })
    const numbered = `SELECT row_number() OVER (ORDER BY n) AS i, CASE ${cases.join(" ")} END AS wrong FROM ${STAGE} WHERE n > $1`
    let found: Readonly<Record<string, unknown>> | undefined
    try {
      ;[found] = await session.query(`SELECT i, wrong FROM (${numbered}) AS rows WHERE wrong IS NOT NULL ORDER BY i LIMIT 1`, [this.staged])
    } catch (cause) {
      throw this.castError(cause, batch, casts)
    }
    if (found !== undefined) throw this.lossError(batch, columns[Number(found["wrong"])]!, Number(found["i"]) - 1, casts)
    const [last] = await session.query(`SELECT currval(pg_get_serial_sequence('${STAGE}', 'n')) AS last`)
    this.staged = last!["last"]!
  }

  /** The row whose value the server cannot cast, which it tells by the value alone. */
  private castError(cause: unknown, batch: Batch, casts: Layout["casts"]): unknown {
    const said = isServerError(cause) && cause.code.startsWith("22") ? /"(.*)"/s.exec(cause.message)?.[1] : undefined
    if (said === undefined) return cause
    for (let i = 0; i < batch.length; i++) {
      const physical = batch.physicalRow(i)
      for (const [at, { name, type }] of batch.schema.columns.entries()) {
        const value = casts.has(name) ? batch.columns[at]!.value(physical) : null
        if (value === null || formatValue(value, type) !== said) continue
        const row = batch.firstRow + physical
        const message = `row ${row}, column ${name}: ${(cause as ServerError).message}.`
        return this.error("DESTINATION_FAILED", message, { row, column: name, cause })
      }
    }
    return cause
  }

  private lossError(batch: Batch, column: ColumnSchema, index: number, casts: Layout["casts"]): DestinationError {
    const row = batch.firstRow + batch.physicalRow(index)
    const message = `row ${row}, column ${column.name}: its ${column.type} does not fit ${casts.get(column.name)} without a change. Give the column of the table another type, or change the value before.`
    return this.error("VALUE_NOT_SUPPORTED", message, { row, column: column.name })
  }

  private async makeStage({ columns, types }: Layout): Promise<void> {
    const { key, changes } = this.request
    const since = changes?.history?.changedAt
    const needed = new Set(this.isKeyed ? [...key, ...(since === undefined ? [] : [since])] : [])
    const list = columns.map(({ name }, i) => `c${i} ${types[i]!}${needed.has(name) ? " NOT NULL" : ""}`)
    const steps = changes === undefined ? "" : ", step bigint, is_there integer"
    // Numbers that are taken one by one would cost a tenth of the copy.
    await this.session.query(
      `CREATE TEMPORARY TABLE _deltaflow_rows (n bigint GENERATED ALWAYS AS IDENTITY (CACHE 1000), ${list.join(", ")}${steps}) ON COMMIT DROP`,
    )
    // Each batch is looked at by itself.
    if (this.layout!.casts.size > 0 && this.isKeyed) await this.session.query(`CREATE INDEX ON ${STAGE} (n)`)
    this.hasStage = true
    this.staged = "0"
  }

  private async dropStage(): Promise<void> {
    if (this.hasStage) await this.session.query(`DROP TABLE ${STAGE}`)
    this.hasStage = false
  }

  /** Moves what is staged into the table; of rows with the same key the last one counts. */
  private async takeStaged(): Promise<void> {
    const { session, layout, request } = this
    if (!this.hasStage || layout === undefined) return
    if (request.changes !== undefined) return await this.change(layout)
    const names = layout.columns.map(({ name }) => quoteName(name))
    const values = layout.columns.map(({ name }, i) => (layout.casts.has(name) ? `c${i}::${layout.casts.get(name)}` : `c${i}`))
    const into = `INSERT INTO ${this.target} (${names.join(", ")})`
    if (request.writeMode !== "upsert") {
      await session.script([`${into} SELECT ${values.join(", ")} FROM ${STAGE} ORDER BY n`, `TRUNCATE ${STAGE}`])
      return
    }
    const places = request.key.map((name) => `c${layout.columns.findIndex((column) => column.name === name)}`).join(", ")
    // In the order in which they came, so that a new table lies as the source did.
    const latest = `(SELECT DISTINCT ON (${places}) * FROM ${STAGE} ORDER BY ${places}, n DESC) AS latest ORDER BY n`
    const others = names.filter((_, i) => !request.key.includes(layout.columns[i]!.name))
    const action = others.length === 0 ? "NOTHING" : `UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(", ")}`
    const key = request.key.map(quoteName).join(", ")
    const insert = (from: string): ReadonlyArray<string> => [
      `${into} SELECT ${values.join(", ")} FROM ${from} ON CONFLICT (${key}) DO ${action}`,
      `TRUNCATE ${STAGE}`,
    ]
    if (!this.hasTwice) {
      // Looking for keys that come twice costs a good part of the insert, which finds them by itself.
      await session.query("SAVEPOINT deltaflow_upsert")
      try {
        await session.script([...insert(STAGE), "RELEASE deltaflow_upsert"])
        return
      } catch (cause) {
        if (!isServerError(cause) || cause.code !== AFFECTED_TWICE) throw cause
        await session.script(["ROLLBACK TO deltaflow_upsert", "RELEASE deltaflow_upsert"])
        this.hasTwice = true
      }
    }
    await session.script(insert(latest))
  }

  /** Does what the staged rows say. */
  private async change(layout: Layout): Promise<void> {
    const { session, request, table } = this
    const { key } = request
    const changes = request.changes!
    const places = new Map(
      layout.columns.map(({ name }, i) => [name, layout.casts.has(name) ? `s.c${i}::${layout.casts.get(name)!}` : `s.c${i}`]),
    )
    const types = new Map(table!.columns.map(({ name, type }) => [name, type]))
    const staged: Staged = {
      stage: STAGE,
      order: "n",
      target: this.target,
      columns: this.stored(layout).map(({ name }) => name),
      key,
      changes,
      quote: quoteName,
      value: (column) => places.get(column)!,
      // Of all types, these have no equality.
      comparable: (column, value) => (/^(json|xml|point)/.test(types.get(column) ?? "") ? `${value}::text` : value),
    }
    if (changes.absence) await this.keepKeys(staged)
    if (changes.history === undefined) await this.changeRows(staged)
    else for (const sql of this.historySql(staged)) await session.query(sql)
    await session.query(`TRUNCATE ${STAGE}`)
  }

  private async changeRows(staged: Staged): Promise<void> {
    const { session } = this
    await session.query(numberSteps(staged))
    const [found] = await session.query(`SELECT coalesce(max(step), 0) AS most FROM ${STAGE}`)
    const most = Number(found!["most"])
    const steps = staged.changes.lastDecides ? Math.min(most, 1) : most
    for (let step = 1; step <= steps; step++) for (const sql of applyStep(staged, step)) await session.query(sql)
  }

  private historySql(staged: Staged): ReadonlyArray<string> {
    const { changedAt, validFrom } = staged.changes.history!
    const same = staged.key.map((name) => `t.${quoteName(name)} = ${staged.value(name)}`).join(" AND ")
    const newest = `(SELECT max(t.${quoteName(validFrom)}) FROM ${this.target} AS t WHERE ${same})`
    return applyHistory(staged, {
      versions: "pg_temp._deltaflow_versions",
      create: (query) => `CREATE TEMPORARY TABLE _deltaflow_versions ON COMMIT DROP AS ${query}`,
      // A clock that was set back does not put what is new before what is known.
      at: changedAt === undefined ? `greatest(${this.started}, ${newest})` : staged.value(changedAt),
      inOrder: (time) => time,
    })
  }

  private get started(): string {
    return `${quoteText(new Date(this.request.startedAt).toISOString())}::timestamptz`
  }

  private async keepKeys({ key, value }: Staged): Promise<void> {
    const { session } = this
    const keys = `SELECT DISTINCT ${key.map((name, i) => `${value(name)} AS k${i}`).join(", ")} FROM ${STAGE} AS s`
    await session.query(this.hasKeys ? `INSERT INTO ${KEYS} ${keys}` : `CREATE TEMPORARY TABLE _deltaflow_keys ON COMMIT DROP AS ${keys}`)
    this.hasKeys = true
  }

  /** Rows that have not come are gone. */
  private async deleteAbsent(): Promise<void> {
    const { session, request, table } = this
    if (table === undefined) return
    const gone = this.hasKeys ? absent({ key: request.key, quote: quoteName }, KEYS) : "true"
    if (this.hasKeys) await session.query(`ANALYZE ${KEYS}`)
    const { history } = request.changes!
    if (history === undefined) {
      await session.query(`DELETE FROM ${this.target} AS t WHERE ${gone}`)
      return
    }
    const [from, to, current] = [history.validFrom, history.validTo, history.isCurrent].map(quoteName)
    await session.query(
      `UPDATE ${this.target} AS t SET ${to} = greatest(${this.started}, t.${from}), ${current} = false WHERE t.${current} AND ${gone}`,
    )
  }

  /** The columns of rows that are stored. */
  private stored({ columns }: BatchSchema): ReadonlyArray<ColumnSchema> {
    const added = new Set(this.request.changes?.added ?? [])
    return columns.filter(({ name }) => !added.has(name))
  }

  /** The columns that the table needs for them. */
  private tableColumns(schema: BatchSchema): ReadonlyArray<ColumnSchema> {
    const stored = this.stored(schema)
    const { history } = this.request.changes ?? {}
    if (history !== undefined) {
      const since = stored.find(({ name }) => name === history.changedAt)?.type ?? "timestamptz"
      return [
        ...stored,
        { name: history.validFrom, type: since, nullable: false },
        { name: history.validTo, type: since, nullable: true },
        { name: history.isCurrent, type: "boolean", nullable: false },
      ]
    }
    const set = this.assigned.flatMap(({ column, from }): ReadonlyArray<readonly [string, ColumnSchema]> => {
      const type = schema.columns.find(({ name }) => name === from)?.type
      return type === undefined || stored.some(({ name }) => name === column) ? [] : [[column, { name: column, type, nullable: true }]]
    })
    return [...stored, ...new Map(set).values()]
  }

  /** Makes the table, or adds the columns that it lacks. */
  private async prepareTable(schema: BatchSchema): Promise<void> {
    const { session, request } = this
    const columns = this.tableColumns(schema)
    this.checkNames(columns.map(({ name }) => name))
    if (this.table !== undefined && !this.keepsHistory(this.table)) throw this.error("OUTPUT_NOT_WRITABLE", NO_HISTORY)
    const isChanged = this.table === undefined ? await this.createTable(columns) : await this.addColumns(this.table, columns)
    if (isChanged) this.table = await tableNamed(session, this.schema, request.config.table)
    if (this.isKeyed) this.checkKey(this.table!, columns)
  }

  /** Whether the table has the columns of history, where it needs them. */
  private keepsHistory({ columns }: Table): boolean {
    const { history } = this.request.changes ?? {}
    const names = new Set(columns.map(({ name }) => name))
    return history === undefined || [history.validFrom, history.validTo, history.isCurrent].every((name) => names.has(name))
  }

  private async createTable(columns: ReadonlyArray<ColumnSchema>): Promise<true> {
    const { config, key, writeMode } = this.request
    if (config.create === false)
      throw this.error("OUTPUT_NOT_WRITABLE", "there is no such table, and create is false. Make it, or set create: true.")
    const list = columns.map(({ name, type }) => `${quoteName(name)} ${sqlType(type)}`)
    const unique = writeMode === "scd2" ? [...key, this.request.changes!.history!.validFrom] : key
    const primary = this.isKeyed ? [`PRIMARY KEY (${unique.map(quoteName).join(", ")})`] : []
    await this.session.query(`CREATE TABLE ${this.target} (${[...list, ...primary].join(", ")})`)
    return true
  }

  /** Gives whether there were any to add. */
  private async addColumns(table: Table, columns: ReadonlyArray<ColumnSchema>): Promise<boolean> {
    const names = new Set(table.columns.map(({ name }) => name))
    const missing = columns.filter(({ name }) => !names.has(name))
    // Otherwise `fit` takes them out of the rows, or refuses them.
    if (missing.length === 0 || this.request.schemaChanges !== "evolve") return false
    const added = missing.map(({ name, type }) => `ADD COLUMN ${quoteName(name)} ${sqlType(type)}`)
    await this.session.query(`ALTER TABLE ${this.target} ${added.join(", ")}`)
    return true
  }

  private checkKey(table: Table, columns: ReadonlyArray<ColumnSchema>): void {
    const { key, writeMode } = this.request
    const missing = key.find((name) => columns.every((column) => column.name !== name))
    if (missing !== undefined) throw this.error("UNKNOWN_COLUMN", `the rows have no column ${missing}, which key names.`)
    // A row of history is found by its key and its time, which need no index.
    if (this.request.writeMode === "scd2") return
    const isUnique = table.unique.some((index) => index.length === key.length && key.every((name) => index.includes(name)))
    if (isUnique) return
    throw this.error(
      "OUTPUT_NOT_WRITABLE",
      `nothing makes ${key.join(", ")} unique in it, so ${writeMode === "merge" ? "a merge" : "an upsert"} cannot find rows by it. Run CREATE UNIQUE INDEX ON ${this.target} (${key.map(quoteName).join(", ")}).`,
    )
  }

  private checkNames(names: ReadonlyArray<string>): void {
    for (const name of names) {
      const problem = nameProblem(name)
      if (problem !== undefined) throw this.error("VALUE_NOT_SUPPORTED", `the name ${JSON.stringify(name)} ${problem}. Rename it.`)
    }
  }

  private error(
    code: DestinationError["code"],
    message: string,
    more: { readonly row?: number; readonly column?: string; readonly cause?: unknown } = {},
  ): DestinationError {
    const { name, config } = this.request
    return new DestinationError({ code, message: `${name} (${this.schema}.${config.table}): ${message}`, path: [name], ...more })
  }
}
