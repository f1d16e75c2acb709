/**
 * What operators and functions give for certain types, by PostgreSQL's rules for choosing among those of one name: what `resolve` in
 * `expression/functions/signatures.ts` chooses. A test compares the two. `'` stands for a quoted literal or null, which has no type of its
 * own.
 */

type Sum = "+" | "-"
type Product = "*" | "/"
type Number = "integer" | "decimal" | "double"
type Exact = "integer" | "decimal"
type Clock = "time" | "interval"
type Moment = "timestamp" | "timestamptz"
type Scalar = Number | Clock | Moment | "boolean" | "string" | "bytes" | "date" | "uuid" | "json"

/** Two values with an operator between them. */
export interface Operations
  extends
    Record<`integer${Sum | Product | "%"}${"integer" | "'"}` | `'${Sum | Product | "%"}integer`, "integer">,
    Record<
      `integer${Sum | Product | "%"}decimal` | `decimal${Sum | Product | "%"}${Exact | "'"}` | `'${Sum | Product | "%"}decimal`,
      "decimal"
    >,
    Record<`double${Sum | Product}${Number | "'"}` | `${Exact | "'"}${Sum | Product}double`, "double">,
    Record<`date${Sum}integer` | "integer+date", "date">,
    Record<`date-${"date" | "'"}` | "'-date", "integer">,
    Record<`${"date" | "timestamp"}${Sum}${Clock}` | `${Clock}+${"date" | "timestamp"}` | "timestamp+'" | "'+timestamp", "timestamp">,
    Record<`timestamptz${Sum}${Clock}` | `${Clock}+timestamptz` | "timestamptz+'" | "'+timestamptz", "timestamptz">,
    Record<`time${Sum}interval` | "interval+time" | "time+'" | "'+time", "time">,
    Record<`interval${Sum}${"interval" | "'"}` | `'${Sum}interval` | `time-${"time" | "'"}` | "'-time" | "interval-time", "interval">,
    Record<`date-${Moment}` | `${Moment}-${"date" | Moment | "'"}` | `'-${Moment}`, "interval">,
    Record<
      `integer^${"integer" | "double" | "'"}` | `double^${Number | "'"}` | `'^${"integer" | "double" | "'"}` | "decimal^double",
      "double"
    >,
    Record<"integer^decimal" | `decimal^${Exact | "'"}` | "'^decimal", "decimal">,
    Record<`${Number | "'"}*${Clock}` | `${Clock}${Product}${Number | "'"}`, "interval">,
    Record<Exclude<`${Scalar | "'"}||${"string" | "'"}`, "bytes||'"> | Exclude<`${"string" | "'"}||${Scalar}`, "'||bytes">, "string">,
    Record<"bytes||bytes" | "bytes||'" | "'||bytes", "bytes">,
    Record<`json->${"integer" | "string" | "'"}` | "json#>'" | "json#>string[]", "json">,
    Record<`json->>${"integer" | "string" | "'"}` | "json#>>'" | "json#>>string[]", "string"> {}

type Curve = "ceil" | "ceiling" | "exp" | "floor" | "ln" | "log" | "log10" | "round" | "sign" | "sqrt" | "trunc"
type Power = "pow" | "power"
type Measure = "stddev" | "stddev_samp" | "stddev_pop" | "variance" | "var_samp" | "var_pop"
type Total = "sum" | "avg"
type Cut = "substr" | "substring"

/** Functions whose result depends on what they are given, with the types of their arguments. */
export interface Calls
  extends
    Record<"abs(integer" | `mod(integer,${"integer" | "'"}` | "mod(',integer", "integer">,
    Record<`${Curve | "abs"}(decimal` | `${"round" | "trunc"}(${Exact | "'"},${"integer" | "'"}`, "decimal">,
    Record<`log(${Exact | "'"},${Exact | "'"}` | `${Total | Measure}(${Exact}`, "decimal">,
    Record<`${"mod" | Power}(${"integer,decimal" | `decimal,${Exact | "'"}` | "',decimal"}`, "decimal">,
    Record<`${Curve}(integer` | `${Curve | "abs"}(${"double" | "'"}` | `${Total}(double` | `${Measure}(${"double" | "'"}`, "double">,
    Record<`${Power}(${`${"integer" | "'"},${"integer" | "double" | "'"}` | `double,${Number | "'"}` | "decimal,double"}`, "double">,
    Record<`${Total}(${Clock}` | `date_trunc(${"string" | "'"},${Clock}`, "interval">,
    Record<`date_trunc(${"string" | "'"},timestamp`, "timestamp">,
    Record<`date_trunc(${"string" | "'"},${`${"date" | "timestamptz"}` | `${"date" | Moment | "'"},${"string" | "'"}`}`, "timestamptz">,
    Record<`${Cut}(${"string" | "'"},${"integer" | "'"}${"" | ",integer" | ",'"}` | `substring(${"string" | "'"},string`, "string">,
    Record<`substring(bytes,${"integer" | "'"}` | `${Cut}(bytes,${"integer" | "'"},${"integer" | "'"}`, "bytes">,
    Record<`string_agg(${`string,${"string" | "'"}` | "',string" | "','"}`, "string">,
    Record<`string_agg(${"bytes,bytes" | "bytes,'" | "',bytes"}`, "bytes">,
    Record<`percentile_cont(${Number | "'"}`, "percentile_cont">,
    Record<`percentile_disc(${Number | "'"}`, "percentile_disc"> {}

/** What the sign before a value makes of it. */
export interface Signed {
  readonly integer: "integer"
  readonly decimal: "decimal"
  readonly double: "double"
  readonly interval: "interval"
  readonly time: "interval"
}

export interface Zoned {
  readonly date: "timestamp"
  readonly timestamp: "timestamptz"
  readonly timestamptz: "timestamp"
}

interface Wider {
  readonly "integer|decimal": "decimal"
  readonly "integer|double": "double"
  readonly "decimal|double": "double"
  readonly "date|timestamp": "timestamp"
  readonly "date|timestamptz": "timestamptz"
  readonly "timestamp|timestamptz": "timestamptz"
}

/** The type that CASE, COALESCE and the like give: of what they had so far, which is empty at first, and one value more. */
export type Common<Before extends string, Type extends string> = Before extends "" | Type
  ? Type
  : Type extends "'"
    ? Before
    : Before extends "'"
      ? Type
      : `${Before}|${Type}` extends infer Pair extends keyof Wider
        ? Wider[Pair]
        : `${Type}|${Before}` extends infer Pair extends keyof Wider
          ? Wider[Pair]
          : "unknown"

/** `NULLIF(a, b)` gives `a` as it is compared. */
export type NullIf<A extends string, B extends string> = A extends "'" | Number ? Common<A, B> : A

/** `||` with an array takes arrays of its kind and elements. */
export type Appended<A extends string, B extends string> = A extends `${infer Item}[]`
  ? B extends A | Item | "'"
    ? A
    : "unknown"
  : B extends `${infer Item}[]`
    ? A extends Item | "'"
      ? B
      : "unknown"
    : "unknown"
