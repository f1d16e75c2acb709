import { beforeAll, describe, expect, expectTypeOf, it } from "vitest"
import { checkExpression } from "../../expression/Expression.ts"
import { loadExpressions } from "../../expression/load.ts"
import type { ColumnType } from "../../model/ColumnType.ts"
import type { ExpressionOf } from "./expressionType.ts"

const columns = {
  id: "integer",
  age: "integer",
  ratio: "double",
  price: "decimal",
  name: "string",
  firstName: "string",
  is_new: "boolean",
  born: "date",
  seen: "timestamp",
  code: "uuid",
  raw: "bytes",
  tags: "string[]",
  doc: "json",
  date: "date",
  at: "timestamp",
  avg_of: "decimal",
} as const

type C = typeof columns

/** Text, and the type that the compiler tells: the real one or `unknown`. */
const told = [
  ["age", "integer"],
  ["AGE", "integer"],
  ["firstname", "string"],
  ['"firstName"', "string"],
  ["date", "date"],
  ["at", "timestamp"],
  ["tags", "string[]"],
  ["'it''s'", "string"],
  ["12", "integer"],
  ["1.50", "decimal"],
  ["1e3", "unknown"],
  ["12345678901234567890", "unknown"],
  ["true", "boolean"],
  ["null", "string"],
  ["date '2025-01-31'", "date"],
  ["interval '1 day'", "interval"],
  ["age::text", "string"],
  ["age::varchar(3)", "string"],
  ["age :: numeric(10, 2)", "decimal"],
  ["name::double precision", "double"],
  ["'1'::int", "integer"],
  ["name::date", "date"],
  ["'{1,2}'::int[]", "integer[]"],
  ["CAST(age + 1 AS text)", "string"],
  ["cast(name as decimal(4,1)) + 1", "decimal"],
  ["age + 1", "integer"],
  ["age / 2", "integer"],
  ["age % 2", "integer"],
  ["- age * (id - 3)", "integer"],
  ["age * 1.5", "decimal"],
  ["price / age", "decimal"],
  ["ratio * price + age", "double"],
  ["age + '1'", "integer"],
  ["age ^ 2", "double"],
  ["born + 1", "date"],
  ["born - date '2025-01-01'", "integer"],
  ["seen + interval '1 day'", "timestamp"],
  ["name || ' ' || firstname", "string"],
  ["name || age + 1", "string"],
  ["age || '-'", "string"],
  ["born || ''", "string"],
  ["code || name", "string"],
  ["'a' || 'b'", "string"],
  ["tags || tags", "string[]"],
  ["raw || raw", "bytes"],
  ["age >= 18 AND name <> 'x'", "boolean"],
  ["age>=-1", "boolean"],
  ["age >=-1 or is_new", "boolean"],
  ["NOT is_new", "boolean"],
  ["name IS NOT NULL", "boolean"],
  ["name is not distinct from 'x'", "boolean"],
  ["is_new is true", "boolean"],
  ["age in (1, 2, 3)", "boolean"],
  ["age not in (1, 2)", "boolean"],
  ["age between 1 and id + 3", "boolean"],
  ["name not like 'a%' or name ilike '%b'", "boolean"],
  ["name ~ '^a'", "boolean"],
  ["(age = 1) = is_new", "boolean"],
  ["(age + 1) * 2 > 3", "boolean"],
  ["doc -> 'a'", "json"],
  ["doc ->> 'a'", "string"],
  ["doc ->> 'a' = 'b'", "boolean"],
  ["doc -> 'a' is null", "boolean"],
  ["UPPER(name) || LENGTH(name)", "string"],
  ["concat(name, age, born)", "string"],
  ["length(name) + 1", "integer"],
  ["coalesce(age, 1)", "integer"],
  ["coalesce(name, 'x') = 'x'", "boolean"],
  ["abs(-age)", "integer"],
  ["now()", "timestamptz"],
  ["current_date", "date"],
  ["current_timestamp", "timestamptz"],
  ["extract(year from born)", "decimal"],
  ["extract(year from born) = 2025", "boolean"],
  ["substring(name from 1 for 2)", "string"],
  ["trim(both 'x' from name)", "string"],
  ["position('a' in name) > 0", "boolean"],
  ["seen at time zone 'UTC'", "timestamptz"],
  ["case when age = 1 then 'x' when is_new then 'y' else name end", "string"],
  ["case age when 1 then 2 end + 1", "integer"],
  ["case when age = 1 then 2 end = 3", "boolean"],
  ["case when (age = 1) then 'x' else (name) end = 'y'", "boolean"],
  ["case 'a' when 'b' then (1) end = 1", "boolean"],
  ["E'a\\nb'", "unknown"],
  ["age -- the age", "unknown"],
  ["age /* the age */ + 1", "unknown"],
  ["array[1, 2]", "integer[]"],
  ["tags[1]", "string"],
  ["array[1, null, 2.5]", "decimal[]"],
  ["age = any(array[1, 2])", "boolean"],
  ["age in (1, 2) or name like '%x' escape 'x'", "boolean"],
  ["age between symmetric 3 and 1", "boolean"],
  ["born + age * 2", "date"],
  ["born - interval '1 day' - seen", "interval"],
  ["2 * 3 ^ 2", "unknown"],
  ["- age ^ 2 * 3", "double"],
  ["name || age * 2 + 1 || 'x'", "string"],
  ["doc -> 'a' -> 0 ->> 'b' || '!'", "string"],
  ["doc #>> '{a,b}'", "string"],
  ["coalesce(price, age, null) * 2", "decimal"],
  ["coalesce(null, 'x')", "string"],
  ["greatest(born, seen)", "timestamp"],
  ["nullif(age, 1.5)", "decimal"],
  ["nullif(name, '')", "string"],
  ["coalesce(:run_id, 'x')", "unknown"],
  ["case when is_new then null when age > 1 then age else 1.5 end", "decimal"],
  ["case name when 'a' then null end", "string"],
  ["round(price, 2)", "decimal"],
  ["round(ratio)", "double"],
  ["ceil(age)", "double"],
  ["round(avg_of, 2)", "decimal"],
  ["date_trunc('month', seen)", "timestamp"],
  ["date_trunc('month', born)", "timestamptz"],
  ["age(seen)", "interval"],
  ["seen::timestamp with time zone", "timestamptz"],
  ["to_date(name, 'YYYY')", "date"],
  ["regexp_replace(name, 'a', 'b')", "string"],
  ["regexp_match(name, '(a)')", "string[]"],
  ["left(name, 2) || right(name, 2)", "string"],
  ["datediff('day', born, seen) / 2", "integer"],
  ["md5(name)", "string"],
  ["to_char(seen, 'YYYY')", "string"],
  ["name = :run_id", "boolean"],
  [":run_id", "unknown"],
] as const

type Told = typeof told
/** The lines of the table whose type is not what the compiler tells, with what it does. */
type Wrong<Line> = Line extends readonly [infer Text, infer Type]
  ? ExpressionOf<Text, C>["type"] extends infer Answer
    ? [Answer, Type] extends [Type, Answer]
      ? never
      : readonly [Text, Answer]
    : never
  : never
type Misses = Told[number] extends infer One
  ? One extends readonly [infer Text, unknown]
    ? ExpressionOf<Text, C>["missing"]
    : never
  : never

describe("the type of an expression's text", () => {
  const scope = {
    columns: Object.entries(columns).map(([name, type]: [string, ColumnType]) => ({ name, type, nullable: true })),
    runtime: { run_id: "run_1" },
    now: 0,
  }

  beforeAll(async () => loadExpressions(told.map(([text]) => text)))

  it("is told by the compiler as it stands in the table, and no column is missed", () => {
    expectTypeOf<Wrong<Told[number]>>().toEqualTypeOf<never>()
    expectTypeOf<Misses>().toEqualTypeOf<never>()
  })

  it.each(told)("%s is %s", (text, type) => {
    const result = checkExpression(text, scope)
    if (!result.ok) throw new Error(result.issues.map(({ message }) => message).join(" "))
    if (type !== "unknown") expect(result.expression.type).toBe(type)
  })

  it("names the columns that are missing, and only where it understood the whole text", () => {
    expectTypeOf<ExpressionOf<"agee + nam", C>["missing"]>().toEqualTypeOf<"agee" | "nam">()
    expectTypeOf<ExpressionOf<"upper(nam) = 'x'", C>["missing"]>().toEqualTypeOf<"nam">()
    expectTypeOf<ExpressionOf<'"firstname"', C>["missing"]>().toEqualTypeOf<"firstname">()
    expectTypeOf<ExpressionOf<"case when agee > 1 then 1 end", C>["missing"]>().toEqualTypeOf<"agee">()
    expectTypeOf<ExpressionOf<"extract(year from bron)", C>["missing"]>().toEqualTypeOf<"bron">()
    expectTypeOf<ExpressionOf<"cast(agee as int)", C>["missing"]>().toEqualTypeOf<"agee">()
    expectTypeOf<ExpressionOf<"agee collate C", C>["missing"]>().toEqualTypeOf<never>()
    expectTypeOf<ExpressionOf<"agee +", C>["missing"]>().toEqualTypeOf<never>()
    expectTypeOf<ExpressionOf<`age + ${string}`, C>["missing"]>().toEqualTypeOf<never>()
    expectTypeOf<ExpressionOf<string, C>["missing"]>().toEqualTypeOf<never>()
    expectTypeOf<ExpressionOf<"agee", Readonly<Record<string, "unknown">>>["missing"]>().toEqualTypeOf<never>()
  })

  it("gives up where a text is long", () => {
    type Ten<Text extends string> = `${Text}${Text}${Text}${Text}${Text}${Text}${Text}${Text}${Text}${Text}`
    type Long = `${Ten<Ten<Ten<"age + ">>>}agee`
    expectTypeOf<ExpressionOf<Long, C>>().toEqualTypeOf<{ readonly value: "unknown"; readonly type: "unknown"; readonly missing: never }>()
    expectTypeOf<ExpressionOf<`${Ten<"age+age+age+age+age+age+age+">}agee`, C>["missing"]>().toEqualTypeOf<"agee">()
    expectTypeOf<ExpressionOf<`${Ten<Ten<"- ">>}agee`, C>["missing"]>().toEqualTypeOf<"agee">()
    expectTypeOf<ExpressionOf<`${Ten<Ten<"-(">>}agee${Ten<Ten<")">>}`, C>["missing"]>().toEqualTypeOf<"agee">()
  })
})
