/** The words and signs of expressions that the compiler knows, and the types of what they stand for. */

export type Comparison = "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" | "and" | "or" | "in" | "like" | "ilike" | "between"
export type Infix = "+" | "-" | "*" | "/" | "%" | "||" | "~" | "?"

/** Words that are no columns where an operand stands, and begin forms that are not read here. */
type Reserved =
  | "all"
  | "any"
  | "array"
  | "both"
  | "current_time"
  | "current_user"
  | "default"
  | "exists"
  | "leading"
  | "localtime"
  | "localtimestamp"
  | "row"
  | "select"
  | "session_user"
  | "some"
  | "trailing"
  | "user"

export interface Constants {
  readonly true: "boolean"
  readonly false: "boolean"
  readonly null: "unknown"
  readonly current_date: "date"
  readonly current_timestamp: "timestamptz"
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
export interface Results {
  readonly concat: "string"
  readonly concat_ws: "string"
  readonly count: "integer"
  readonly initcap: "string"
  readonly length: "integer"
  readonly lower: "string"
  readonly ltrim: "string"
  readonly md5: "string"
  readonly now: "timestamptz"
  readonly replace: "string"
  readonly rtrim: "string"
  readonly split_part: "string"
  readonly starts_with: "boolean"
  readonly to_char: "string"
  readonly upper: "string"
}

export type Signs = "(" | ")" | "'" | "0" | "0." | "not" | "case" | Infix
export type Keyword =
  | keyof Constants
  | Reserved
  | Comparison
  | "when"
  | "then"
  | "else"
  | "distinct"
  | "as"
  | "from"
  | "for"
  | "is"
  | "end"
  | "at"
  | ","
  | "::"
  | "["
  | "]"
