/** Tables as the catalogue knows them. */
import type { Statements } from "./session.ts"

export interface Table {
  /** In their order, without those that are dropped. `type` is as `format_type` writes it: `numeric(10,2)`. */
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string; readonly nullable: boolean }>
  /** Columns of each index that lets no row in twice, and has no condition. */
  readonly unique: ReadonlyArray<ReadonlyArray<string>>
  /** Tables whose rows are deleted or changed with rows of this one. */
  readonly cascades: ReadonlyArray<string>
}

/** Undefined where there is none of this name. */
export const tableNamed = async (session: Statements, schema: string, name: string): Promise<Table | undefined> => {
  const [found] = await session.query(
    `SELECT pg_class.oid FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = $1 AND relname = $2 AND relkind IN ('r', 'p', 'f', 'v', 'm')`,
    [schema, name],
  )
  if (found === undefined) return undefined
  const oid = found["oid"]!
  const columns = await session.query(
    `SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull FROM pg_catalog.pg_attribute
     WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [oid],
  )
  const unique = await session.query(
    `SELECT (SELECT json_agg(attname) FROM pg_catalog.pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey::int2[])) AS names
     FROM pg_catalog.pg_index WHERE indrelid = $1::oid AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL AND indexprs IS NULL`,
    [oid],
  )
  const cascades = await session.query(
    "SELECT conrelid::regclass::text AS name FROM pg_catalog.pg_constraint WHERE confrelid = $1::oid AND contype = 'f' AND confdeltype IN ('c', 'n', 'd')",
    [oid],
  )
  return {
    columns: columns.map((row) => ({ name: row["attname"]!, type: row["type"]!, nullable: row["attnotnull"] !== "t" })),
    unique: unique.map((row) => JSON.parse(row["names"] ?? "[]") as ReadonlyArray<string>),
    cascades: cascades.map((row) => row["name"]!),
  }
}
