/**
 * What the compiler can tell of an expression: the columns that it names and that are not there, and the type of its result.
 *
 * It reads operands and operators in turn, with a stack for brackets, and keeps for each level the operators and the types that it has met.
 * Since PostgreSQL's operators bind in a fixed order, the set of them says what the result is: with any comparison it is a boolean, else
 * with `||` it is a text, and so on. What it does not know gives `unknown` and names no column. The check of the definition is the judge;
 * this
 * only has to be right where it says something.
 */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { Columns, IsAny } from "./Columns.ts"
import type { Tokens } from "./expressionTokens.ts"
import type { Comparison, Constants, Infix, Keyword, Results, Signs, TypeNames } from "./expressionWords.ts"

export interface ExpressionFacts {
  readonly type: ColumnType | "unknown"
  /** Names of columns that are not there, as a union. */
  readonly missing: string
}

interface Unknown {
  readonly type: "unknown"
  readonly missing: never
}

/** What an expression over these columns gives, and what it misses. */
export type ExpressionOf<Text, C extends Columns> =
  IsAny<C> extends true
    ? Unknown
    : Text extends string
      ? Tokens<Text> extends infer List extends string
        ? Operand<List, Names<C>, "text", never, never, null, never>
        : Unknown
      : Unknown

/** Names in lower case too: a name that is not quoted finds a column that differs in case only. */
interface Names<C extends Columns> {
  readonly exact: C
  readonly folded: { readonly [Name in keyof C as Lowercase<Name & string>]: C[Name] }
}

/**
 * Where a value is expected. `N` are the names, `K`, `O` and `T` the level's kind, operators and types, `Outer` the levels around it, `M`
 * what
 * is missing so far. They are parameters and not one object, since the compiler would put off what is in an object until it is too deep.
 */
type Operand<
  List extends string,
  N extends Names<Columns>,
  K extends string,
  O extends string,
  T extends string,
  Outer,
  M extends string,
> = List extends `${infer Token}\n${infer Rest}`
  ? Token extends Signs
    ? Sign<Token, Rest, N, K, O, T, Outer, M>
    : Rest extends `${"(" | "'"}\n${string}`
      ? Call<Token, Rest, N, K, O, T, Outer, M>
      : Token extends Keyword
        ? Constant<Token, Rest, N, K, O, T, Outer, M>
        : Token extends keyof N["exact"]
          ? Operator<Rest, N["exact"][Token], N, K, O, T, Outer, M>
          : Token extends keyof N["folded"]
            ? Operator<Rest, N["folded"][Token] & string, N, K, O, T, Outer, M>
            : Token extends `:${string}`
              ? Operator<Rest, "unknown", N, K, O, T, Outer, M>
              : Token extends `"${infer Name}`
                ? Name extends keyof N["exact"]
                  ? Operator<Rest, N["exact"][Name], N, K, O, T, Outer, M>
                  : Operator<Rest, "unknown", N, K, O, T, Outer, M | Name>
                : Operator<Rest, "unknown", N, K, O, T, Outer, M | Token>
  : Unknown

type Sign<
  Token extends Signs,
  Rest extends string,
  N extends Names<Columns>,
  K extends string,
  O extends string,
  T extends string,
  Outer,
  M extends string,
> = Token extends "'"
  ? Operator<Rest, "'", N, K, O, T, Outer, M>
  : Token extends "0"
    ? Operator<Rest, "integer", N, K, O, T, Outer, M>
    : Token extends "0."
      ? Operator<Rest, "decimal", N, K, O, T, Outer, M>
      : Token extends "("
        ? Operand<Rest, N, "(", never, never, [K, O, T, Outer], M>
        : Token extends ")"
          ? K extends `${string}()`
            ? Close<Rest, ResultOf<K>, N, Outer, M>
            : Unknown
          : Token extends "case"
            ? Operand<Rest, N, "case", never, never, [K, O, T, Outer], M>
            : Operand<Rest, N, K, O | (Token extends "-" | "+" ? Token : Token extends "not" ? "and" : "?"), T, Outer, M>

/** A word with a bracket or a text behind it: a function, or a literal with its type in front. */
type Call<
  Token extends string,
  Rest extends string,
  N extends Names<Columns>,
  K extends string,
  O extends string,
  T extends string,
  Outer,
  M extends string,
> = Rest extends `(\n${infer Arguments}`
  ? Token extends "extract"
    ? Arguments extends `${infer _}\n${infer Behind}`
      ? Behind extends `from\n${infer Source}`
        ? Operand<Source, N, "extract()", never, never, [K, O, T, Outer], M>
        : Unknown
      : Unknown
    : Token extends Comparison | "when" | "then" | "else" | "distinct"
      ? Token extends "distinct" | "when" | "then" | "else"
        ? Constant<Token, Rest, N, K, O, T, Outer, M>
        : Unknown
      : Operand<Arguments, N, `${Token}()`, never, never, [K, O, T, Outer], M>
  : Token extends keyof TypeNames
    ? Rest extends `'\n${infer After}`
      ? Operator<After, TypeNames[Token], N, K, O, T, Outer, M>
      : Unknown
    : Token extends "distinct" | "when" | "then" | "else"
      ? Constant<Token, Rest, N, K, O, T, Outer, M>
      : Unknown

type Constant<
  Token extends string,
  Rest extends string,
  N extends Names<Columns>,
  K extends string,
  O extends string,
  T extends string,
  Outer,
  M extends string,
> = Token extends keyof Constants
  ? Operator<Rest, Constants[Token], N, K, O, T, Outer, M>
  : Token extends "when" | "then" | "else"
    ? K extends "case"
      ? Operand<Rest, N, K, O, T, Outer, M>
      : Unknown
    : Token extends "distinct"
      ? Operand<Rest, N, K, O, T, Outer, M>
      : Unknown

/** Behind a value of this type. */
type Operator<
  List extends string,
  Type extends string,
  N extends Names<Columns>,
  K extends string,
  O extends string,
  T extends string,
  Outer,
  M extends string,
> = List extends `${infer Token}\n${infer Rest}`
  ? Token extends Comparison
    ? Operand<Rest, N, K, O | "and", T | Type, Outer, M>
    : Token extends Infix
      ? Operand<Rest, N, K, O | Token, T | Type, Outer, M>
      : Token extends ")"
        ? K extends "("
          ? Close<Rest, Result<O, T | Type>, N, Outer, M>
          : K extends `${string}()` | "list"
            ? Close<Rest, ResultOf<K>, N, Outer, M>
            : Unknown
        : Token extends ","
          ? K extends `${string}()` | "list"
            ? Operand<Rest, N, K, O, T, Outer, M>
            : K extends "("
              ? Operand<Rest, N, "list", never, never, Outer, M>
              : Unknown
          : Token extends "::"
            ? Cast<Rest> extends [infer Target extends string, infer After extends string]
              ? Operator<After, Target, N, K, O, T, Outer, M>
              : Unknown
            : Token extends "is"
              ? Test<Rest> extends [infer Kind, infer After extends string]
                ? Kind extends "value"
                  ? Operand<After, N, K, O | "and", T | Type, Outer, M>
                  : Operator<After, Type, N, K, O | "and", T, Outer, M>
                : Unknown
              : Token extends "not"
                ? Rest extends `${Comparison}\n${string}`
                  ? Operator<Rest, Type, N, K, O, T, Outer, M>
                  : Unknown
                : Word<Token, Rest, Type, N, K, O, T, Outer, M>
  : K extends "text"
    ? { readonly type: Result<O, T | Type>; readonly missing: M }
    : Unknown

/** Behind the bracket that ends a level. */
type Close<List extends string, Type extends string, N extends Names<Columns>, Outer, M extends string> = Outer extends [
  infer K extends string,
  infer O extends string,
  infer T extends string,
  infer Rest,
]
  ? Operator<List, Type, N, K, O, T, Rest, M>
  : Unknown

/** A word behind a value that belongs to the form around it. */
type Word<
  Token extends string,
  Rest extends string,
  Type extends string,
  N extends Names<Columns>,
  K extends string,
  O extends string,
  T extends string,
  Outer,
  M extends string,
> = Token extends "when" | "then" | "else"
  ? K extends "case"
    ? Operand<Rest, N, K, O, T, Outer, M>
    : Unknown
  : Token extends "end"
    ? K extends "case"
      ? Close<Rest, "unknown", N, Outer, M>
      : Unknown
    : Token extends "from" | "for"
      ? K extends "substring()" | "trim()"
        ? Operand<Rest, N, K, O, T, Outer, M>
        : Unknown
      : Token extends "as"
        ? K extends "cast()"
          ? Cast<Rest> extends [infer Target extends string, `)\n${infer After}`]
            ? Close<After, Target, N, Outer, M>
            : Unknown
          : Unknown
        : Token extends "at"
          ? Rest extends `time\nzone\n${infer After}`
            ? Operand<After, N, K, O | "?", T | Type, Outer, M>
            : Unknown
          : Unknown

/** Behind `is`: a test that is complete, or one that another value follows; and the tokens after it. */
type Test<List extends string> = List extends `not\n${infer Rest}`
  ? Test<Rest>
  : List extends `${"null" | "true" | "false" | "unknown"}\n${infer Rest}`
    ? ["whole", Rest]
    : List extends `distinct\nfrom\n${infer Rest}`
      ? ["value", Rest]
      : null

/** Behind `::`: the type, and the tokens after it. */
type Cast<List extends string> = List extends `double\nprecision\n${infer Rest}`
  ? Brackets<"double", Rest>
  : List extends `${infer Name extends keyof TypeNames}\n${infer Rest}`
    ? Rest extends `(\n0\n)\n${infer After}`
      ? Brackets<TypeNames[Name], After>
      : Rest extends `(\n0\n,\n0\n)\n${infer After}`
        ? Brackets<TypeNames[Name], After>
        : Brackets<TypeNames[Name], Rest>
    : null

type Brackets<Type extends string, List extends string> = List extends `[\n]\n${infer Rest}` ? [`${Type}[]`, Rest] : [Type, List]

type ResultOf<Kind extends string> = Kind extends `${infer Function extends keyof Results}()` ? Results[Function] : "unknown"

type Arithmetic = "+" | "-" | "*" | "/" | "%"
type Number = "integer" | "decimal" | "double"
/** What becomes text beside `||` and a text. Arrays, JSON and bytes have a `||` of their own. */
type Joined = "'" | "string" | "boolean" | Number | "date" | "time" | "timestamp" | "timestamptz" | "interval" | "uuid"

type Result<Operators extends string, Types extends string> = [Operators] extends [never]
  ? Types extends "'"
    ? "string"
    : Types
  : "and" extends Operators
    ? "boolean"
    : "?" extends Operators
      ? "unknown"
      : "~" extends Operators
        ? "||" extends Operators
          ? "unknown"
          : "boolean"
        : "||" extends Operators
          ? [Types] extends [Joined]
            ? [Extract<Types, "'" | "string">] extends [never]
              ? "unknown"
              : "string"
            : "unknown"
          : [Operators] extends [Arithmetic]
            ? [Types] extends ["integer"]
              ? "integer"
              : [Types] extends ["integer" | "decimal"]
                ? "decimal"
                : [Types] extends [Number]
                  ? "%" extends Operators
                    ? "unknown"
                    : "double"
                  : "unknown"
            : "unknown"
