import { answers } from "../../../test/expression/answers.ts"

answers("digests", [
  ["md5('abc')", "string", "900150983cd24fb0d6963f7d28e17f72"],
  ["md5('')", "string", "d41d8cd98f00b204e9800998ecf8427e"],
  ["sha256('abc')", "bytes", "\\xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["encode(sha256('abc'), 'hex')", "string", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
])

answers("bytes and their texts", [
  ["encode('abc'::bytea, 'base64')", "string", "YWJj"],
  [
    "encode(repeat('abc', 40)::bytea, 'base64')",
    "string",
    "YWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj\nYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj\nYWJjYWJj",
  ],
  ["encode('\\x0001ff41'::bytea, 'escape')", "string", "\\000\u0001\\377A"],
  ["decode('AQID', 'base64')", "bytes", "\\x010203"],
  ["decode('ff00', 'hex')", "bytes", "\\xff00"],
  ["decode('zz', 'hex')", "error", "INVALID_CAST"],
  ["'\\xDEADBEEF'::bytea", "bytes", "\\xdeadbeef"],
  ["'abc\\\\d\\001'::bytea", "bytes", "\\x6162635c6401"],
  ["'abc\\'::bytea", "error", "INVALID_CAST"],
  ["octet_length('\\xff00'::bytea)", "integer", "2"],
  ["length('abc'::bytea)", "integer", "3"],
  ["'\\x01'::bytea || '\\x02'::bytea", "bytes", "\\x0102"],
  ["'\\x01'::bytea < '\\x02'::bytea", "boolean", "true"],
])

answers("blanks in hex", [
  ["'\\x1d 2e'::bytea", "bytes", "\\x1d2e"],
  ["'\\x1 d'::bytea", "error", "INVALID_CAST"],
  ["decode('1 d', 'hex')", "error", "INVALID_CAST"],
])
