import { answers } from "../../../test/expression/answers.ts"

answers("lengths count characters", [
  ["length('héllo')", "integer", "5"],
  ["length('😀x')", "integer", "2"],
  ["char_length('😀x')", "integer", "2"],
  ["octet_length('😀x')", "integer", "5"],
  ["bit_length('abc')", "integer", "24"],
])

answers("case follows Unicode character by character", [
  ["lower('ÀÉÎ ABC')", "string", "àéî abc"],
  ["upper('straße ñ')", "string", "STRAßE Ñ"],
  ["initcap('hello wORLD o''neil 3rd x_y é')", "string", "Hello World O'Neil 3rd X_Y É"],
])

answers("trimming", [
  ["trim('  x  ')", "string", "x"],
  ["trim(both 'xy' from 'xyzyx')", "string", "z"],
  ["trim(leading 'x' from 'xxa')", "string", "a"],
  ["trim(trailing from 'a  ')", "string", "a"],
  ["trim(E' \\t x')", "string", "\t x"],
  ["btrim('xxhixx', 'x')", "string", "hi"],
  ["ltrim('zzzytest', 'xyz')", "string", "test"],
  ["rtrim('testxxzx', 'xyz')", "string", "test"],
])

answers("parts of text", [
  ["substring('Thomas' from 2 for 3)", "string", "hom"],
  ["substring('Thomas' from 3)", "string", "omas"],
  ["substring('Thomas' for 2)", "string", "Th"],
  ["substring('Thomas', 0, 3)", "string", "Th"],
  ["substring('Thomas', -2, 5)", "string", "Th"],
  ["substring('Thomas', 3, -1)", "error", "INVALID_ARGUMENT"],
  ["substring('Thomas', 2, 2147483647)", "string", "homas"],
  ["substring('😀hé', 2, 1)", "string", "h"],
  ["substr('alphabet', 3)", "string", "phabet"],
  ["substr('alphabet', 3, 2)", "string", "ph"],
  ["left('abcde', 2)", "string", "ab"],
  ["left('abcde', -2)", "string", "abc"],
  ["left('abcde', 0)", "string", ""],
  ["left('abcde', -9)", "string", ""],
  ["right('abcde', 2)", "string", "de"],
  ["right('abcde', -2)", "string", "cde"],
  ["right('abcde', 9)", "string", "abcde"],
  ["right('😀é', 1)", "string", "é"],
])

answers("replacing and splitting", [
  ["replace('abcdefabcdef', 'cd', 'XX')", "string", "abXXefabXXef"],
  ["replace('abc', '', 'x')", "string", "abc"],
  ["replace('a$b', '$', '$&')", "string", "a$&b"],
  ["split_part('abc~@~def~@~ghi', '~@~', 2)", "string", "def"],
  ["split_part('abc,def', ',', 3)", "string", ""],
  ["split_part('abc,def', ',', -1)", "string", "def"],
  ["split_part('abc,def', ',', 0)", "error", "INVALID_ARGUMENT"],
  ["split_part('abc', '', 1)", "string", "abc"],
  ["split_part('abc', '', 2)", "string", ""],
  ["split_part('', ',', 1)", "string", ""],
  ["split_part('abc', ',', -2)", "string", ""],
])

answers("finding", [
  ["position('om' in 'Thomas')", "integer", "3"],
  ["position('' in 'abc')", "integer", "1"],
  ["position('é' in '😀é')", "integer", "2"],
  ["strpos('high', 'ig')", "integer", "2"],
  ["strpos('', 'a')", "integer", "0"],
  ["starts_with('alphabet', 'alph')", "boolean", "true"],
  ["'alphabet' ^@ 'alp'", "boolean", "true"],
])

answers("padding, reversing, repeating", [
  ["lpad('hi', 5, 'xy')", "string", "xyxhi"],
  ["lpad('hi', 5)", "string", "   hi"],
  ["lpad('hi', 1)", "string", "h"],
  ["lpad('hello', 2, 'x')", "string", "he"],
  ["lpad('hi', -1)", "string", ""],
  ["lpad('hi', 5, '')", "string", "hi"],
  ["rpad('hi', 5, 'xy')", "string", "hixyx"],
  ["rpad('hi', 5)", "string", "hi   "],
  ["rpad('hello', 2)", "string", "he"],
  ["lpad('é', 3, '😀')", "string", "😀😀é"],
  ["reverse('abc😀')", "string", "😀cba"],
  ["repeat('Pg', 4)", "string", "PgPgPgPg"],
  ["repeat('Pg', 0)", "string", ""],
  ["repeat('Pg', -1)", "string", ""],
])

answers("characters and codes", [
  ["ascii('x')", "integer", "120"],
  ["ascii('')", "integer", "0"],
  ["ascii('é')", "integer", "233"],
  ["chr(65)", "string", "A"],
  ["chr(233)", "string", "é"],
  ["chr(128512)", "string", "😀"],
  ["chr(0)", "error", "INVALID_ARGUMENT"],
  ["chr(-1)", "error", "INVALID_ARGUMENT"],
  ["chr(55296)", "error", "INVALID_ARGUMENT"],
])

answers("translating", [
  ["translate('12345', '143', 'ax')", "string", "a2x5"],
  ["translate('abc', '', 'x')", "string", "abc"],
  ["translate('aabb', 'aab', 'xyz')", "string", "xxzz"],
])

answers("overlaying and hexadecimal", [
  ["overlay('Txxxxas' placing 'hom' from 2 for 4)", "string", "Thomas"],
  ["overlay('abcdef' placing 'XY' from 3)", "string", "abXYef"],
  ["to_hex(255)", "string", "ff"],
  ["to_hex(-1::bigint)", "string", "ffffffffffffffff"],
])

answers("joining and comparing text", [
  ["'a' || 'b' || 'c'", "string", "abc"],
  ["'abc'::text || 5", "string", "abc5"],
  ["'x' = 'X'", "boolean", "false"],
  ["'abc' < 'abd'", "boolean", "true"],
  ["'a' < 'a '", "boolean", "true"],
  ["'' = ''", "boolean", "true"],
])
