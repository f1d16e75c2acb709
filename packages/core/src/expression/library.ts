/** All functions and operators of the language, by name. */
import { decimalSignatures } from "./decimals.ts"
import { doubleSignatures } from "./doubles.ts"
import { integerSignatures } from "./integers.ts"
import type { Signature } from "./signatures.ts"
import { stringSignatures } from "./strings.ts"

const all: ReadonlyArray<Signature> = [...integerSignatures, ...decimalSignatures, ...doubleSignatures, ...stringSignatures]

/** Signatures by name; operators by their signs. */
export const library: ReadonlyMap<string, ReadonlyArray<Signature>> = Map.groupBy(all, (signature) => signature.name)
