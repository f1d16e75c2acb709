/** Asks a PostgreSQL server for the values of expressions over rows. */
import { formatAs } from "../../src/expression/functions/format.ts"
import type { ColumnSchema } from "../../src/model/ColumnType.ts"
import type { Value } from "../../src/model/Value.ts"
import type { Client } from "./server.ts"

/** A column with the type that PostgreSQL has for it. */
export type ServerColumn = ColumnSchema & { readonly postgres: string }

/** Text of the value (or null) with the name of its type, or the code and text of the error. */
export type ServerAnswer = { readonly value: string | null; readonly type: string } | { readonly error: string }

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const rowSql = (columns: ReadonlyArray<ServerColumn>, row: ReadonlyArray<Value | null>, index: number): string => {
  const values = row.map((value, i) => {
    const { type, postgres } = columns[i]!
    return value === null ? "null" : `${literal(formatAs(value, type))}::${postgres}`
  })
  return `(${[index, ...values].join(", ")})`
}

/**
 * PostgreSQL has no DATEDIFF. This is what warehouses count: the borders of the unit between the two. Whole seconds are divided, since the
 * quotient of more digits would be rounded up at the end of a far hour.
 */
const DATEDIFF = `
  create function year_of(t timestamp) returns bigint language sql as
    'select extract(year from t)::bigint + case when extract(year from t) < 0 then 1 else 0 end';
  create function datediff(unit text, a timestamp, b timestamp) returns bigint language plpgsql strict as $body$
    begin
      if not isfinite(a) or not isfinite(b) then raise numeric_value_out_of_range; end if;
      return case unit
        when 'year' then year_of(b) - year_of(a)
        when 'quarter' then (year_of(b) - year_of(a)) * 4 + extract(quarter from b) - extract(quarter from a)
        when 'month' then (year_of(b) - year_of(a)) * 12 + extract(month from b) - extract(month from a)
        when 'week' then (date_trunc('week', b)::date - date_trunc('week', a)::date) / 7
        when 'day' then b::date - a::date
        when 'hour' then floor(floor(extract(epoch from b)) / 3600) - floor(floor(extract(epoch from a)) / 3600)
        when 'minute' then floor(floor(extract(epoch from b)) / 60) - floor(floor(extract(epoch from a)) / 60)
        when 'second' then floor(extract(epoch from b)) - floor(extract(epoch from a))
        when 'millisecond' then floor(extract(epoch from b) * 1000) - floor(extract(epoch from a) * 1000)
      end;
    end $body$;
  create function datediff(unit text, a timestamptz, b timestamptz) returns bigint language sql strict as
    'select datediff(unit, a at time zone ''UTC'', b at time zone ''UTC'')';
  create function datediff(unit text, a date, b date) returns bigint language sql strict as
    'select datediff(unit, a::timestamp, b::timestamp)';`

/** `k` gives its argument; the planner does not know, and so computes nothing before a row is there. */
const SETUP = `
  set timezone = 'UTC'; set client_min_messages = error; set jit = off;
  create function k(anyelement) returns anyelement language plpgsql volatile as 'begin return $1; end';
  create function answers(expression text, wanted int[]) returns json language plpgsql as $body$
    declare
      source text := 'select place_of_row as place, (' || expression || E') as v from program_rows where place_of_row = any($1) offset 0';
      result json; one json; list json[] := '{}'; wanted_row int;
    begin
      begin
        execute 'select json_agg(json_build_object(''value'', v::text, ''type'', pg_typeof(v)::text) order by place) from (' || source || ') q'
          using wanted into result;
        return result;
      exception when others then
        foreach wanted_row in array wanted loop
          begin
            execute 'select json_build_object(''value'', v::text, ''type'', pg_typeof(v)::text) from (' || source || ') q'
              using array[wanted_row] into one;
          exception when others then
            one := json_build_object('error', sqlstate || ' ' || sqlerrm);
          end;
          list := list || one;
        end loop;
        return array_to_json(list);
      end;
    end $body$;
  create function metric_answer(metric text, wanted int[]) returns json language plpgsql as $body$
    declare result json;
    begin
      execute 'select json_build_object(''value'', (' || metric || E')::text, ''type'', pg_typeof(' || metric || E')::text) from
        (select * from program_rows where place_of_row = any($1) order by place_of_row) as q' using wanted into result;
      return result;
    exception when others then
      return json_build_object('error', sqlstate || ' ' || sqlerrm);
    end $body$;
  ${DATEDIFF}`

/** Makes the table of rows; it stays for the connection. */
export const giveRows = async (
  client: Client,
  columns: ReadonlyArray<ServerColumn>,
  rows: ReadonlyArray<ReadonlyArray<Value | null>>,
): Promise<void> => {
  const types = columns.map(({ name, postgres }) => `${name} ${postgres}`).join(", ")
  const values = rows.map((row, i) => rowSql(columns, row, i)).join(",\n")
  await client.unsafe(
    `${SETUP} create temp table program_rows (place_of_row int primary key, ${types}); insert into program_rows values ${values};`,
  )
}

export interface Question {
  readonly expression: string
  /** Indexes among the rows, ascending. */
  readonly rows: ReadonlyArray<number>
}

/** The answers to all questions, in order; one per row. */
export const ask = async (client: Client, questions: ReadonlyArray<Question>): Promise<ReadonlyArray<ReadonlyArray<ServerAnswer>>> => {
  const list = JSON.stringify(questions.map(({ expression, rows }) => [expression, `{${rows.join(",")}}`]))
  const rows = await client.unsafe<Array<{ readonly answers: ReadonlyArray<ServerAnswer> }>>(
    `select answers(q.value ->> 0, (q.value ->> 1)::int[]) as answers
     from json_array_elements($1::text::json) with ordinality as q(value, place) order by place`,
    [list],
  )
  return rows.map(({ answers }) => answers)
}

/** The answers to metrics over groups of rows, which come in their order. */
export const askMetrics = async (client: Client, questions: ReadonlyArray<Question>): Promise<ReadonlyArray<ServerAnswer>> => {
  const list = JSON.stringify(questions.map(({ expression, rows }) => [expression, `{${rows.join(",")}}`]))
  const rows = await client.unsafe<Array<{ readonly answer: ServerAnswer }>>(
    `select metric_answer(q.value ->> 0, (q.value ->> 1)::int[]) as answer
     from json_array_elements($1::text::json) with ordinality as q(value, place) order by place`,
    [list],
  )
  return rows.map(({ answer }) => answer)
}

/** PostgreSQL's classes of errors for which ours has a code of its own. */
const CODES: Readonly<Record<string, string>> = {
  "22012": "DIVISION_BY_ZERO",
  "22003": "NUMBER_OUT_OF_RANGE",
  "22P02": "INVALID_CAST",
  "22007": "INVALID_CAST",
}

const NAMES: Readonly<Record<string, string>> = {
  bigint: "integer",
  numeric: "decimal",
  "double precision": "double",
  text: "string",
  "timestamp without time zone": "timestamp",
  "timestamp with time zone": "timestamptz",
  "time without time zone": "time",
  bytea: "bytes",
}

const typeNamed = (name: string): string =>
  name.endsWith("[]") ? `${NAMES[name.slice(0, -2)] ?? name.slice(0, -2)}[]` : (NAMES[name] ?? name)

/** Whether our outcome (`decimal 1.50`, `decimal NULL`, `error CODE …`) is another than the server's. */
export const differs = (ours: string, theirs: ServerAnswer): boolean => {
  if ("value" in theirs) return ours !== `${typeNamed(theirs.type)} ${theirs.value ?? "NULL"}`
  // Of a text that is too large and badly written too, each side may name either; a date that does not exist is both.
  if (theirs.error.includes("is out of range for type") || theirs.error.startsWith("22008"))
    return !/^error (NUMBER_OUT_OF_RANGE|INVALID_CAST) /.test(ours)
  const code = CODES[theirs.error.slice(0, 5)]
  return !ours.startsWith(code === undefined ? "error " : `error ${code} `)
}
