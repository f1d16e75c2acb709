/**
 * Expressions of pipelines cut into tokens by the compiler. `null` where a text has something that is not known here: then nothing is said
 * about it before the definition is checked.
 *
 * The tokens are one text, each with a line end behind it: of a list the compiler would look at every item again with every step.
 *
 * | token | stands for |
 * |---|---|
 * | `age` | a word, in lower case |
 * | `"Age` | a quoted name |
 * | `:last_run` | a runtime value |
 * | `0`, `0.` | a whole number, any other number |
 * | `'` | a text |
 * | `~`, `?` | an operator that gives a boolean, one that is not known here |
 * | `<=`, `(`, `::` … | itself |
 */

type Letter =
  // prettier-ignore
  | "a" | "b" | "c" | "d" | "e" | "f" | "g" | "h" | "i" | "j" | "k" | "l" | "m" | "n" | "o" | "p" | "q" | "r" | "s" | "t" | "u" | "v" | "w"
  | "x" | "y" | "z" | "_"
type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"
type Start = Letter | Uppercase<Letter>
type OperatorSign = "+" | "-" | "*" | "/" | "%" | "<" | ">" | "=" | "!" | "|" | "~" | "^" | "&" | "#" | "@" | "?" | "`"
type KnownOperator = "+" | "-" | "*" | "/" | "%" | "<" | ">" | "=" | "<=" | ">=" | "<>" | "!=" | "||" | "->" | "->>" | "#>" | "#>>" | "^"
/** A minus right behind one of these is a sign of its own. */
type BeforeMinus = "+" | "*" | "/" | "<" | ">" | "=" | "<=" | ">=" | "<>"
type Blank = " " | "\n" | "\t" | "\r"

/** The compiler follows at most 1000 steps; one character takes one, and one token another. */
type IsLong<Text extends string, Count extends ReadonlyArray<0> = []> = Count["length"] extends 16
  ? true
  : Text extends `${infer _1}${infer _2}${infer _3}${infer _4}${infer _5}${infer _6}${infer _7}${infer _8}${infer _9}${infer _10}${infer _11}${infer _12}${infer _13}${infer _14}${infer _15}${infer _16}${infer _17}${infer _18}${infer _19}${infer _20}${infer Rest}`
    ? IsLong<Rest, [...Count, 0]>
    : false

/** A text that is not one literal has no names that could be looked at. */
type IsLiteral<Text extends string> = {} extends Readonly<Record<Text, 0>> ? false : true

export type Tokens<Text extends string> = IsLiteral<Text> extends true ? (IsLong<Text> extends true ? null : Lex<Text, "">) : null

type Lex<Text extends string, Out extends string> = Text extends `${infer Sign}${infer Rest}`
  ? Sign extends Start
    ? Word<Text, Out>
    : Sign extends Blank
      ? Lex<Rest, Out>
      : Sign extends "(" | ")" | "," | "[" | "]"
        ? Lex<Rest, `${Out}${Sign}\n`>
        : Sign extends "'"
          ? Quote<Rest, Out>
          : Sign extends Digit
            ? Numeral<Rest, Sign, Out>
            : Sign extends OperatorSign
              ? Operator<Rest, Sign, Out>
              : Sign extends ":"
                ? Rest extends `:${infer Cast}`
                  ? Lex<Cast, `${Out}::\n`>
                  : Rest extends `${Start}${string}`
                    ? Letters<Rest, ":", Out>
                    : null
                : Sign extends '"'
                  ? Rest extends `${infer Name}"${infer After}`
                    ? `${Name}|${After}` extends `${string}\n${string}|${string}` | `${string}|"${string}`
                      ? null
                      : Lex<After, `${Out}"${Name}\n`>
                    : null
                  : null
  : Out

type Before<Text extends string, Sign extends string> = Text extends `${infer Head}${Sign}${string}` ? Head : Text

/** Up to the blank or bracket where most words end: a few steps where one for each character would be many. */
type WordAt<Text extends string> = Before<Before<Before<Before<Text, " ">, ",">, "(">, ")">

type NoWord = `${string}${OperatorSign | "'" | '"' | "$" | "." | ":" | ";" | "[" | "]" | "\n" | "\t" | "\r" | "\\"}${string}`

type Word<Text extends string, Out extends string> =
  WordAt<Text> extends infer Name extends string
    ? Name extends NoWord
      ? Letters<Text, "", Out>
      : Text extends `${Name}${infer Rest}`
        ? Lex<Rest, `${Out}${Lowercase<Name>}\n`>
        : null
    : null

/** A quote right behind a word makes it a prefix, as in `E'\n'`. */
type Letters<Text extends string, Name extends string, Out extends string> = Text extends `${infer Sign}${infer Rest}`
  ? Sign extends Start | Digit
    ? Letters<Rest, `${Name}${Sign}`, Out>
    : Sign extends "'" | '"' | "$" | "."
      ? null
      : Lex<Text, `${Out}${Lowercase<Name>}\n`>
  : `${Out}${Lowercase<Name>}\n`

type Numeral<Text extends string, Name extends string, Out extends string> = Text extends `${infer Sign}${infer Rest}`
  ? Sign extends Start | Digit | "."
    ? Numeral<Rest, `${Name}${Sign}`, Out>
    : Lex<Text, `${Out}${KindOfNumber<Name>}\n`>
  : `${Out}${KindOfNumber<Name>}\n`

/** Whole numbers of up to 15 digits; whether a longer one fits into 64 bits is not asked here. */
type KindOfNumber<Name extends string> =
  Name extends `${infer _1}${infer _2}${infer _3}${infer _4}${infer _5}${infer _6}${infer _7}${infer _8}${infer _9}${infer _10}${infer _11}${infer _12}${infer _13}${infer _14}${infer _15}${infer _16}${string}`
    ? ":number"
    : Name extends `${bigint}`
      ? "0"
      : Name extends `${string}${Start}${string}`
        ? ":number"
        : "0."

type Quote<Text extends string, Out extends string> = Text extends `${string}'${infer After}`
  ? After extends `'${infer Rest}`
    ? Quote<Rest, Out>
    : Lex<After, `${Out}'\n`>
  : null

type Operator<Text extends string, Signs extends string, Out extends string> = Text extends `${infer Sign}${infer Rest}`
  ? Sign extends OperatorSign
    ? Operator<Rest, `${Signs}${Sign}`, Out>
    : KnownSigns<Signs> extends infer Known extends string
      ? Lex<Text, `${Out}${Known}\n`>
      : null
  : null

type KnownSigns<Signs extends string> = Signs extends KnownOperator
  ? Signs
  : Signs extends `${"" | "!"}${"~" | "~~"}${"" | "*"}` | "@>" | "<@" | "&&" | "^@"
    ? "~"
    : Signs extends `${string}${"--" | "/*"}${string}`
      ? null
      : Signs extends `${infer Known extends BeforeMinus}-`
        ? `${Known}\n-`
        : "?"
