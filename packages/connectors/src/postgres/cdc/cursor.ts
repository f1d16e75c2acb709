/** Where the changes of a database stand. */
import { type CursorValue, SourceError } from "@deltaflow/core"
import { type Lsn, parseLsn, ProtocolError } from "./pgoutput.ts"

/** Stored between runs: only ever add optional fields. */
export type ChangesCursor = {
  /** The end of the last transaction that was read wholly. */
  readonly lsn: string
  /** The identity of the server, which a copy of it shares. */
  readonly system: string
}

export const changesCursor = (cursor: CursorValue, source: string): ChangesCursor => {
  const { lsn, system } = (typeof cursor === "object" && cursor !== null ? cursor : {}) as Partial<ChangesCursor>
  try {
    if (typeof lsn === "string" && typeof system === "string" && parseLsn(lsn) >= 0n) return { lsn, system }
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
  }
  throw new SourceError({
    code: "CURSOR_INVALID",
    message: `${source}: the stored cursor is none of mode: cdc. Run once with --full-refresh, or reset the state.`,
    path: [source],
  })
}

/** By their place alone. One that cannot be read comes first, so that reading from it says what is wrong. */
export const compareChanges = (a: CursorValue, b: CursorValue): number => {
  const [first, second] = [placeOf(a), placeOf(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

const placeOf = (cursor: CursorValue): Lsn => {
  try {
    return parseLsn(String((cursor as Partial<ChangesCursor> | null)?.lsn))
  } catch (cause) {
    if (cause instanceof ProtocolError) return -1n
    throw cause
  }
}
