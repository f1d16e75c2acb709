import { answers } from "../../../test/expression/answers.ts"

answers("JSON operators cut from the text", [
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json -> \'a\'', "json", '{"b": [1, 2, "x"]}'],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json ->> \'a\'', "string", '{"b": [1, 2, "x"]}'],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json -> \'a\' -> \'b\' -> 2', "json", '"x"'],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json -> \'a\' -> \'b\' ->> -1', "string", "x"],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json -> \'c\'', "json", "null"],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json ->> \'c\'', "string", null],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json #> \'{a,b,1}\'', "json", "2"],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json #>> \'{a,b,2}\'', "string", "x"],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json #>> \'{a,b,-1}\'', "string", "x"],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json #>> \'{a,b,x}\'', "string", null],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json #>> array[\'c\']', "string", null],
  ['\'{"a": {"b": [1, 2, "x"]}, "c": null}\'::json #> \'{}\'', "json", '{"a": {"b": [1, 2, "x"]}, "c": null}'],
  ["'{\"a\": 1, \"a\": 2}'::json -> 'a'", "json", "2"],
  ["'[1, 2.50, \"x\\u00e9\\n\", true]'::json -> 1", "json", "2.50"],
  ["'[1, 2.50, \"x\\u00e9\\n\", true]'::json ->> 2", "string", "xé\n"],
  ["'[1, 2.50, \"x\\u00e9\\n\", true]'::json -> 'a'", "json", null],
  ["'{\"a\": 1}'::json -> 0", "json", null],
  ["'\"str\"'::json ->> 0", "string", null],
  ["'[1,2'::json", "error", "INVALID_CAST"],
  ["'{\"a\" : 1}'::json::text", "string", '{"a" : 1}'],
  ["'{\"\\u0061\": 5}'::json ->> 'a'", "string", "5"],
  ["'[\"\\u0000\"]'::json ->> 0", "error", "INVALID_CAST"],
])

answers("JSON functions", [
  ["json_typeof('[1]'::json)", "string", "array"],
  ["json_typeof('-1.5'::json)", "string", "number"],
  ["json_array_length('[1,[2,3],4]'::json)", "integer", "3"],
  ["json_extract_path_text('{\"a\":{\"b\":\"c\"}}'::json, 'a', 'b')", "string", "c"],
])

answers("JSON is built from values", [
  [
    "json_build_object('a', 1, 'b', 2.50, 'c', null, 'd', true, 'e', 'x\"y')",
    "json",
    '{"a" : 1, "b" : 2.50, "c" : null, "d" : true, "e" : "x\\"y"}',
  ],
  [
    "json_build_object(1, date '2024-02-29', true, timestamp '2024-02-29 01:02:03.5', 2.5, timestamptz '2024-02-29 01:02:03+00')",
    "json",
    '{"1" : "2024-02-29", "true" : "2024-02-29T01:02:03.5", "2.5" : "2024-02-29T01:02:03+00:00"}',
  ],
  [
    "json_build_object('a', array[1, null], 'b', '{\"x\" : [1]}'::json, 'c', array['x', null], 'd', interval '1 day', 'e', '\\x00ff'::bytea)",
    "json",
    '{"a" : [1,null], "b" : {"x" : [1]}, "c" : ["x",null], "d" : "1 day", "e" : "\\\\x00ff"}',
  ],
  [
    "json_build_object('a', 'NaN'::double precision, 'b', 1e300::double precision, 'c', 'NaN'::numeric)",
    "json",
    '{"a" : "NaN", "b" : 1e+300, "c" : "NaN"}',
  ],
  ["json_build_object()", "json", "{}"],
  ["json_build_array()", "json", "[]"],
  ["json_build_array(1, 'a', null, json_build_object('k', json_build_array(true)))", "json", '[1, "a", null, {"k" : [true]}]'],
  ["json_build_object('a')", "error", "EXPRESSION_TYPE"],
  ["json_build_object('{}'::json, 1)", "error", "EXPRESSION_TYPE"],
  ["json_build_object(array[1], 1)", "error", "EXPRESSION_TYPE"],
  ["json_build_object(null, 1)", "error", "INVALID_ARGUMENT"],
  ["to_json('a\nb\u0001'::text)", "json", '"a\\nb\\u0001"'],
  ["to_json(null::integer)", "json", null],
  ["to_json(array[1.50, null])", "json", "[1.50,null]"],
  ["to_json(timestamp 'infinity')", "json", '"infinity"'],
  ["to_json(timestamp '0044-03-15 01:02:03 BC')", "json", '"0044-03-15T01:02:03 BC"'],
])

answers("paths and keys that stand twice", [
  ['\'{"a": {"b": "1"}, "a": 2}\'::json #>> \'{a,b}\'', "string", "1"],
  ['\'{"a": {"b": 1}, "a": {"b": 2}}\'::json #>> \'{a,b}\'', "string", "2"],
  ["'{\"a\": {\"b\": 1}}'::json #>> array['a', null]", "string", null],
])

answers("an empty path gives the whole value, and drops white space as PostgreSQL does", [
  ["' 42 '::json #> '{}'", "json", " 42"],
  ["' {\"a\": 1} '::json #> '{}'", "json", '{"a": 1}'],
  ["' [1] '::json #> '{}'", "json", "[1]"],
  ["' \"a\" '::json #> '{}'", "json", ' "a"'],
  ["' \"a\" '::json #>> '{}'", "string", "a"],
  ["' null '::json #>> '{}'", "string", null],
  ["' 42 '::json #>> '{}'", "string", " 42"],
  ["' [1] '::json #>> '{}'", "string", "[1]"],
  ["'[ 1 , {\"a\" : 2 } ]'::json ->> 0", "string", "1"],
  ["'[ 1 , {\"a\" : 2 } ]'::json #>> '{1,a}'", "string", "2"],
])
