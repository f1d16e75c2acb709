import { answers } from "../../../test/expression/answers.ts"

answers("array literals", [
  ["array[1, 2, 3]", "integer[]", "{1,2,3}"],
  [
    "array['a', 'b c', null, 'd\"e', '', 'NULL', 'x,y', 'back\\slash']",
    "string[]",
    '{a,"b c",NULL,"d\\"e","","NULL","x,y","back\\\\slash"}',
  ],
  ["array[1, 2.5]", "decimal[]", "{1,2.5}"],
  ["'{1,2,NULL}'::int[]", "integer[]", "{1,2,NULL}"],
  ['\'{"a b", c, "d\\"e", null, "null"}\'::text[]', "string[]", '{"a b",c,"d\\"e",NULL,"null"}'],
  ["'{}'::text[]", "string[]", "{}"],
  ["'{1,2'::int[]", "error", "INVALID_CAST"],
  ["'{ 1 , 2 }'::int[]", "integer[]", "{1,2}"],
  ["'{a,,b}'::text[]", "error", "INVALID_CAST"],
])

answers("ANY and ALL", [
  ["2 = any(array[1, 2])", "boolean", "true"],
  ["3 = any(array[1, null])", "boolean", null],
  ["3 <> all(array[1, 2])", "boolean", "true"],
  ["3 > all(array[1, null])", "boolean", null],
  ["null = any(array[1])", "boolean", null],
  ["null = any('{}'::int[])", "boolean", "false"],
  ["1 = any(null::int[])", "boolean", null],
  ["2 = any('{1,2}')", "boolean", "true"],
  ["'a' = any('{a,b}')", "boolean", "true"],
])

answers("array functions", [
  ["array_length(array[1, 2], 1)", "integer", "2"],
  ["array_length(array[1, 2], 2)", "integer", null],
  ["array_length('{}'::int[], 1)", "integer", null],
  ["cardinality(array[1, 2])", "integer", "2"],
  ["array[1, 2] || 3", "integer[]", "{1,2,3}"],
  ["0 || array[1, 2]", "integer[]", "{0,1,2}"],
  ["array[1] || array[2]", "integer[]", "{1,2}"],
  ["array[1, 2] = array[1, 2]", "boolean", "true"],
  ["array[1, 2] < array[1, 3]", "boolean", "true"],
  ["array[1, null] = array[1, null]", "boolean", "true"],
  ["array_append(array[1], 2)", "integer[]", "{1,2}"],
  ["array_position(array['a', 'b'], 'b')", "integer", "2"],
  ["array_remove(array[1, 2, 1], 1)", "integer[]", "{2}"],
  ["array_to_string(array[1, null, 3], ',')", "string", "1,3"],
  ["array_to_string(array[1, null, 3], ',', '*')", "string", "1,*,3"],
  ["array_to_string(array[true, false], ',')", "string", "t,f"],
  ["string_to_array('a,b,c', ',')", "string[]", "{a,b,c}"],
  ["string_to_array('a,b,c', ',', 'b')", "string[]", "{a,NULL,c}"],
  ["string_to_array('abc', null)", "string[]", "{a,b,c}"],
  ["string_to_array('', ',')", "string[]", "{}"],
  ["array[1, 2] @> array[1]", "boolean", "true"],
  ["array[1] <@ array[1, 2]", "boolean", "true"],
  ["array[1, 2] && array[2, 3]", "boolean", "true"],
  ["(array[1, 2, 3])[2]", "integer", "2"],
  ["(array[1, 2, 3])[5]", "integer", null],
])

answers("casts of arrays", [
  ["array[1, 2]::text[]", "string[]", "{1,2}"],
  ["array['1', '2']::int[]", "integer[]", "{1,2}"],
  ["array[true]::text", "string", "{t}"],
  ["array[1.5, 2]::int[]", "integer[]", "{2,2}"],
  ["array['x'] = '{x}'", "boolean", "true"],
  ["array_cat(array[1], array[2])", "integer[]", "{1,2}"],
  ["array_prepend(1, array[2])", "integer[]", "{1,2}"],
])
