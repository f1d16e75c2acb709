/** The end of a Parquet file, which says what is in it and where. */
import type { FileMetaData, ParquetParsers } from "hyparquet"
import { parquetMetadata } from "hyparquet/src/metadata.js"
import type { FileBytes } from "./fileBytes.ts"
import { damaged, orDamaged, ParquetProblem } from "./problem.ts"

export type { FileMetaData, RowGroup, SchemaElement } from "hyparquet"

const asItIs = (value: unknown): unknown => value

/** Bounds in statistics stay what the file has, so that nothing of them is lost. */
const parsers: ParquetParsers = {
  timestampFromMilliseconds: asItIs,
  timestampFromMicroseconds: asItIs,
  timestampFromNanoseconds: asItIs,
  dateFromDays: asItIs,
  stringFromBytes: asItIs,
  jsonFromBytes: asItIs,
  geometryFromBytes: asItIs,
  geographyFromBytes: asItIs,
  uuidFromBytes: asItIs,
}

const MAGIC = "PAR1"
const ENCRYPTED = "PARE"
/** Length of the footer and magic, behind it. */
const TAIL = 8
const SMALLEST = MAGIC.length + TAIL

/** Read at once; most footers are shorter. */
const GUESS = 64 * 1024

/** Throws `ParquetProblem`. */
export const readFooter = async (file: FileBytes): Promise<FileMetaData> => {
  if (file.size < SMALLEST) throw damaged(`it has ${file.size} bytes, and no Parquet file has fewer than ${SMALLEST}`)
  const end = await file.read(Math.max(0, file.size - GUESS), Math.min(GUESS, file.size))
  checkMagic((await file.read(0, MAGIC.length)).toString("latin1"), end.toString("latin1", end.length - MAGIC.length))
  const length = end.readUInt32LE(end.length - TAIL)
  if (length + SMALLEST > file.size) throw damaged(`its footer says that it has ${length} bytes, and the file has ${file.size}`)
  const footer =
    length + TAIL <= end.length ? end.subarray(end.length - length - TAIL) : await file.read(file.size - length - TAIL, length + TAIL)
  return orDamaged("its footer cannot be read", () => parquetMetadata(footer, { parsers, geoparquet: false }))
}

const checkMagic = (start: string, end: string): void => {
  if (end === ENCRYPTED || start === ENCRYPTED)
    throw new ParquetProblem("UNSUPPORTED_FEATURE", "the file is encrypted. Write it without encryption.")
  if (start !== MAGIC)
    throw new ParquetProblem("CORRUPT_FILE", `this is no Parquet file: it begins with ${JSON.stringify(start)}, not with "${MAGIC}".`)
  if (end !== MAGIC)
    throw damaged(`it does not end as a Parquet file does, with "${MAGIC}": it was not written to its end, or only a part of it was copied`)
}
