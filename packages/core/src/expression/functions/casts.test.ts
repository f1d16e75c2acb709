import { answers } from "../../../test/expression/answers.ts"

answers("casts between numbers", [
  ["1.5::int", "integer", "2"],
  ["2.5::int", "integer", "3"],
  ["-2.5::int", "integer", "-3"],
  ["2.5::float8::int", "integer", "2"],
  ["3.5::float8::int", "integer", "4"],
  ["1e10::int8", "integer", "10000000000"],
  ["1e30::int8", "error", "NUMBER_OUT_OF_RANGE"],
])

answers("casts from text to numbers", [
  ["'12'::int", "integer", "12"],
  ["' 12 '::int", "integer", "12"],
  ["'1.5'::int", "error", "INVALID_CAST"],
  ["'abc'::int", "error", "INVALID_CAST"],
  ["'99999999999999999999'::int8", "error", "NUMBER_OUT_OF_RANGE"],
])

answers("casts of booleans", [
  ["1::boolean", "boolean", "true"],
  ["0::boolean", "boolean", "false"],
  ["true::int", "integer", "1"],
  ["true::text", "string", "true"],
])

answers("text joined with other types", [
  ["false || 'x'", "string", "falsex"],
  ["1 || 'x'", "string", "1x"],
  ["'x' || 1.50", "string", "x1.50"],
  ["'x' || null", "string", null],
  ["'x' || true", "string", "xtrue"],
  ["concat('a', 1, null, true, 1.5::float8)", "string", "a1t1.5"],
  ["concat_ws(',', 'a', null, 'b', 2)", "string", "a,b,2"],
  ["concat_ws(null, 'a')", "string", null],
])

answers("doubles become decimals with 15 digits", [
  ["1.23456789012345678::float8::numeric", "decimal", "1.23456789012346"],
  ["123456.0::float8::numeric", "decimal", "123456"],
  ["1e-7::float8::numeric", "decimal", "0.0000001"],
  [
    "1e100::float8::numeric",
    "decimal",
    "10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
  ],
])

answers("precision, scale and length", [
  ["1234.5::numeric(6,1)", "decimal", "1234.5"],
  ["1234.56::numeric(6,1)", "decimal", "1234.6"],
  ["123456.7::numeric(5,1)", "error", "NUMBER_OUT_OF_RANGE"],
  ["1234::numeric(4)", "decimal", "1234"],
  ["'hello'::varchar(3)", "string", "hel"],
  ["'abc'::varchar", "string", "abc"],
  ["32768::smallint", "error", "NUMBER_OUT_OF_RANGE"],
  ["1::int2", "integer", "1"],
])

answers("texts of booleans", [
  ["'true'::boolean", "boolean", "true"],
  ["'tr'::boolean", "boolean", "true"],
  ["'of'::boolean", "boolean", "false"],
  ["'o'::boolean", "error", "INVALID_CAST"],
  ["'maybe'::boolean", "error", "INVALID_CAST"],
  ["'ON'::boolean", "boolean", "true"],
  ["'1'::boolean", "boolean", "true"],
])

answers("uuids", [
  ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'::uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["'a0eebc999c0b4ef8bb6d6bb9bd380a11'::uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["'xyz'::uuid", "error", "INVALID_CAST"],
])

answers("texts of numbers", [
  ["'1e3'::numeric", "decimal", "1000"],
  ["'.5'::numeric", "decimal", "0.5"],
  ["' 12.50 '::numeric", "decimal", "12.50"],
  ["'1e400'::float8", "error", "NUMBER_OUT_OF_RANGE"],
  ["'1e-400'::float8", "error", "NUMBER_OUT_OF_RANGE"],
  ["'inf'::float8", "double", "Infinity"],
  ["'nan'::numeric", "decimal", "NaN"],
  ["'-Infinity'::numeric", "decimal", "-Infinity"],
  ["'abc'::numeric", "error", "INVALID_CAST"],
  ["'12abc'::numeric", "error", "INVALID_CAST"],
  ["''::int", "error", "INVALID_CAST"],
])

answers("uuids", [
  ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'::uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11'::uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-'::uuid", "error", "INVALID_CAST"],
  ["'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "error", "INVALID_CAST"],
  ["'a0eebc9-99c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "error", "INVALID_CAST"],
  ["' a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "error", "INVALID_CAST"],
])

answers("texts become decimals as numeric_in reads them", [
  ["'1e399999999999999999999.9'::numeric", "error", "NUMBER_OUT_OF_RANGE"],
  ["'-3.29e-1271_000'::numeric", "error", "NUMBER_OUT_OF_RANGE"],
  ["'0e200000'::numeric", "decimal", "0"],
  ["'0e-200000'::numeric", "error", "NUMBER_OUT_OF_RANGE"],
  ["'1_'::numeric", "error", "INVALID_CAST"],
  ["'1_0.5_0e1_0'::numeric", "decimal", "105000000000"],
  ["'1e1073741824x'::numeric", "error", "NUMBER_OUT_OF_RANGE"],
  ["'1e1073741823x'::numeric", "error", "INVALID_CAST"],
  ["'.5_'::numeric", "error", "INVALID_CAST"],
  ["'5.'::numeric", "decimal", "5"],
  ["'1._5'::numeric", "error", "INVALID_CAST"],
  ["'+nan'::numeric", "error", "INVALID_CAST"],
  ["'-inf'::numeric", "decimal", "-Infinity"],
  ["' 0x_1F '::numeric", "decimal", "31"],
  ["'0x'::numeric", "error", "INVALID_CAST"],
])

answers("a decimal becomes a double, or is out of its range", [
  ["'1e-400'::numeric::float8", "error", "NUMBER_OUT_OF_RANGE"],
  ["'-1e400'::numeric::float8", "error", "NUMBER_OUT_OF_RANGE"],
  ["'4e-324'::numeric::float8", "double", "5e-324"],
  ["'0.00'::numeric::float8", "double", "0"],
])
