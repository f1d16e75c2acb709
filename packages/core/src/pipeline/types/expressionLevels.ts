/** What the levels of an expression give: the types of values with what waits for them, and of brackets at their end. */
import type { Appended, Calls, Common, NullIf, Operations, Signed } from "./expressionOperations.ts"
import type { Results, TypeNames } from "./expressionWords.ts"

/** A literal that nothing has given a type is a text. */
export type Scalar<Type extends string> = Type extends "'" ? "string" : Type

export type ArrayOf<Type extends string> = Type extends "unknown" | `${string}[]` ? "unknown" : `${Type}[]`

/** The level's kind behind a comma: with what stood before it. */
export type Next<K extends string, Type extends string> = K extends `coalesce ${infer Before}`
  ? `coalesce ${Common<Before, Type>}`
  : K extends `${string}(${string}`
    ? K extends "("
      ? "list"
      : `${K}${Type},`
    : K extends `array ${infer Before}`
      ? `array ${Common<Before, Type>}`
      : K extends "list" | `gives ${string}`
        ? K
        : "lost"

/** What a level gives whose last value has this type; `lost` where it cannot end here. */
export type ResultOf<K extends string, Type extends string> = K extends "("
  ? Type
  : K extends `${infer Function}(${infer Before}`
    ? Function extends keyof Results
      ? Results[Function]
      : `${K}${Type}` extends infer Given extends keyof Calls
        ? Calls[Given]
        : Choice<Function, Before, Type>
    : K extends `coalesce ${infer Before}`
      ? Scalar<Common<Before, Type>>
      : K extends `gives ${infer Result}`
        ? Result
        : K extends `within ${infer Aggregate}`
          ? Aggregate extends "percentile_cont"
            ? Type extends "interval" | "time"
              ? "interval"
              : "double"
            : Aggregate extends "percentile_disc" | "mode"
              ? Type extends "'"
                ? "unknown"
                : Type
              : "lost"
          : K extends "list"
            ? "unknown"
            : "lost"

/** Functions that give one of their arguments, or an array with it. */
type Choice<Function extends string, Before extends string, Type extends string> = Function extends "min" | "max" | "any_value"
  ? Scalar<Type>
  : Function extends "nullif"
    ? Before extends `${infer First},`
      ? Scalar<NullIf<First, Type>>
      : "unknown"
    : Function extends "array_agg"
      ? Type extends "'"
        ? "unknown"
        : ArrayOf<Type>
      : Function extends "array_append" | "array_cat" | "array_prepend" | "array_remove"
        ? Before extends `${infer First},`
          ? Appended<First, Type>
          : "unknown"
        : Function extends "array_reverse" | "array_sort" | "trim_array"
          ? `${Before}${Type}` extends `${infer First}[]${"" | `,${string}`}`
            ? `${First}[]`
            : "unknown"
          : "unknown"

/** What a value gives with what waits for it. */
export type Apply<Waiting extends string, Type extends string> = Waiting extends ""
  ? Type
  : Waiting extends `${infer Rest}_`
    ? Apply<Rest, Type extends keyof Signed ? Signed[Type] : "unknown">
    : `${Waiting}${Type}` extends infer Operation extends keyof Operations
      ? Operations[Operation]
      : Waiting extends `${string}~`
        ? "boolean"
        : Waiting extends `${infer Left}||`
          ? Appended<Left, Type>
          : "unknown"

export type Value<A extends string, S extends string, P extends string, Type extends string> = A extends "and"
  ? "boolean"
  : Apply<A, Apply<S, Apply<P, Type>>>

/** Behind `is`: a test that is complete, or one that another value follows; and the tokens after it. */
export type Test<List extends string> = List extends `not\n${infer Rest}`
  ? Test<Rest>
  : List extends `${"null" | "true" | "false" | "unknown"}\n${infer Rest}`
    ? ["whole", Rest]
    : List extends `distinct\nfrom\n${infer Rest}`
      ? ["value", Rest]
      : null

/** Behind `::`: the type, and the tokens after it. */
export type Cast<List extends string> = List extends `double\nprecision\n${infer Rest}`
  ? Brackets<"double", Rest>
  : List extends `${infer Name extends keyof TypeNames}\n${infer Rest}`
    ? Rest extends `(\n0\n)\n${infer After}`
      ? Brackets<TypeNames[Name], After>
      : Rest extends `(\n0\n,\n0\n)\n${infer After}`
        ? Brackets<TypeNames[Name], After>
        : Brackets<TypeNames[Name], Rest>
    : null

type Brackets<Type extends string, List extends string> = List extends `[\n]\n${infer Rest}`
  ? [`${Type}[]`, Rest]
  : List extends `with\ntime\nzone\n${infer Rest}`
    ? [`${Type}tz`, Rest]
    : List extends `without\ntime\nzone\n${infer Rest}`
      ? [Type, Rest]
      : [Type, List]
