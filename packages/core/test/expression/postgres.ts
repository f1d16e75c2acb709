/** Asks a PostgreSQL server for the values of expressions, through `psql`. */
import { spawnSync } from "node:child_process"
import { programColumns } from "./programs.ts"
import { formatAs } from "../../src/expression/functions/format.ts"
import type { Value } from "../../src/model/Value.ts"

const psql = (sql: string, timeout?: number): ReturnType<typeof spawnSync> =>
  spawnSync("psql", ["-h", "127.0.0.1", "-p", "5432", "-U", "postgres", "-d", "test", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"], {
    input: sql,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, PGCLIENTENCODING: "UTF8", PGCONNECT_TIMEOUT: "3" },
    ...(timeout === undefined ? {} : { timeout }),
  })

/** Why there is no server to ask; undefined where there is one. */
export const missingServer = (): string | undefined => {
  const { error, status, stderr } = psql("select 1;", 10_000)
  if (error !== undefined) return `psql cannot be run: ${error.message}`
  return status === 0 ? undefined : `no PostgreSQL at 127.0.0.1:5432: ${String(stderr).trim()}`
}

/** Text of the value, null, or the code of the error. */
export type ServerAnswer = { readonly value: string | null } | { readonly error: string }

export interface Question {
  readonly expression: string
  /** Index among the rows. */
  readonly row: number
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const rowSql = (row: ReadonlyArray<Value | null>, index: number): string => {
  const values = row.map((value, i) => {
    const { type, postgres } = programColumns[i]!
    return value === null ? "null" : `${literal(formatAs(value, type))}::${postgres}`
  })
  return `(${[index, ...values].join(", ")})`
}

const setup = (rows: ReadonlyArray<ReadonlyArray<Value | null>>): string => `
  set timezone = 'UTC'; set client_min_messages = error; set standard_conforming_strings = on;
  create function pg_temp.k(anyelement) returns anyelement language plpgsql volatile as 'begin return $1; end';
  create temp table program_rows (id int, ${programColumns.map(({ name, postgres }) => `${name} ${postgres}`).join(", ")});
  insert into program_rows values ${rows.map(rowSql).join(",\n")};
  create function pg_temp.answer(expression text, wanted int) returns text language plpgsql as $body$
    declare result text;
    begin
      execute 'select (' || expression || E')::text from program_rows where id = ' || wanted into result;
      return json_build_object('value', result)::text;
    exception when others then
      return json_build_object('error', sqlstate || ' ' || sqlerrm)::text;
    end $body$;`

/** The answers to all questions, in order. */
export const ask = (rows: ReadonlyArray<ReadonlyArray<Value | null>>, questions: ReadonlyArray<Question>): ReadonlyArray<ServerAnswer> => {
  const list = questions.map(({ expression, row }) => [expression.replace(/\bk\(/g, "pg_temp.k("), row])
  const sql = `${setup(rows)}
    select pg_temp.answer(q.value ->> 0, (q.value ->> 1)::int)
    from json_array_elements(${literal(JSON.stringify(list))}::json) with ordinality as q(value, place) order by place;`
  const { status, stdout, stderr } = psql(sql)
  if (status !== 0) throw new Error(`psql ended with ${status}: ${String(stderr)}`)
  return String(stdout)
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as ServerAnswer)
}
