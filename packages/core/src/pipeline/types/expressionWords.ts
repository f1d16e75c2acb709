/** The words and signs of expressions that the compiler knows, and the types of what they stand for. */

export type Comparison = "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" | "and" | "or" | "in" | "like" | "ilike" | "between" | "escape"
export type Product = "*" | "/" | "%"
export type Sum = "+" | "-"
/** Those that bind less than a sum and more than a comparison. */
export type Infix = "||" | "->" | "->>" | "#>" | "#>>" | "~" | "?"

/** Words that are no columns where an operand stands, and begin forms that are not read here. */
type Reserved = "all" | "any" | "current_time" | "current_user" | "default" | "exists" | "row" | "select" | "session_user" | "some" | "user"

export interface Constants {
  readonly true: "boolean"
  readonly false: "boolean"
  readonly null: "'"
  readonly current_date: "date"
  readonly current_timestamp: "timestamptz"
  readonly localtime: "time"
  readonly localtimestamp: "timestamp"
}

export interface TypeNames {
  readonly bool: "boolean"
  readonly boolean: "boolean"
  readonly int2: "integer"
  readonly int4: "integer"
  readonly int8: "integer"
  readonly int: "integer"
  readonly integer: "integer"
  readonly bigint: "integer"
  readonly smallint: "integer"
  readonly float8: "double"
  readonly double: "double"
  readonly numeric: "decimal"
  readonly decimal: "decimal"
  readonly text: "string"
  readonly string: "string"
  readonly varchar: "string"
  readonly bytea: "bytes"
  readonly bytes: "bytes"
  readonly date: "date"
  readonly time: "time"
  readonly timestamp: "timestamp"
  readonly timestamptz: "timestamptz"
  readonly interval: "interval"
  readonly uuid: "uuid"
  readonly json: "json"
}

/** Functions that give one type, whatever they are given. */
export interface Results
  extends
    Record<"array_length" | "array_lower" | "array_ndims" | "array_position" | "array_upper" | "ascii" | "bit_length", "integer">,
    Record<"cardinality" | "char_length" | "character_length" | "count" | "datediff" | "json_array_length" | "length", "integer">,
    Record<"octet_length" | "position" | "regexp_count" | "strpos", "integer">,
    Record<"array_to_string" | "btrim" | "chr" | "concat" | "concat_ws" | "encode" | "initcap" | "json_typeof", "string">,
    Record<"json_extract_path_text" | "left" | "lower" | "lpad" | "ltrim" | "md5" | "overlay" | "regexp_replace", "string">,
    Record<"regexp_substr" | "repeat" | "replace" | "reverse" | "right" | "rpad" | "rtrim" | "split_part", "string">,
    Record<"to_char" | "to_hex" | "translate" | "trim" | "upper", "string">,
    Record<"bool_and" | "bool_or" | "every" | "isfinite" | "regexp_like" | "starts_with", "boolean">,
    Record<"extract" | "factorial", "decimal">,
    Record<"date_part" | "degrees" | "pi" | "radians", "double">,
    Record<"age" | "justify_days" | "justify_hours" | "justify_interval", "interval">,
    Record<"make_date" | "to_date", "date">,
    Record<"localtime" | "make_time", "time">,
    Record<"localtimestamp" | "make_timestamp", "timestamp">,
    Record<
      "clock_timestamp" | "current_timestamp" | "now" | "statement_timestamp" | "to_timestamp" | "transaction_timestamp",
      "timestamptz"
    >,
    Record<"decode" | "sha224" | "sha256" | "sha384" | "sha512", "bytes">,
    Record<"json_build_array" | "json_build_object" | "json_extract_path" | "to_json", "json">,
    Record<"array_positions", "integer[]">,
    Record<"regexp_match" | "string_to_array", "string[]">,
    Record<"mode", "mode"> {}

export type Signs = "(" | ")" | "'" | "0" | "0." | "not" | "case" | "^" | Product | Sum | Infix
export type Keyword =
  | keyof Constants
  | Reserved
  | Comparison
  | "when"
  | "then"
  | "else"
  | "distinct"
  | "symmetric"
  | "both"
  | "leading"
  | "trailing"
  | "array"
  | "as"
  | "from"
  | "for"
  | "is"
  | "end"
  | ","
  | "::"
  | "["
  | "]"
