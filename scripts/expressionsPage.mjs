/** The reference page of the expression language, from its tables of functions, aggregates and differences. */
import path from "node:path"

/**
 * @typedef {{ name: string, parameters: ReadonlyArray<string>, variadic: boolean, result: string }} Signature
 * @typedef {{ what: string, why: string, examples: ReadonlyArray<readonly [string, string, string]> }} Difference
 */

/** Types that stand for several. @type {Readonly<Record<string, string>>} */
const WORDS = { printed: "any", output: "any", outputs: "any[]", jsonValue: "any", anyelement: "T", anyarray: "T[]" }

/** @param {string} type */
const typeOf = (type) => WORDS[type] ?? type

/** @param {string} text */
const cell = (text) => text.replaceAll("|", String.raw`\|`).replaceAll("\n", " ")

/** Forms that are written otherwise than as a call. @type {Readonly<Record<string, string>>} */
const WRITTEN = {
  "~~": "LIKE",
  "!~~": "NOT LIKE",
  "~~*": "ILIKE",
  "!~~*": "NOT ILIKE",
  timezone: "AT TIME ZONE",
  extract: "EXTRACT(field FROM …)",
  position: "POSITION(part IN text)",
}

/** @param {Signature} signature */
const formOf = ({ name, parameters, variadic, result }) => {
  const types = parameters.map(typeOf)
  const isOperator = !/^[a-z_]/.test(name)
  const sign = isOperator ? (WRITTEN[name] ?? name) : name
  const call = isOperator
    ? types.length === 1
      ? `${sign} ${types[0]}`
      : `${types[0]} ${sign} ${types[1]}`
    : `${name}(${types.map((type, i) => (variadic && i === types.length - 1 ? `${type}, …` : type)).join(", ")})`
  return `\`${call}\` → ${typeOf(result)}`
}

/** @param {ReadonlyArray<Signature>} signatures */
const table = (signatures) => {
  /** @type {Map<string, Signature[]>} */
  const byName = Map.groupBy(signatures, ({ name }) => name)
  const rows = [...byName].map(([name, list]) => {
    const isOperator = !/^[a-z_]/.test(name)
    const shown = `\`${isOperator ? (WRITTEN[name] ?? name) : name.toUpperCase()}\``
    const also = !isOperator && WRITTEN[name] !== undefined ? `, written \`${WRITTEN[name]}\`` : ""
    return `| ${cell(shown + also)} | ${cell(list.map(formOf).join("<br>"))} |`
  })
  return ["| name | forms |", "|---|---|", ...rows, ""]
}

/** @param {Difference} difference */
const item = ({ what, why, examples }) => [
  `- **${what}** ${why}`,
  ...examples.map(([text, here, there]) => `  - \`${text}\`: here \`${here}\`, in PostgreSQL \`${there}\``),
]

const INTRO = `The language of \`condition\`, \`fields\`, \`metrics\` and \`alerts\` is PostgreSQL's expression syntax, read by PostgreSQL's own parser, with the
semantics of PostgreSQL 18: three-valued logic, exact decimals with its scales, its errors for overflow and division by zero. Each function
and operator below does what PostgreSQL's of that name does; the tests compare all of them with a real server, expression by expression.

Names of columns follow PostgreSQL too: \`name\` without quotes is folded to lower case (and found where it differs in case only), any other
name is quoted: \`"Full name"\`. \`:run_id\`, \`:last_run\` and the other runtime values are written with a colon. Text in single quotes takes the type
that its place asks for. \`NOW()\` is the start of the run.
`

const FORMS = `## Forms

| form | |
|---|---|
| \`AND OR NOT\` | three-valued |
| \`= <> != < <= > >=\` | numbers of any kind with each other, dates with timestamps; text by code points |
| \`IS [NOT] NULL\`, \`IS [NOT] TRUE\`, \`FALSE\`, \`UNKNOWN\` | never null |
| \`IS [NOT] DISTINCT FROM\` | nulls are equal |
| \`[NOT] IN (…)\`, \`[NOT] BETWEEN [SYMMETRIC] … AND …\` | |
| \`[NOT] LIKE\`, \`ILIKE\`, \`~\`, \`~*\`, \`!~\`, \`!~*\` | with \`ESCAPE\`; \`LIKE ANY (ARRAY[…])\` |
| \`= ANY (array)\`, \`< ALL (array)\` | any comparison |
| \`CASE\`, \`COALESCE\`, \`NULLIF\`, \`GREATEST\`, \`LEAST\` | only the parts that are needed are computed |
| \`CAST(x AS type)\`, \`x::type\`, \`type 'text'\`, \`INTERVAL '1' DAY\` | |
| \`ARRAY[…]\`, \`array[1]\`, \`array[1:2]\` | |
| \`CURRENT_DATE\`, \`CURRENT_TIMESTAMP\`, \`LOCALTIME\`, \`NOW()\` | the start of the run |
`

const TYPES = `## Types

| type | names in casts | |
|---|---|---|
| boolean | \`boolean bool\` | |
| integer | \`integer int bigint int8 int4\`; \`smallint\` checks its range | 64 bits |
| double | \`double precision float8\` | |
| decimal | \`numeric decimal\`, \`numeric(p, s)\` | exact, up to 131,072 digits |
| string | \`text varchar varchar(n)\` | |
| bytes | \`bytea\` | |
| date, time, timestamp, timestamptz | the same, \`timestamp(n)\` | microseconds |
| interval | \`interval\`, \`interval day to minute\` | months, days and microseconds apart |
| uuid, json | the same | json keeps its text |
| T[] | \`text[]\` and the like | one dimension |
`

/** @param {string} root @param {string} made @returns {Promise<string>} */
export const expressionsPage = async (root, made) => {
  const expression = path.join(root, "packages/core/src/expression")
  const { libraryGroups } = await import(path.join(expression, "functions/library.ts"))
  const { aggregateLibrary } = await import(path.join(expression, "aggregates/aggregateLibrary.ts"))
  const { differences } = await import(path.join(root, "packages/core/test/expression/differences.ts"))
  const aggregates =
    "## Aggregates\n\nIn the metrics of an `aggregate` step, alone or within an expression. All take `FILTER (WHERE …)`, and but for the last three `DISTINCT` and `ORDER BY`.\nThe last three are written `PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)`; the last type is that of `x`.\n"
  return [
    "# Expressions",
    made,
    INTRO,
    TYPES,
    FORMS,
    ...libraryGroups.flatMap((/** @type {readonly [string, ReadonlyArray<Signature>]} */ [title, signatures]) => [
      `## ${title}\n`,
      ...table(signatures),
    ]),
    aggregates,
    "`COUNT(*)` counts rows.\n",
    ...table([...aggregateLibrary.values()].flat()),
    "## Where it is not PostgreSQL\n",
    ...differences.flatMap(item),
    "",
  ].join("\n")
}
