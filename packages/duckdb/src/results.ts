/** Columns and values that come out of DuckDB. */
import {
  type BatchSchema,
  type ColumnType,
  Decimal,
  Interval,
  type ScalarType,
  type SqlProblem,
  stringifyJson,
  toRowValue,
  type Value,
} from "@deltaflow/core"
import type {
  DuckDBArrayType,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBType,
  DuckDBUUIDValue,
  DuckDBValue,
} from "@duckdb/node-api"
import type { Duckdb, DuckdbBindings } from "./api.ts"

/** A column of a result, and how its values that are not null are read. */
export interface ResultColumn {
  readonly type: ColumnType
  /** The type as which the client is asked for values. */
  readonly wire: DuckDBType
  readonly read: (value: DuckDBValue) => Value
}

/** The values of each column of a chunk, in the client's form. */
export const valuesOf = (
  duckdb: Duckdb,
  bindings: DuckdbBindings,
  { chunk, rowCount }: DuckDBDataChunk,
  columns: ReadonlyArray<ResultColumn>,
): ReadonlyArray<ReadonlyArray<DuckDBValue>> =>
  columns.map(({ wire }, i) => duckdb.DuckDBVector.create(bindings.data_chunk_get_vector(chunk, i), rowCount, wire).toArray())

/** The client reads texts without a byte order mark that they begin with, so it is asked for their bytes. */
const wireType = (duckdb: Duckdb, type: DuckDBType): DuckDBType => {
  const { DuckDBTypeId: Id } = duckdb
  if (type.typeId === Id.VARCHAR) return duckdb.BLOB
  if (type.typeId === Id.LIST) return duckdb.LIST(wireType(duckdb, type.valueType))
  if (type.typeId === Id.ARRAY) return duckdb.ARRAY(wireType(duckdb, type.valueType), type.length)
  if (type.typeId === Id.MAP) return duckdb.MAP(wireType(duckdb, type.keyType), wireType(duckdb, type.valueType))
  if (type.typeId !== Id.STRUCT) return type
  return new duckdb.DuckDBStructType(
    type.entryNames,
    type.entryTypes.map((entry) => wireType(duckdb, entry)),
  )
}

export interface NamedType {
  readonly name: string
  readonly type: DuckDBType
}

export type ResultColumns =
  | { readonly ok: true; readonly schema: BatchSchema; readonly columns: ReadonlyArray<ResultColumn> }
  | { readonly ok: false; readonly problem: SqlProblem }

export const resultColumns = (duckdb: Duckdb, types: ReadonlyArray<NamedType>): ResultColumns => {
  const names = types.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined)
    return problem("DUPLICATE_COLUMN", `the query gives two columns \`${twice}\`.`, "Give one of them another name with AS.")
  const columns = types.map(({ type }) => resultColumn(duckdb, type))
  const unread = columns.indexOf(undefined)
  if (unread >= 0) {
    const { name, type } = types[unread]!
    return problem(
      "EXPRESSION_TYPE",
      `the column \`${name}\` is ${String(type)}, for which rows have no type.`,
      "Cast it, for example to TIMESTAMP or VARCHAR.",
    )
  }
  const read = columns as ReadonlyArray<ResultColumn>
  return { ok: true, columns: read, schema: { columns: read.map(({ type }, i) => ({ name: names[i]!, type, nullable: true })) } }
}

const problem = (code: SqlProblem["code"], message: string, hint: string): ResultColumns => ({
  ok: false,
  problem: { code, message, hint },
})

/** Undefined for a type that rows cannot have without loss. */
const resultColumn = (duckdb: Duckdb, type: DuckDBType): ResultColumn | undefined => {
  const reading = readingOf(duckdb, type)
  return reading === undefined ? undefined : { ...reading, wire: wireType(duckdb, type) }
}

type Reading = Omit<ResultColumn, "wire">

const readingOf = (duckdb: Duckdb, type: DuckDBType): Reading | undefined => {
  const scalar = scalarColumn(duckdb, type)
  if (scalar !== undefined) return scalar
  const { LIST, ARRAY } = duckdb.DuckDBTypeId
  const element = type.typeId === LIST || type.typeId === ARRAY ? scalarColumn(duckdb, type.valueType) : undefined
  if (element !== undefined) {
    const { read } = element
    return { type: `${element.type}[]` as ColumnType, read: (value) => itemsOf(value).map((item) => (item === null ? null : read(item))) }
  }
  const plain = plainReader(duckdb, type)
  return plain === undefined ? undefined : { type: "json", read: (value) => stringifyJson(plain(value)) }
}

const itemsOf = (value: DuckDBValue): ReadonlyArray<DuckDBValue> => (value as DuckDBListValue).items

interface ScalarColumn extends Reading {
  readonly type: ScalarType
}

const asIs = (value: DuckDBValue): Value => value as Value

const SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** Whole numbers are plain numbers where that is exact. */
const whole = (value: DuckDBValue): number | bigint =>
  typeof value === "bigint" && (value > SAFE || value < -SAFE) ? value : Number(value)

const wholeDecimal = (value: DuckDBValue): Value => Decimal.fromWhole(whole(value))

const micros = (value: DuckDBValue): Value => {
  const { micros: found, isFinite } = value as DuckDBTimestampValue
  return isFinite ? whole(found) : found > 0n ? Infinity : -Infinity
}

const SCALARS = {
  boolean: { type: "boolean", read: asIs },
  integer: { type: "integer", read: whole },
  decimal: {
    type: "decimal",
    read: (value) => new Decimal(whole((value as DuckDBDecimalValue).value), (value as DuckDBDecimalValue).scale),
  },
  wholeDecimal: { type: "decimal", read: wholeDecimal },
  double: { type: "double", read: asIs },
  string: { type: "string", read: (value) => textOf(value) },
  word: { type: "string", read: (value) => String(value) },
  json: { type: "json", read: (value) => textOf(value) },
  bytes: { type: "bytes", read: (value) => new Uint8Array((value as DuckDBBlobValue).bytes) },
  date: { type: "date", read: (value) => daysOf(value as DuckDBDateValue) },
  time: { type: "time", read: (value) => Number((value as DuckDBTimeValue).micros) },
  timestamp: { type: "timestamp", read: micros },
  timestamptz: { type: "timestamptz", read: micros },
  interval: {
    type: "interval",
    read: (value) => {
      const { months, days, micros: rest } = value as DuckDBIntervalValue
      return new Interval(months, days, Number(rest))
    },
  },
  uuid: { type: "uuid", read: (value) => (value as DuckDBUUIDValue).toString() },
} as const satisfies Readonly<Record<string, ScalarColumn>>

const textOf = (value: DuckDBValue): string => {
  const { buffer, byteOffset, byteLength } = (value as DuckDBBlobValue).bytes
  return Buffer.from(buffer, byteOffset, byteLength).toString()
}

const daysOf = ({ days, isFinite }: DuckDBDateValue): number => (isFinite ? days : days > 0 ? Infinity : -Infinity)

const scalarColumn = (duckdb: Duckdb, type: DuckDBType): ScalarColumn | undefined => {
  const { DuckDBTypeId: Id } = duckdb
  switch (type.typeId) {
    case Id.BOOLEAN:
      return SCALARS.boolean
    case Id.TINYINT:
    case Id.SMALLINT:
    case Id.INTEGER:
    case Id.BIGINT:
    case Id.UTINYINT:
    case Id.USMALLINT:
    case Id.UINTEGER:
      return SCALARS.integer
    case Id.UBIGINT:
    case Id.HUGEINT:
    case Id.UHUGEINT:
    case Id.BIGNUM:
      return SCALARS.wholeDecimal
    case Id.FLOAT:
    case Id.DOUBLE:
      return SCALARS.double
    case Id.DECIMAL:
      return SCALARS.decimal
    case Id.VARCHAR:
      return type.alias === "JSON" ? SCALARS.json : SCALARS.string
    case Id.ENUM:
    case Id.BIT:
    case Id.SQLNULL:
      return SCALARS.word
    case Id.BLOB:
      return SCALARS.bytes
    case Id.DATE:
      return SCALARS.date
    case Id.TIME:
      return SCALARS.time
    case Id.TIMESTAMP:
      return SCALARS.timestamp
    case Id.TIMESTAMP_TZ:
      return SCALARS.timestamptz
    case Id.INTERVAL:
      return SCALARS.interval
    case Id.UUID:
      return SCALARS.uuid
    default:
      return undefined
  }
}

/** Gives a value as JavaScript has it, for JSON. Undefined where some part has no such form. */
const plainReader = (duckdb: Duckdb, type: DuckDBType): ((value: DuckDBValue) => unknown) | undefined => {
  const { DuckDBTypeId: Id } = duckdb
  const scalar = scalarColumn(duckdb, type)
  if (scalar !== undefined) return (value) => (value === null ? null : toRowValue(scalar.read(value), scalar.type))
  if (type.typeId === Id.LIST || type.typeId === Id.ARRAY) return listReader(duckdb, type)
  if (type.typeId === Id.STRUCT) return structReader(duckdb, type)
  return type.typeId === Id.MAP ? mapReader(duckdb, type) : undefined
}

const listReader = (duckdb: Duckdb, { valueType }: DuckDBListType | DuckDBArrayType) => {
  const read = plainReader(duckdb, valueType)
  return read === undefined ? undefined : (value: DuckDBValue) => (value === null ? null : itemsOf(value).map(read))
}

const structReader = (duckdb: Duckdb, { entryNames, entryTypes }: DuckDBStructType) => {
  const readers = entryTypes.map((type) => plainReader(duckdb, type))
  // The client puts fields into a plain object, which cannot have one of this name.
  if (readers.includes(undefined) || entryNames.includes("__proto__")) return undefined
  return (value: DuckDBValue) => {
    if (value === null) return null
    const { entries } = value as DuckDBStructValue
    return Object.fromEntries(entryNames.map((name, i) => [name, readers[i]!(entries[name] ?? null)]))
  }
}

/** Keys of objects are texts. */
const mapReader = (duckdb: Duckdb, { keyType, valueType }: DuckDBMapType) => {
  const readKey = plainReader(duckdb, keyType)
  const readValue = plainReader(duckdb, valueType)
  if (readKey === undefined || readValue === undefined) return undefined
  return (value: DuckDBValue) =>
    value === null
      ? null
      : Object.fromEntries((value as DuckDBMapValue).entries.map((entry) => [keyText(readKey(entry.key)), readValue(entry.value)]))
}

const keyText = (key: unknown): string => (typeof key === "string" ? key : stringifyJson(key))
