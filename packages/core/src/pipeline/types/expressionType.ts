/**
 * What the compiler can tell of an expression: the columns that it names and that are not there, and the type of its result.
 *
 * It reads operands and operators in turn. Each level of brackets keeps what still waits for its right side: at most one product, one sum
 * and one operator that binds less, since those of one kind are computed from left to right. Comparisons, AND, OR and NOT bind least and
 * give a boolean, so behind one of them nothing of the level counts any more. What it does not know gives `unknown`, or, where it lost
 * track, names no column either. The check of the definition is the judge; this only has to be right where it says something.
 */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { Columns, IsAny } from "./Columns.ts"
import type { Apply, ArrayOf, Cast, Next, ResultOf, Scalar, Test, Value } from "./expressionLevels.ts"
import type { Common, Zoned } from "./expressionOperations.ts"
import type { Tokens } from "./expressionTokens.ts"
import type { Comparison, Constants, Infix, Keyword, Product, Results, Signs, Sum, TypeNames } from "./expressionWords.ts"

export interface ExpressionFacts {
  /** `'` where the whole text is a quoted literal or null, which takes the type that is asked for. */
  readonly value: string
  readonly type: ColumnType | "unknown"
  /** Names of columns that are not there, as a union. */
  readonly missing: string
}

interface Unknown {
  readonly value: "unknown"
  readonly type: "unknown"
  readonly missing: never
}

/** What an expression over these columns gives, and what it misses. */
export type ExpressionOf<Text, C extends Columns> =
  IsAny<C> extends true
    ? Unknown
    : Text extends string
      ? Tokens<Text> extends infer List extends string
        ? Operand<List, Names<C>, "text", "", "", "", never, never>
        : Unknown
      : Unknown

/** Names in lower case too: a name that is not quoted finds a column that differs in case only. */
interface Names<C extends Columns> {
  readonly exact: C
  readonly folded: { readonly [Name in keyof C as Lowercase<Name & string>]: C[Name] }
}

/**
 * Where a value is expected. `N` are the names and `K` the level's kind. `A`, `S` and `P` wait for it: an operator that binds less than a
 * sum (`string||`; `and` where the level gives a boolean in any case), a sum (`integer+`), and a product or signs (`integer*_`). `Outer`
 * are the levels around it, `M` what is missing so far. They are parameters and not one object, since the compiler would put off what is
 * in an object until it is too deep.
 *
 * | kind | level of |
 * |---|---|
 * | `text`, `(`, `list` | the whole text, brackets, brackets with a comma in them |
 * | `lower(string,` | a call, with the types of the arguments so far |
 * | `coalesce integer` | arguments of one type, with that type so far; `array …` is the same in square brackets |
 * | `when integer`, `then integer` | CASE, before and behind THEN, with the type so far |
 * | `gives string` | brackets whose type is known before their end |
 * | `within mode` | WITHIN GROUP, with the aggregate |
 */
type Operand<
  List extends string,
  N extends Names<Columns>,
  K extends string,
  A extends string,
  S extends string,
  P extends string,
  Outer,
  M extends string,
> = List extends `${infer Token}\n${infer Rest}`
  ? Token extends Signs
    ? Sign<Token, Rest, N, K, A, S, P, Outer, M>
    : Rest extends `${"(" | "'"}\n${string}`
      ? Call<Token, Rest, N, K, A, S, P, Outer, M>
      : Token extends Keyword
        ? Constant<Token, Rest, N, K, A, S, P, Outer, M>
        : Token extends keyof N["exact"]
          ? Operator<Rest, N["exact"][Token], N, K, A, S, P, Outer, M>
          : Token extends keyof N["folded"]
            ? Operator<Rest, N["folded"][Token] & string, N, K, A, S, P, Outer, M>
            : Token extends `:${string}`
              ? Operator<Rest, "unknown", N, K, A, S, P, Outer, M>
              : Token extends `"${infer Name}`
                ? Name extends keyof N["exact"]
                  ? Operator<Rest, N["exact"][Name], N, K, A, S, P, Outer, M>
                  : Operator<Rest, "unknown", N, K, A, S, P, Outer, M | Name>
                : Operator<Rest, "unknown", N, K, A, S, P, Outer, M | Token>
  : Unknown

type Sign<
  Token extends Signs,
  Rest extends string,
  N extends Names<Columns>,
  K extends string,
  A extends string,
  S extends string,
  P extends string,
  Outer,
  M extends string,
> = Token extends "'"
  ? Operator<Rest, "'", N, K, A, S, P, Outer, M>
  : Token extends "0"
    ? Operator<Rest, "integer", N, K, A, S, P, Outer, M>
    : Token extends "0."
      ? Operator<Rest, "decimal", N, K, A, S, P, Outer, M>
      : Token extends "("
        ? Operand<Rest, N, "(", "", "", "", [K, A, S, P, Outer], M>
        : Token extends ")"
          ? K extends `${infer Function}(`
            ? Close<Rest, Function extends keyof Results ? Results[Function] : "unknown", N, Outer, M>
            : Unknown
          : Token extends "case"
            ? Operand<Rest, N, "when ", "", "", "", [K, A, S, P, Outer], M>
            : Token extends Sum
              ? Operand<Rest, N, K, A, S, `${P}_`, Outer, M>
              : Token extends "not"
                ? Operand<Rest, N, K, "and", "", "", Outer, M>
                : Token extends "*"
                  ? K extends "count("
                    ? Rest extends `)\n${infer After}`
                      ? Close<After, "integer", N, Outer, M>
                      : Unknown
                    : Unknown
                  : Unknown

/** A word with a bracket or a text behind it: a function, or a literal with its type in front. */
type Call<
  Token extends string,
  Rest extends string,
  N extends Names<Columns>,
  K extends string,
  A extends string,
  S extends string,
  P extends string,
  Outer,
  M extends string,
> = Rest extends `(\n${infer Arguments}`
  ? Token extends Keyword
    ? Constant<Token, Rest, N, K, A, S, P, Outer, M>
    : Token extends "extract"
      ? Arguments extends `${string}\nfrom\n${infer Source}`
        ? Operand<Source, N, "gives decimal", "", "", "", [K, A, S, P, Outer], M>
        : Unknown
      : Token extends "coalesce" | "greatest" | "least"
        ? Operand<Arguments, N, "coalesce ", "", "", "", [K, A, S, P, Outer], M>
        : Operand<Arguments, N, `${Token}(`, "", "", "", [K, A, S, P, Outer], M>
  : Token extends keyof TypeNames
    ? Rest extends `'\n${infer After}`
      ? Operator<After, TypeNames[Token], N, K, A, S, P, Outer, M>
      : Unknown
    : Constant<Token, Rest, N, K, A, S, P, Outer, M>

type Constant<
  Token extends string,
  Rest extends string,
  N extends Names<Columns>,
  K extends string,
  A extends string,
  S extends string,
  P extends string,
  Outer,
  M extends string,
> = Token extends keyof Constants
  ? Operator<Rest, Constants[Token], N, K, A, S, P, Outer, M>
  : Token extends "when"
    ? K extends "when "
      ? Operand<Rest, N, K, "", "", "", Outer, M>
      : Unknown
    : Token extends "symmetric"
      ? Operand<Rest, N, K, A, S, P, Outer, M>
      : Token extends "distinct" | "both" | "leading" | "trailing"
        ? K extends `${string}(`
          ? Operand<Rest, N, K, A, S, P, Outer, M>
          : Unknown
        : Token extends "from"
          ? K extends "trim("
            ? Operand<Rest, N, K, A, S, P, Outer, M>
            : Unknown
          : Token extends "array"
            ? Rest extends `[\n${infer Items}`
              ? Operand<Items, N, "array ", "", "", "", [K, A, S, P, Outer], M>
              : Unknown
            : Token extends "any" | "all" | "some"
              ? Rest extends `(\n${infer Items}`
                ? Operand<Items, N, "gives unknown", "", "", "", [K, A, S, P, Outer], M>
                : Unknown
              : Unknown

/** Behind a value of this type. */
type Operator<
  List extends string,
  Type extends string,
  N extends Names<Columns>,
  K extends string,
  A extends string,
  S extends string,
  P extends string,
  Outer,
  M extends string,
> = List extends `${infer Token}\n${infer Rest}`
  ? Token extends Comparison
    ? Operand<Rest, N, K, "and", "", "", Outer, M>
    : Token extends Product
      ? Operand<Rest, N, K, A, S, `${Apply<P, Type>}${Token}`, Outer, M>
      : Token extends Sum
        ? Operand<Rest, N, K, A, `${Apply<S, Apply<P, Type>>}${Token}`, "", Outer, M>
        : Token extends Infix
          ? Operand<Rest, N, K, A extends "and" ? A : `${Value<A, S, P, Type>}${Token}`, "", "", Outer, M>
          : Token extends ")"
            ? Close<Rest, ResultOf<K, Value<A, S, P, Type>>, N, Outer, M>
            : Token extends ","
              ? Operand<Rest, N, Next<K, Value<A, S, P, Type>>, "", "", "", Outer, M>
              : Token extends "::"
                ? Cast<Rest> extends [infer Target extends string, infer After extends string]
                  ? Operator<After, Target, N, K, A, S, P, Outer, M>
                  : Unknown
                : Token extends "is"
                  ? Test<Rest> extends [infer Kind, infer After extends string]
                    ? Kind extends "value"
                      ? Operand<After, N, K, "and", "", "", Outer, M>
                      : Operator<After, "boolean", N, K, "and", "", "", Outer, M>
                    : Unknown
                  : Token extends "["
                    ? Operand<Rest, N, `item ${Type extends `${infer Item}[]` ? Item : "unknown"}`, "", "", "", [K, A, S, P, Outer], M>
                    : Word<Token, Rest, Type, N, K, A, S, P, Outer, M>
  : K extends "text"
    ? Finished<Value<A, S, P, Type>, M>
    : Unknown

interface Finished<Type extends string, M extends string> {
  readonly value: Type
  readonly type: Scalar<Type>
  readonly missing: M
}

/** Behind the bracket that ends a level. */
type Close<List extends string, Type extends string, N extends Names<Columns>, Outer, M extends string> = Outer extends [
  infer K extends string,
  infer A extends string,
  infer S extends string,
  infer P extends string,
  infer Rest,
]
  ? Type extends "lost"
    ? Unknown
    : Operator<List, Type, N, K, A, S, P, Rest, M>
  : Unknown

/** A word behind a value that belongs to the form around it. */
type Word<
  Token extends string,
  Rest extends string,
  Type extends string,
  N extends Names<Columns>,
  K extends string,
  A extends string,
  S extends string,
  P extends string,
  Outer,
  M extends string,
> = Token extends "when" | "then" | "else" | "end"
  ? Branch<Token, Rest, Value<A, S, P, Type>, N, K, Outer, M>
  : Token extends "^"
    ? // A power binds more than the product that may wait.
      Operand<Rest, N, K, A, S, P extends `${string}${Product}${string}` ? "?" : `${Apply<P, Type>}^`, Outer, M>
    : Token extends "not"
      ? Rest extends `${Comparison}\n${string}`
        ? Operator<Rest, Type, N, K, A, S, P, Outer, M>
        : Unknown
      : Token extends "from" | "for" | "placing"
        ? K extends `${"substring" | "trim" | "overlay"}(${string}`
          ? Operand<Rest, N, Next<K, Value<A, S, P, Type>>, "", "", "", Outer, M>
          : Unknown
        : Token extends "as"
          ? K extends "cast("
            ? Cast<Rest> extends [infer Target extends string, `)\n${infer After}`]
              ? Close<After, Target, N, Outer, M>
              : Unknown
            : Unknown
          : Token extends "at"
            ? Rest extends `time\nzone\n${"" | "interval\n"}'\n${infer After}`
              ? Operator<After, Type extends keyof Zoned ? Zoned[Type] : "unknown", N, K, A, S, P, Outer, M>
              : Rest extends `time\nzone\n${infer After}`
                ? Operand<After, N, K, A, S, `${P}?`, Outer, M>
                : Unknown
            : Token extends "]"
              ? K extends `array ${infer Before}`
                ? Close<Rest, ArrayOf<Scalar<Common<Before, Value<A, S, P, Type>>>>, N, Outer, M>
                : K extends `item ${infer Item}`
                  ? Close<Rest, Item, N, Outer, M>
                  : Unknown
              : Grouped<Token, Rest, Type, N, K, A, S, P, Outer, M>

type Branch<
  Token extends "when" | "then" | "else" | "end",
  Rest extends string,
  Type extends string,
  N extends Names<Columns>,
  K extends string,
  Outer,
  M extends string,
> = Token extends "then"
  ? K extends `when ${infer Before}`
    ? Operand<Rest, N, `then ${Before}`, "", "", "", Outer, M>
    : Unknown
  : K extends `then ${infer Before}`
    ? Token extends "end"
      ? Close<Rest, Scalar<Common<Before, Type>>, N, Outer, M>
      : Operand<Rest, N, `${Token extends "when" ? "when" : "then"} ${Common<Before, Type>}`, "", "", "", Outer, M>
    : Token extends "when"
      ? K extends "when "
        ? Operand<Rest, N, K, "", "", "", Outer, M>
        : Unknown
      : Unknown

/** What stands behind an aggregate, or in its brackets behind the arguments. */
type Grouped<
  Token extends string,
  Rest extends string,
  Type extends string,
  N extends Names<Columns>,
  K extends string,
  A extends string,
  S extends string,
  P extends string,
  Outer,
  M extends string,
> = Token extends "filter"
  ? Rest extends `(\nwhere\n${infer Condition}`
    ? Operand<Condition, N, `gives ${Type}`, "", "", "", [K, A, S, P, Outer], M>
    : Unknown
  : Token extends "within"
    ? Rest extends `group\n(\norder\nby\n${infer Key}`
      ? Operand<Key, N, `within ${Type}`, "", "", "", [K, A, S, P, Outer], M>
      : Unknown
    : Token extends "order"
      ? Rest extends `by\n${infer Key}`
        ? Operand<Key, N, `gives ${ResultOf<K, Value<A, S, P, Type>>}`, "", "", "", Outer, M>
        : Unknown
      : K extends `${"gives" | "within"} ${string}`
        ? Token extends "asc" | "desc"
          ? Operator<Rest, Type, N, K, A, S, P, Outer, M>
          : `${Token}\n${Rest}` extends `nulls\n${"first" | "last"}\n${infer After}`
            ? Operator<After, Type, N, K, A, S, P, Outer, M>
            : Unknown
        : Unknown
