/** Text formats: what a connector needs to read and write CSV and JSON without decoding what nobody looks at. */
export { ArchiveError, type ArchiveLimits, type Compression, compressionOf, compressions, Compressor, decompress } from "./compression.ts"
export { csvDecoder, type CsvDecoderOptions, type DecodedText, makeCsvDecoder, type TextDecode } from "./csvDecoder.ts"
export { copyText, type CsvDialect, NO_QUOTE, strictCsv } from "./csvDialect.ts"
export { checkHeader, type FirstRow, type FirstRowOptions, readFirstRow } from "./csvHeader.ts"
export { decodeText } from "./decode.ts"
export { DecodeError, type DecodePlace } from "./DecodeError.ts"
export { csvEncoder, type CsvEncoderOptions, encodeCsvHeader, makeCsvEncoder } from "./encodeCsv.ts"
export { EncodeError } from "./EncodeError.ts"
export { jsonEncoder, type JsonEncoderOptions, makeJsonEncoder, type TextEncode } from "./encodeJson.ts"
export { EscapedColumn } from "./EscapedColumn.ts"
export { byteOrderMark, type ByteOrderMark, checkUtf8, type Encoding, EncodingError, encodings, toUtf8 } from "./encoding.ts"
export { TypeGuess } from "./infer.ts"
export {
  type JsonArrayText,
  type JsonDecoderOptions,
  type JsonText,
  makeJsonArrayDecoder,
  makeNdjsonDecoder,
  ndjsonDecoder,
  sampleColumns,
} from "./jsonDecoder.ts"
export { EnvelopeError, JsonEnvelope } from "./jsonEnvelope.ts"
export { textKernel, type TextKernel } from "./kernel.ts"
export { countLines } from "./lines.ts"
export { csvSplitter, lineSplitter, type RowSplitter } from "./rowSplitter.ts"
export { type CsvRows, JsonKind, type JsonRows, TextColumn, type TextRows } from "./TextRows.ts"
