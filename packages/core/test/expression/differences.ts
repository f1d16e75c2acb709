/**
 * Where the expression language is not PostgreSQL's: what, why, and examples. The reference page is made from this list, and both sides
 * are tested.
 */

export interface Difference {
  readonly what: string
  readonly why: string
  /** The expression, what it gives here, and what in PostgreSQL 18: the text of the value, or `error` with a code. */
  readonly examples: ReadonlyArray<readonly [expression: string, here: string, postgres: string]>
}

export const differences: ReadonlyArray<Difference> = [
  {
    what: "Whole numbers have 64 bits, whatever name their type has. `SUM` and `AVG` of them are exact decimals, as of `bigint`.",
    why: "One integer type goes through every file and database; a limit of 32 bits would come from the way in which a number is written.",
    examples: [
      ["2147483647 + 1", "2147483648", "error 22003"],
      ["3000000000::integer", "3000000000", "error 22003"],
    ],
  },
  {
    what: "`SUM`, `AVG`, `STDDEV` and `VARIANCE` of doubles are exact and rounded once.",
    why: "The result is then the same for any order of rows, any batches, any number of workers, spilled or not. PostgreSQL rounds after each row.",
    examples: [],
  },
  {
    what: "`EXP`, `LN`, `LOG` and `POWER` of doubles may differ in the last digit.",
    why: "PostgreSQL takes them from the C library of its host, and this language from the JavaScript engine.",
    examples: [],
  },
  {
    what: "A constant part that has no value is an error only in a row that gets to it.",
    why: "PostgreSQL computes constants before it looks at any row.",
    examples: [["case when now() is null then 1 / 0 else 1 end", "1", "error 22012"]],
  },
  {
    what: "Clocks stand still at the start of the run, `CLOCK_TIMESTAMP` too. There is no `RANDOM` and nothing else that changes from call to call.",
    why: "A run that is repeated after a failure must give the same rows.",
    examples: [
      ["clock_timestamp() = now()", "true", "false"],
      ["random() < 2", "error UNSUPPORTED_EXPRESSION", "true"],
    ],
  },
  {
    what: "Regular expressions have no back references, do not look ahead or behind, have no `\\m` and `\\M`, see borders of words (`\\y`) between ASCII letters only and refuse others, and do not mix greedy and lazy quantifiers where it counts what matches.",
    why: "They run in time linear in the text, so that no row can stop a pipeline.",
    examples: [
      [String.raw`'aa' ~ '(a)\1'`, "error INVALID_ARGUMENT", "true"],
      ["'ab' ~ 'a(?=b)'", "error INVALID_ARGUMENT", "true"],
      [String.raw`'a b' ~ '\mb'`, "error INVALID_ARGUMENT", "true"],
      [String.raw`'é' ~ '\yé'`, "error INVALID_ARGUMENT", "true"],
      ["substring('aabb' from 'a+?b*')", "error INVALID_ARGUMENT", "a"],
    ],
  },
  {
    what: "`TO_DATE` and `TO_TIMESTAMP` refuse a text that does not fit the template.",
    why: "PostgreSQL reads something out of almost any text, and a wrong date is worse than an error.",
    examples: [["to_date('2024-02-29', 'YYYYMMDD')", "error INVALID_CAST", "2024-01-02"]],
  },
  {
    what: "Dates and times are read in ISO 8601 and in the forms that people write. Julian days, days of the year and times without colons behind a date with dashes are refused; some orders of the parts that PostgreSQL refuses are read.",
    why: "They come from no file that anyone has.",
    examples: [
      ["'J2451187'::date", "error INVALID_CAST", "1999-01-08"],
      ["'1999.008'::date", "error INVALID_CAST", "1999-01-08"],
      ["'04:05:06 1999/1/8'::timestamp", "1999-01-08 04:05:06", "error 22007"],
    ],
  },
  {
    what: "`TO_CHAR` has no `TM`, `FX` and `SP`, and no second sign beside `PR`.",
    why: "They depend on a locale, or mean nothing.",
    examples: [
      ["to_char(date '2024-02-29', 'TMMonth')", "error INVALID_ARGUMENT", "February"],
      ["to_char(-1, '9PRSG')", "error INVALID_ARGUMENT", "1-"],
    ],
  },
  {
    what: "`DATEDIFF` is there, and the digests take text.",
    why: "Warehouses have the one, and everybody writes the other. PostgreSQL has neither.",
    examples: [
      ["datediff('month', date '2024-01-31', date '2024-02-01')", "1", "error 42883"],
      ["encode(sha256('ä'::text), 'hex')", "33e6d73fee82904c8d7afb78de1154d1e8dc2a0edb08120e63df5b9385c2d9cc", "error 42883"],
    ],
  },
  {
    what: "Types are those of columns: no `jsonb`, `real`, `char(n)`, `timetz`, ranges or bit strings, and arrays have one dimension.",
    why: "Every value must survive the way from any source to any destination unchanged.",
    examples: [
      [`'{"a": 1}'::jsonb`, "error UNSUPPORTED_EXPRESSION", `{"a": 1}`],
      ["1.5::real", "error UNSUPPORTED_EXPRESSION", "1.5"],
      ["array[array[1], array[2]]", "error UNSUPPORTED_EXPRESSION", "{{1},{2}}"],
    ],
  },
  {
    what: "There are expressions over one row only: no sub-queries, no windows, no rows of several values, no `COLLATE`, no `SIMILAR TO`.",
    why: "The other rows are in other batches. Collation is C, by code points, so that order is the same everywhere.",
    examples: [
      ["(select 1)", "error UNSUPPORTED_EXPRESSION", "1"],
      ["(1, 2) = (1, 2)", "error UNSUPPORTED_EXPRESSION", "true"],
      ["'a' similar to 'a'", "error UNSUPPORTED_EXPRESSION", "true"],
    ],
  },
  {
    what: "The clock part of an interval holds 285 years of hours.",
    why: "It is kept as one exact number of microseconds. Days and months are kept apart and reach as far as in PostgreSQL.",
    examples: [["interval '3000000 hours'", "error INVALID_CAST", "3000000:00:00"]],
  },
  {
    what: "A text has at most 134,217,728 characters, and an array 16,777,216 items.",
    why: "Memory is bounded whatever an author writes.",
    examples: [["length(repeat('x', 140000000))", "error INVALID_ARGUMENT", "140000000"]],
  },
  {
    what: "The session's zone is UTC. Zones are named as `Europe/Berlin`, `UTC`, an interval, or by one of some two dozen abbreviations.",
    why: "A host's own zone must not change the rows.",
    examples: [["timestamptz '2024-01-01 12:00+00' at time zone 'AKST'", "error INVALID_ARGUMENT", "2024-01-01 03:00:00"]],
  },
]
