/** All functions and operators of the language, by name. */
import { arraySignatures } from "./arrays.ts"
import { bytesSignatures } from "./bytes.ts"
import { dateFormatSignatures } from "./dateFormat.ts"
import { datePartSignatures } from "./dateParts.ts"
import { dateSignatures } from "./dates.ts"
import { decimalMathSignatures } from "./decimalMath.ts"
import { decimalSignatures } from "./decimals.ts"
import { doubleSignatures } from "./doubles.ts"
import { integerSignatures } from "./integers.ts"
import { jsonSignatures } from "./json.ts"
import { likeSignatures } from "./like.ts"
import { numberFormatSignatures } from "./numberFormat.ts"
import { regexSignatures } from "./regex.ts"
import type { Signature } from "./signatures.ts"
import { stringSignatures } from "./strings.ts"

/** The signatures by what they are about, in the order of the reference page. */
export const libraryGroups: ReadonlyArray<readonly [title: string, signatures: ReadonlyArray<Signature>]> = [
  ["Numbers", [...integerSignatures, ...decimalSignatures, ...decimalMathSignatures, ...doubleSignatures]],
  ["Text", [...stringSignatures, ...likeSignatures]],
  ["Regular expressions", regexSignatures],
  ["Bytes", bytesSignatures],
  ["Dates, times and intervals", [...dateSignatures, ...datePartSignatures]],
  ["Formats", [...dateFormatSignatures, ...numberFormatSignatures]],
  ["JSON", jsonSignatures],
  ["Arrays", arraySignatures],
]

/** Signatures by name; operators by their signs. */
export const library: ReadonlyMap<string, ReadonlyArray<Signature>> = Map.groupBy(
  libraryGroups.flatMap(([, signatures]) => signatures),
  (signature) => signature.name,
)
