import { answers } from "../../../test/expression/answers.ts"

answers("regular expressions match", [
  ["'abc' ~ 'b'", "boolean", "true"],
  ["'abc' ~ '^b'", "boolean", "false"],
  ["'abc' ~* 'B'", "boolean", "true"],
  ["'abc' !~ 'b'", "boolean", "false"],
  ["'abc' !~* 'B'", "boolean", "false"],
  ["E'a\\nb' ~ 'a.b'", "boolean", "true"],
  ["E'a\\nb' ~ '^b'", "boolean", "false"],
  ["E'a\\nb' ~ '(?n)^b'", "boolean", "true"],
  ["'abc' ~ '^a.c$'", "boolean", "true"],
  ["'foo123' ~ '^\\w+\\d{3}$'", "boolean", "true"],
  ["'foo bar' ~ '\\yfoo\\y'", "boolean", "true"],
  ["'x' ~ '['", "error", "INVALID_ARGUMENT"],
  ["'x' ~ 'a{2,1}'", "error", "INVALID_ARGUMENT"],
  ["'a{b' ~ 'a{b'", "boolean", "true"],
  ["'x' ~ '[[:alpha:]]'", "boolean", "true"],
  ["'é' ~ '\\w'", "boolean", "true"],
  ["'5' ~ '[[:digit:]]'", "boolean", "true"],
  ["'a-b' ~ '[a\\-z]b'", "boolean", "true"],
  ["'a]b' ~ 'a[]]b'", "boolean", "true"],
  ["'a.b' ~ 'a\\.b'", "boolean", "true"],
  ["'aXb' ~* '(?i)axB'", "boolean", "true"],
])

answers("regular expressions replace", [
  ["regexp_replace('foobarbaz', 'b..', 'X')", "string", "fooXbaz"],
  ["regexp_replace('foobarbaz', 'b..', 'X', 'g')", "string", "fooXX"],
  ["regexp_replace('foobarbaz', 'b(..)', 'X\\1Y', 'g')", "string", "fooXarYXazY"],
  ["regexp_replace('Hello', 'L', 'x', 'gi')", "string", "Hexxo"],
  ["regexp_replace('abc', 'b*', 'X', 'g')", "string", "XaXXcX"],
  ["regexp_replace('abc', '', '-', 'g')", "string", "-a-b-c-"],
  ["regexp_replace('abc', 'x*', '-', 'g')", "string", "-a-b-c-"],
  ["regexp_replace('aaa', 'a', 'b', 2)", "string", "aba"],
  ["regexp_replace('aaa', 'a', 'b', 1, 2)", "string", "aba"],
  ["regexp_replace('aaa', 'a', 'b', 1, 0)", "string", "bbb"],
  ["regexp_replace('abc', '(b)', '[\\&|\\1|\\2|\\\\|\\x]')", "string", "a[b|b||\\|\\x]c"],
  ["regexp_replace('(555) 123-4567', '[^0-9]', '', 'g')", "string", "5551234567"],
  ["regexp_replace('abcabc', 'a|ab', 'X', 'g')", "string", "XcXc"],
  ["regexp_replace('xaaay', 'a+?', '-')", "string", "x-aay"],
])

answers("regular expressions take out", [
  ["substring('foobar' from 'o.b')", "string", "oob"],
  ["substring('foobar' from 'o(.)b')", "string", "o"],
  ["substring('foobar' from 'x')", "string", null],
  ["regexp_like('Hello', 'hel', 'i')", "boolean", "true"],
  ["regexp_count('ABCABCAXYaxy', 'A.')", "integer", "3"],
  ["regexp_count('ABCABCAXYaxy', 'A.', 1, 'i')", "integer", "4"],
  ["regexp_substr('ABCDEF', 'C.')", "string", "CD"],
  ["regexp_substr('ABCABD', 'AB.', 1, 2)", "string", "ABD"],
  ["regexp_match('foobarbequebaz', '(bar)(beque)')", "string[]", "{bar,beque}"],
  ["regexp_match('abc', 'b')", "string[]", "{b}"],
  ["regexp_match('abc', 'x')", "string[]", null],
])

answers("syntax of PostgreSQL's regular expressions", [
  ["'a1b' ~ '^[a-z]\\d[[:lower:]]$'", "boolean", "true"],
  ["'tab\tx' ~ '\\t'", "boolean", "true"],
  ["'x' ~ '\\x78'", "boolean", "true"],
  ["'x' ~ '\\u0078'", "boolean", "true"],
  ["'aaa' ~ '^a{3}$'", "boolean", "true"],
  ["'aaaa' ~ '^a{2,}$'", "boolean", "true"],
  ["'ab' ~ '^(?:a|b)+$'", "boolean", "true"],
  ["'a+b' ~ '***=a+b'", "boolean", "true"],
  ["'AB' ~ '(?i)ab'", "boolean", "true"],
  ["'b' ~ '[^a]'", "boolean", "true"],
  ["'-' ~ '[a-]'", "boolean", "true"],
  ["'' ~ ''", "boolean", "true"],
  ["'abc' ~ '('", "error", "INVALID_ARGUMENT"],
  ["'abc' ~ '*'", "error", "INVALID_ARGUMENT"],
  ["'a' ~ 'a**'", "error", "INVALID_ARGUMENT"],
  ["'a]' ~ '[]]'", "boolean", "true"],
  ["'ab' ~ 'a$'", "boolean", "false"],
  ["E'a\\nb' ~ '^a$'", "boolean", "false"],
  ["E'a\\nb' ~ '(?w)^b$'", "boolean", "true"],
  ["'foo.bar' ~ '^[\\w.]+$'", "boolean", "true"],
  ["'日本' ~ '^\\w{2}$'", "boolean", "true"],
  ["'x^y' ~ 'x\\^y'", "boolean", "true"],
  ["'a{' ~ 'a{'", "boolean", "true"],
  ["'a,b' ~ 'a[,;]b'", "boolean", "true"],
  ["'path/to' ~ '/'", "boolean", "true"],
  ["'éa' ~* 'ÉA'", "boolean", "true"],
])

answers("places are not repeated, and borders of words are those of ASCII", [
  ["'a' ~ '^*a'", "error", "INVALID_ARGUMENT"],
  ["'a' ~ 'a\\y+'", "error", "INVALID_ARGUMENT"],
  ["'a b' ~ '\\yb\\y'", "boolean", "true"],
  ["'ab, é' ~ '\\yb'", "error", "INVALID_ARGUMENT"],
  ["'ab – c' ~ '\\yc'", "boolean", "true"],
])

answers("classes of case where case makes no difference", [
  ["'日' ~* '[[:upper:]]'", "boolean", "true"],
  ["'日' ~ '[[:upper:]]'", "boolean", "false"],
  ["regexp_replace('aB', '[[:upper:]]', '.', 'gi')", "string", ".."],
])
