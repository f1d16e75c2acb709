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
