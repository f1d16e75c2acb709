/** Building blocks of the definition's schema. Every key has a description: editors, the reference page and messages show it. */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { type ArrayType, scalarTypes } from "../model/ColumnType.ts"

/** A key that may be left out. */
export const optional = <S extends Schema.Top>(schema: S, description: string) => Schema.optionalKey(described(schema, description))

/** A key that must be there. */
export const required = <S extends Schema.Top>(schema: S, description: string) => described(schema, description)

// On the side that people write, so that editors show it where the value is decoded to something else.
const described = <S extends Schema.Top>(schema: S, description: string): S["Rebuild"] =>
  schema.pipe(Schema.annotateEncoded({ description }))

/** Text with something in it. */
export const Text = Schema.String.annotate({ expected: "text" }).check(Schema.isNonEmpty({ expected: "text that is not empty" }))

/** Text that is never shown. Editors hide it, and its value is masked everywhere. */
export const SecretText = Schema.String.annotate({ expected: "text" }).check(
  Schema.isNonEmpty({ expected: "text that is not empty", writeOnly: true }),
)

export const Flag = Schema.Boolean.annotate({ expected: "true or false" })

const wholeNumber = (minimum: number) => {
  const expected = `a whole number, ${minimum} or more`
  return Schema.Number.annotate({ expected }).check(Schema.isInt({ expected }), Schema.isGreaterThanOrEqualTo(minimum, { expected }))
}

/** A date or a time, as text. */
export const Moment = Schema.String.annotate({ expected: "a date such as 2026-01-31, or a time such as 2026-01-31T10:00:00Z" }).check(
  Schema.makeFilter((text) => (isMoment(text) ? undefined : "a date such as 2026-01-31, or a time such as 2026-01-31T10:00:00Z")),
)

const isMoment = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/.test(text) && !Number.isNaN(Date.parse(text))

export const Count = wholeNumber(0)

export const Positive = wholeNumber(1)

export const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 })).annotate({ expected: "a port from 1 to 65535" })

/** An SQL expression as text; a plain number or truth value is an expression too. Decodes to text. */
export const Expression = Schema.Union([Text, Schema.Finite, Schema.Boolean])
  .annotate({ expected: "an SQL expression as text" })
  .pipe(
    Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.transform((written: string | number | boolean) => String(written)),
      encode: SchemaGetter.transform((text: string): string | number | boolean => text),
    }),
  )

/** A list of at least one. */
export const listOf = <S extends Schema.Top>(item: S, expected: string) =>
  Schema.Array(item)
    .check(Schema.isMinLength(1, { expected: `${expected}, at least one` }))
    .annotate({ expected })

/** One name, or a list of them. */
export const Names = Schema.Union([Text, listOf(Text, "a list of names")]).annotate({ expected: "a name or a list of names" })

/** Options that nobody here knows better. */
export const Options = Schema.Record(Schema.String, Schema.Unknown).annotate({ expected: "a mapping" })

/** `integer`, `decimal[]`. */
export const ColumnTypeName = Schema.Literals([...scalarTypes, ...scalarTypes.map((type): ArrayType => `${type}[]`)]).annotate({
  expected: `a column type: ${scalarTypes.join(", ")}, or one of them with [] for an array`,
})
