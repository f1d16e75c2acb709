/**
 * Changes of rows as SQL that PostgreSQL and SQLite both read: rows wait in a table of the session, and go from there into the table. See
 * docs/decisions/0019-changes-of-rows.md.
 */
import type { Assignments, RowChanges } from "@deltaflow/core"

/** The one function that quotes identifiers, which is the same in both. */
type Quote = (name: string) => string

export interface Staged {
  /** The table of the waiting rows. Beside their columns it has `step` and `is_there`, whole numbers. */
  readonly stage: string
  /** Column of the stage that grows with each row. */
  readonly order: string
  readonly target: string
  /** Columns to be stored. */
  readonly columns: ReadonlyArray<string>
  readonly key: ReadonlyArray<string>
  readonly changes: RowChanges
  readonly quote: Quote
  /** The column of a waiting row, of the type of the table's, where the stage is called `s`. */
  readonly value: (column: string) => string
  /** What may be compared of a column's value; JSON has no equality of its own in PostgreSQL. */
  readonly comparable: (column: string, value: string) => string
}

/** The text that says that a row of `left` has the key of the table's row `t`. */
const sameKey = ({ key, quote }: Pick<Staged, "key" | "quote">, left: (column: string) => string): string =>
  key.map((name) => `t.${quote(name)} = ${left(name)}`).join(" AND ")

/** Numbers the waiting rows of each key in `step`, from 1: in their order, or from the last where that one alone decides. */
export const numberSteps = ({ stage, order, key, value, changes }: Staged): string => {
  const direction = changes.lastDecides ? "DESC" : "ASC"
  const numbered = `SELECT s.${order} AS place, row_number() OVER (PARTITION BY ${key.map(value).join(", ")} ORDER BY s.${order} ${direction}) AS step FROM ${stage} AS s`
  return `UPDATE ${stage} AS s SET step = numbered.step FROM (${numbered}) AS numbered WHERE numbered.place = s.${order}`
}

/** Does what the waiting rows say that have this number. */
export const applyStep = (staged: Staged, step: number): ReadonlyArray<string> => {
  const { stage, target, changes, value, order, quote, columns } = staged
  const same = sameKey(staged, value)
  const these = (isThere: 0 | 1, column: string, what: number) =>
    `s.step = ${step} AND s.is_there = ${isThere} AND ${value(column)} = ${what}`
  const set = (assignments: Assignments): string => {
    const all = assignments ?? columns.filter((name) => !staged.key.includes(name)).map((name) => ({ column: name, from: name }))
    return all.map(({ column, from }) => `${quote(column)} = ${value(from)}`).join(", ")
  }
  const inserted = (assignments: Assignments): ReadonlyArray<readonly [column: string, value: string]> => {
    const given = new Map((assignments ?? []).map(({ column, from }) => [column, value(from)]))
    return [...columns.filter((name) => !given.has(name)).map((name) => [name, value(name)] as const), ...given]
  }
  return [
    `UPDATE ${stage} AS s SET is_there = CASE WHEN EXISTS (SELECT 1 FROM ${target} AS t WHERE ${same}) THEN 1 ELSE 0 END WHERE s.step = ${step}`,
    `DELETE FROM ${target} AS t WHERE EXISTS (SELECT 1 FROM ${stage} AS s WHERE ${these(1, changes.matched, -1)} AND ${same})`,
    ...changes.updates.flatMap((assignments, i) => {
      const values = set(assignments)
      return values === ""
        ? []
        : [`UPDATE ${target} AS t SET ${values} FROM ${stage} AS s WHERE ${these(1, changes.matched, i + 1)} AND ${same}`]
    }),
    ...changes.inserts.map((assignments, i) => {
      const values = inserted(assignments)
      return `INSERT INTO ${target} (${values.map(([name]) => quote(name)).join(", ")}) SELECT ${values.map(([, one]) => one).join(", ")} FROM ${stage} AS s WHERE ${these(0, changes.missing, i + 1)} ORDER BY s.${order}`
    }),
  ]
}

/** Rows of the table whose key is not among `keys`, a table with the columns `k0`, `k1` and so on. */
export const absent = ({ key, quote }: Pick<Staged, "key" | "quote">, keys: string): string =>
  `NOT EXISTS (SELECT 1 FROM ${keys} AS k WHERE ${key.map((name, i) => `t.${quote(name)} = k.k${i}`).join(" AND ")})`

export const NO_HISTORY =
  "it has rows without times: not all of valid_from, valid_to and is_current are columns of it. Name another table, or add these columns and fill them."

export interface Versions {
  /** A table of the session to make. */
  readonly versions: string
  /** `CREATE TEMPORARY TABLE … AS`, with what goes behind the name. */
  readonly create: (query: string) => string
  /** The time of a waiting row, as the table has times. */
  readonly at: string
  /** What times are put in order by. */
  readonly inOrder: (time: string) => string
}

/**
 * Brings the waiting rows into the history of their keys. All versions of these keys, old and new, are put in the order of time; a version
 * that is equal to the one before is none, and each holds until the next begins.
 */
export const applyHistory = (staged: Staged, { versions, create, at, inOrder }: Versions): ReadonlyArray<string> => {
  const { stage, order, target, key, quote, value, comparable, changes } = staged
  const history = changes.history!
  const [from, to, current] = [history.validFrom, history.validTo, history.isCurrent].map(quote) as [string, string, string]
  const others = staged.columns.filter((name) => !key.includes(name))
  const names = (columns: ReadonlyArray<string>, prefix: string) => columns.map((_, i) => `${prefix}${i}`)
  const [k, c] = [names(key, "k"), names(others, "v")]
  const isKnown = `EXISTS (SELECT 1 FROM ${stage} AS s WHERE ${sameKey(staged, value)})`
  const own = [...key, ...others].map((name) => `t.${quote(name)}`).join(", ")
  const list = [...k, ...c].join(", ")
  const told = `SELECT ${[...key, ...others].map((name, i) => `${value(name)} AS ${[...k, ...c][i]!}`).join(", ")}, ${at} AS began, CASE WHEN ${value(changes.matched)} = -1 THEN 1 ELSE 0 END AS is_gone, 2 AS source, s.${order} AS place FROM ${stage} AS s`
  const known = `SELECT ${own}, t.${from}, 0, 1, 0 FROM ${target} AS t WHERE ${isKnown}`
  // What ended without a version behind it had gone.
  const ended = `SELECT ${own}, t.${to}, 1, 0, 0 FROM ${target} AS t WHERE t.${to} IS NOT NULL AND ${isKnown}`
  const keyed = `PARTITION BY ${k.join(", ")}`
  const last = `SELECT *, row_number() OVER (${keyed}, began ORDER BY source DESC, place DESC) AS number FROM (${told} UNION ALL ${known} UNION ALL ${ended}) AS found`
  const before = (column: string) => `lag(${column}) OVER (${keyed} ORDER BY ${inOrder("began")})`
  // A row that says nothing but that it is later has not changed.
  const unchanged = others.flatMap((name, i) => {
    const own = comparable(name, `v${i}`)
    return name === history.changedAt ? [] : [`${own} IS NOT DISTINCT FROM ${before(own)}`]
  })
  const isSame = [`is_gone = ${before("is_gone")}`, ...unchanged]
  const isEqual = `CASE WHEN is_gone = 1 THEN ${before("is_gone")} IS NULL OR ${before("is_gone")} = 1 ELSE ${isSame.join(" AND ")} END AS is_equal`
  const compared = `SELECT *, ${isEqual} FROM (${last}) AS ranked WHERE number = 1`
  const kept = `SELECT ${list}, began, is_gone, source FROM (${compared}) AS compared WHERE NOT coalesce(is_equal, false)`
  const spans = `SELECT ${list}, began, is_gone, source, lead(began) OVER (${keyed} ORDER BY ${inOrder("began")}) AS ends FROM (${kept}) AS kept`
  const same = key.map((name, i) => `t.${quote(name)} = f.k${i}`).join(" AND ")
  const assigned = others.map((name, i) => `${quote(name)} = CASE WHEN f.source = 2 THEN f.v${i} ELSE t.${quote(name)} END`)
  const columns = [...[...key, ...others].map(quote), from, to, current].join(", ")
  const isCurrent = "f.ends IS NULL"
  return [
    create(`SELECT ${list}, began, ends, source FROM (${spans}) AS spans WHERE is_gone = 0`),
    `DELETE FROM ${target} AS t WHERE ${isKnown} AND NOT EXISTS (SELECT 1 FROM ${versions} AS f WHERE ${same} AND t.${from} = f.began)`,
    `UPDATE ${target} AS t SET ${[...assigned, `${to} = f.ends`, `${current} = (${isCurrent})`].join(", ")} FROM ${versions} AS f WHERE ${same} AND t.${from} = f.began AND (f.source = 2 OR t.${to} IS DISTINCT FROM f.ends)`,
    `INSERT INTO ${target} (${columns}) SELECT ${[...k, ...c].map((name) => `f.${name}`).join(", ")}, f.began, f.ends, ${isCurrent} FROM ${versions} AS f WHERE NOT EXISTS (SELECT 1 FROM ${target} AS t WHERE ${same} AND t.${from} = f.began) ORDER BY ${inOrder("f.began")}`,
    `DROP TABLE ${versions}`,
  ]
}
