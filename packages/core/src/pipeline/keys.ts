/** Building blocks of the definition's schema. Every key has a description: editors, the reference page and messages show it. */
import * as Schema from "effect/Schema"

/** A key that may be left out. */
export const optional = <S extends Schema.Top>(schema: S, description: string) => Schema.optionalKey(described(schema, description))

/** A key that must be there. */
export const required = <S extends Schema.Top>(schema: S, description: string) => described(schema, description)

const described = <S extends Schema.Top>(schema: S, description: string): S["Rebuild"] => schema.annotate({ description })

/** Text with something in it. */
export const Text = Schema.String.check(Schema.isNonEmpty({ expected: "text that is not empty" })).annotate({ expected: "text" })

export const Flag = Schema.Boolean.annotate({ expected: "true or false" })

export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ expected: "a whole number, 0 or more" })

export const Positive = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ expected: "a whole number, 1 or more" })

export const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 })).annotate({ expected: "a port from 1 to 65535" })

/** An SQL expression as text; a plain number or truth value is an expression too. */
export const Expression = Schema.Union([Text, Schema.Finite, Schema.Boolean]).annotate({ expected: "an SQL expression as text" })

/** One name, or a list of them. */
export const Names = Schema.Union([Text, Schema.NonEmptyArray(Text)]).annotate({ expected: "a name or a list of names" })

/** Options that nobody here knows better. */
export const Options = Schema.Record(Schema.String, Schema.Unknown).annotate({ expected: "a mapping" })
