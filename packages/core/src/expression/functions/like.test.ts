import { answers } from "../../../test/expression/answers.ts"

answers("LIKE", [
  ["'abc' like 'abc'", "boolean", "true"],
  ["'abc' like 'a%'", "boolean", "true"],
  ["'abc' like '_b_'", "boolean", "true"],
  ["'abc' like 'c'", "boolean", "false"],
  ["'abc' like '%b%'", "boolean", "true"],
  ["'abc' like '%c'", "boolean", "true"],
  ["'abc' like 'a_c%'", "boolean", "true"],
  ["'' like '%'", "boolean", "true"],
  ["'' like '_'", "boolean", "false"],
  ["'a%c' like 'a\\%c'", "boolean", "true"],
  ["'abc' like 'a\\%c'", "boolean", "false"],
  ["'abc' like 'abc\\'", "boolean", "false"],
  ["'abcd' like 'abc\\'", "error", "INVALID_ARGUMENT"],
  ["'a%c' like 'a!%c' escape '!'", "boolean", "true"],
  ["'a\\c' like 'a\\c' escape ''", "boolean", "true"],
  ["'abc' like 'a#_c' escape '#'", "boolean", "false"],
  ["'abc' like 'abc' escape 'xx'", "error", "INVALID_ARGUMENT"],
])

answers("ILIKE", [
  ["'ABC' ilike 'a%'", "boolean", "true"],
  ["'ÀB' ilike 'à_'", "boolean", "true"],
])

answers("NOT LIKE and several wildcards", [
  ["'abc' not like 'a%'", "boolean", "false"],
  ["'abc' not ilike 'A%'", "boolean", "false"],
  ["'aaaaab' like '%a%a%b'", "boolean", "true"],
  ["'mississippi' like '%iss%pi'", "boolean", "true"],
  ["'mississippi' like 'm%iss_ss%p_'", "boolean", "true"],
  ["'😀' like '_'", "boolean", "true"],
])
