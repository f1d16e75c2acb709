/** The columns of a query, as the server describes them. */
import type { ColumnSchema, ColumnType, ScalarType } from "@deltaflow/core"
import { quoteName } from "./quote.ts"
import type { Session } from "./session.ts"

export interface SourceColumn extends ColumnSchema {
  /** As `format_type` writes it. */
  readonly sqlType: string
  /** Whether `type` is another than the one that it would be read as. */
  readonly isDeclared?: boolean
}

/** By the name of a type without modifiers. All other types are read as the texts that PostgreSQL writes. */
const TYPES: Readonly<Record<string, ScalarType>> = {
  boolean: "boolean",
  smallint: "integer",
  integer: "integer",
  bigint: "integer",
  oid: "integer",
  real: "double",
  "double precision": "double",
  numeric: "decimal",
  bytea: "bytes",
  date: "date",
  "time without time zone": "time",
  "timestamp without time zone": "timestamp",
  "timestamp with time zone": "timestamptz",
  interval: "interval",
  uuid: "uuid",
  json: "json",
  jsonb: "json",
}

const columnType = (sqlType: string): ColumnType => {
  const plain = sqlType.replace(/\(\d+(,-?\d+)?\)/, "")
  if (!plain.endsWith("[]")) return TYPES[plain] ?? "string"
  const element = TYPES[plain.slice(0, -2)] ?? (/^(text|character varying|character|name)\[\]$/.test(plain) ? "string" : undefined)
  return element === undefined ? "string" : `${element}[]`
}

/** `from` is what stands behind FROM. */
export const columnsOf = async (session: Session, from: string, table: string | undefined): Promise<ReadonlyArray<SourceColumn>> => {
  const fields = await session.describe(`SELECT * FROM ${from} LIMIT 0`)
  const names = await typeNames(
    session,
    fields.map(({ dataTypeID, dataTypeModifier }) => ({ type: dataTypeID, modifier: dataTypeModifier })),
  )
  const filled = table === undefined ? new Set<string>() : await filledColumns(session, table)
  return fields.map(({ name }, i) => ({ ...columnOf(name, names[i]!), nullable: !filled.has(name) }))
}

/** A column with a type as `format_type` writes it. */
export const columnOf = (name: string, type: string): SourceColumn => ({ name, type: columnType(type), sqlType: type, nullable: true })

/** The types as `format_type` writes them; of a domain, what it is made of. `modifier` is that of the type, or -1. */
export const typeNames = async (
  session: Session,
  fields: ReadonlyArray<{ readonly type: number; readonly modifier: number }>,
): Promise<ReadonlyArray<string>> => {
  const types = await session.query(
    `SELECT to_json(array_agg(format_type(coalesce(nullif(typbasetype, 0), pg_type.oid), coalesce(nullif(typtypmod, -1), modifier)) ORDER BY place)) AS types
     FROM ROWS FROM (json_to_recordset($1::json) AS (type oid, modifier int)) WITH ORDINALITY AS given (type, modifier, place)
     LEFT JOIN pg_catalog.pg_type ON pg_type.oid = given.type`,
    [JSON.stringify(fields)],
  )
  // Of a type that is gone by now, the values come as texts.
  return (JSON.parse(types[0]?.["types"] ?? "[]") as ReadonlyArray<string | null>).map((name) => name ?? "text")
}

/** Columns of a table that are declared to hold no null. What a query gives may be null, whatever its tables declare. */
const filledColumns = async (session: Session, table: string): Promise<ReadonlySet<string>> => {
  const rows = await session.query(
    "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attnotnull",
    [table],
  )
  return new Set(rows.map((row) => row["attname"]!))
}

/** The column in a select list, as text that our decoders read. */
export const selected = ({ name, type }: SourceColumn): string => {
  const column = quoteName(name)
  // COPY writes t and f, and arrays in braces.
  if (type === "boolean") return `${column}::text`
  return type.endsWith("[]") ? `pg_catalog.to_json(${column})::text` : column
}
