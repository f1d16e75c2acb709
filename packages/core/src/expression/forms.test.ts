import { answers } from "../../test/expression/answers.ts"

answers("forms that choose among values", [
  ["greatest(1, 2.5, 2)", "decimal", "2.5"],
  ["least(1, null, 3)", "integer", "1"],
  ["greatest(null, null)", "string", null],
  ["greatest(1.0, 1.00)", "decimal", "1.0"],
  ["nullif(1, 1)", "integer", null],
  ["nullif(1, 2)", "integer", "1"],
  ["nullif(1, 1.0)", "decimal", null],
  ["coalesce(null, 1.5, 2)", "decimal", "1.5"],
  ["case when true then 1 else 2.5 end", "decimal", "1"],
  ["case 3 when 1 then 'a' when 3 then 'c' end", "string", "c"],
])

answers("comparisons take the wider type", [
  ["1 = 1.0", "boolean", "true"],
  ["1 in (1.0, 2)", "boolean", "true"],
  ["1 not in (2, null)", "boolean", null],
  ["1 in (2, null)", "boolean", null],
  ["null in (1)", "boolean", null],
  ["1 between 0 and 2", "boolean", "true"],
  ["1 between 2 and 0", "boolean", "false"],
  ["1 between symmetric 2 and 0", "boolean", "true"],
  ["1 not between symmetric 2 and 0", "boolean", "false"],
  ["null is null", "boolean", "true"],
  ["1 is distinct from null", "boolean", "true"],
  ["null is not distinct from null", "boolean", "true"],
])

answers("logic has three values", [
  ["true and null", "boolean", null],
  ["false and null", "boolean", "false"],
  ["true or null", "boolean", "true"],
  ["not null::boolean", "boolean", null],
  ["null::boolean is unknown", "boolean", "true"],
  ["true is not true", "boolean", "false"],
  ["(null::boolean) is not false", "boolean", "true"],
])

answers("text compares by code points", [
  ["'x'::text = 'x'", "boolean", "true"],
  ["'a' < 'B'", "boolean", "false"],
  ["'é' > 'z'", "boolean", "true"],
])

answers("nulls", [
  ["null", "string", null],
  ["null = null", "boolean", null],
  ["null + 1", "integer", null],
  ["null and false", "boolean", "false"],
  ["coalesce(null, null)", "string", null],
  ["case when null then 1 else 2 end", "integer", "2"],
  ["case when false then 1 end", "integer", null],
  ["case null when null then 1 else 2 end", "integer", "2"],
  ["nullif(null, 1)", "integer", null],
  ["null in (1, 2)", "boolean", null],
  ["1 in (null)", "boolean", null],
  ["null between 1 and 2", "boolean", null],
  ["5 between 10 and null", "boolean", "false"],
  ["0 between 10 and null", "boolean", "false"],
  ["5 not between 10 and null", "boolean", "true"],
  ["null || 'x'", "string", null],
  ["greatest(null, 1)", "integer", "1"],
  ["least('b', 'a', null)", "string", "a"],
  ["not (null and true)", "boolean", null],
  ["null is not null", "boolean", "false"],
  ["null is distinct from null", "boolean", "false"],
  ["1 is not distinct from 1", "boolean", "true"],
])

answers("literals and spelling", [
  ["'it''s'", "string", "it's"],
  ["E'a\\tb\\\\c'", "string", "a\tb\\c"],
  ["U&'d\\0061t\\+000061'", "string", "data"],
  ["$$dollar 'quoted'$$", "string", "dollar 'quoted'"],
  ["$tag$a $$ b$tag$", "string", "a $$ b"],
  ["1_000", "integer", "1000"],
  ["0x1F", "integer", "31"],
  ["0b101", "integer", "5"],
  [".5", "decimal", "0.5"],
  ["5.", "decimal", "5"],
  ["1e3", "decimal", "1000"],
  ["'a' 'b'", "error", "EXPRESSION_SYNTAX"],
  ["true", "boolean", "true"],
  ["(((1)))", "integer", "1"],
  ["1 /* comment */ + 2 -- more", "integer", "3"],
  ["CAST('5' AS integer)", "integer", "5"],
  ["1::bigint", "integer", "1"],
  ["1 <> 2", "boolean", "true"],
  ["1 != 2", "boolean", "true"],
  ["1 = 1 and 2 = 2", "boolean", "true"],
  ["'a' = 'a' is true", "boolean", "true"],
  ["2 + 3 * 4 - 1", "integer", "13"],
  ["-(-5)", "integer", "5"],
  ["- -5", "integer", "5"],
  ["not true = false", "boolean", "true"],
  ["1 < 2 = true", "error", "EXPRESSION_SYNTAX"],
])
