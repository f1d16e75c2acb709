/** The tables that are followed: what the publication sends of them, and whether the server can say which row has changed. */
import { messageOf, SourceError } from "@deltaflow/core"
import { columnOf, type SourceColumn, typeNames } from "../columns.ts"
import type { PgRow } from "../driver.ts"
import { quoteName, quoteTable } from "../quote.ts"
import type { Session } from "../session.ts"
import { arrayItems } from "../types.ts"

export interface FollowedTable {
  readonly schema: string
  readonly name: string
  /** Columns that are sent. */
  readonly columns: ReadonlyArray<SourceColumn>
  /** Columns of the primary key; empty without one. */
  readonly primaryKey: ReadonlyArray<string>
  /** A condition of the publication; undefined for all rows. */
  readonly filter: string | undefined
  /** Whether its rows lie in partitions. */
  readonly isPartitioned: boolean
}

export interface TableName {
  readonly schema: string
  readonly name: string
}

export const textOf = ({ schema, name }: TableName): string => `${schema}.${name}`

/** `shop.orders`, or `orders` in the schema that is given. */
export const tableName = (text: string, schema: string): TableName => {
  const at = text.indexOf(".")
  return at < 0 ? { schema, name: text } : { schema: text.slice(0, at), name: text.slice(at + 1) }
}

export interface Publication {
  readonly name: string
  readonly isThere: boolean
  readonly tables: ReadonlyArray<FollowedTable>
}

export interface Wanted {
  readonly source: string
  readonly publication: string
  /** Undefined for all tables of the publication. */
  readonly tables: ReadonlyArray<TableName> | undefined
}

/** Looks at the publication and its tables. One that is not there yet has to be made before anything is read: `createPublication`. */
export const findPublication = async (session: Session, wanted: Wanted): Promise<Publication> => {
  const [known] = await session.query("SELECT * FROM pg_catalog.pg_publication WHERE pubname = $1", [wanted.publication])
  if (known !== undefined) checkOperations(known, wanted)
  const published =
    known === undefined
      ? []
      : await session.query("SELECT * FROM pg_catalog.pg_publication_tables WHERE pubname = $1 ORDER BY schemaname, tablename", [
          wanted.publication,
        ])
  const names = wanted.tables ?? published.map((row) => ({ schema: row["schemaname"]!, name: row["tablename"]! }))
  if (names.length === 0)
    throw problem(wanted, `the publication ${wanted.publication} ${known === undefined ? "is not there" : "has no table"}.`, create(wanted))
  const tables: Array<FollowedTable> = []
  for (const name of names) {
    const row = published.find((one) => one["schemaname"] === name.schema && one["tablename"] === name.name)
    const table = await findTable(session, name, row, wanted)
    if (known !== undefined && row === undefined)
      throw problem(
        wanted,
        `the publication ${wanted.publication} does not have the table ${textOf(name)}.`,
        table.isPartitioned
          ? `Run ALTER PUBLICATION ${quoteName(wanted.publication)} SET (publish_via_partition_root = true), and add the table where it is not in it.`
          : `Run ALTER PUBLICATION ${quoteName(wanted.publication)} ADD TABLE ${quoteTable(name.schema, name.name)}.`,
      )
    tables.push(table)
  }
  return { name: wanted.publication, isThere: known !== undefined, tables }
}

const problem = ({ source }: Wanted, what: string, advice: string): SourceError =>
  new SourceError({ code: "SOURCE_FAILED", message: `${source}: ${what} ${advice}`, path: [source], hint: advice })

const create = ({ publication, tables = [] }: Wanted): string => {
  const list = tables.map(({ schema, name }) => quoteTable(schema, name)).join(", ")
  return list === ""
    ? `Name tables, or run CREATE PUBLICATION ${quoteName(publication)} FOR TABLE … WITH (publish_via_partition_root = true).`
    : `Run as the owner of the tables: ${createStatement(publication, list)}.`
}

const createStatement = (publication: string, list: string): string =>
  `CREATE PUBLICATION ${quoteName(publication)} FOR TABLE ${list} WITH (publish_via_partition_root = true)`

/** Made where the user may; else the error has the statement. */
export const createPublication = async (session: Session, wanted: Wanted): Promise<void> => {
  const list = (wanted.tables ?? []).map(({ schema, name }) => quoteTable(schema, name)).join(", ")
  try {
    await session.query(createStatement(wanted.publication, list))
  } catch (cause) {
    const said = messageOf(cause)
    throw new SourceError({
      code: "SOURCE_FAILED",
      message: `${wanted.source}: the publication ${wanted.publication} is not there and could not be made: ${said}. ${create(wanted)}`,
      path: [wanted.source],
      cause,
    })
  }
}

/** A publication that leaves out deletes would leave rows behind in silence. */
const checkOperations = (row: PgRow, wanted: Wanted): void => {
  const missing = ["insert", "update", "delete", "truncate"].filter((operation) => row[`pub${operation}`] !== "t")
  if (missing.length === 0) return
  throw problem(
    wanted,
    `the publication ${wanted.publication} does not send ${missing.join(" and ")}.`,
    `Run ALTER PUBLICATION ${quoteName(wanted.publication)} SET (publish = 'insert, update, delete, truncate').`,
  )
}

const findTable = async (session: Session, name: TableName, published: PgRow | undefined, wanted: Wanted): Promise<FollowedTable> => {
  const [found] = await session.query(
    `SELECT pg_class.oid, relkind, relpersistence, relreplident,
       (SELECT to_json(array_agg(attname ORDER BY place)) FROM pg_catalog.pg_index, unnest(indkey) WITH ORDINALITY AS part (number, place)
        JOIN pg_catalog.pg_attribute ON attnum = number WHERE indrelid = pg_class.oid AND attrelid = pg_class.oid AND indisprimary) AS key
     FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1 AND relname = $2`,
    [name.schema, name.name],
  )
  const text = textOf(name)
  if (found === undefined) throw problem(wanted, `there is no table ${text}.`, "Check the names of schema and table.")
  const kind = found["relkind"]!
  if ((kind !== "r" && kind !== "p") || found["relpersistence"] !== "p")
    throw problem(
      wanted,
      `${text} is no table whose changes are in the log.`,
      "Name tables, no views, foreign, temporary or unlogged tables.",
    )
  const primaryKey = JSON.parse(found["key"] ?? "[]") as ReadonlyArray<string>
  const identity = found["relreplident"]
  // In a publication such a table would refuse every update and delete of the application.
  if (identity === "n" || (identity === "d" && primaryKey.length === 0))
    throw problem(
      wanted,
      `nothing tells the rows of ${text} apart in the log, and PostgreSQL refuses updates and deletes of such a table once it is published.`,
      `Give it a primary key, or run ALTER TABLE ${quoteTable(name.schema, name.name)} REPLICA IDENTITY FULL.`,
    )
  return {
    ...name,
    columns: await columnsOf(session, found["oid"]!, published?.["attnames"]),
    primaryKey,
    filter: published?.["rowfilter"] ?? undefined,
    isPartitioned: kind === "p",
  }
}

/** Those that are sent: where the server does not say it, all that are not computed. */
const columnsOf = async (session: Session, oid: string, sent: string | null | undefined): Promise<ReadonlyArray<SourceColumn>> => {
  const names = sent === undefined || sent === null ? undefined : new Set(arrayItems(sent))
  const all = await session.query(
    "SELECT attname, atttypid, atttypmod, attgenerated FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    [oid],
  )
  const rows = all.filter((row) => names?.has(row["attname"]!) ?? row["attgenerated"] === "")
  const types = await typeNames(
    session,
    rows.map((row) => ({ type: Number(row["atttypid"]), modifier: Number(row["atttypmod"]) })),
  )
  return rows.map((row, i) => columnOf(row["attname"]!, types[i]!))
}
