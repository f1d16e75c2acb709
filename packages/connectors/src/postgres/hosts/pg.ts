/** Transactions on clients of `pg`. */
import { ALL_TEXT, type PgClient, type PgPool } from "../driver.ts"
import { isServerError } from "../failures.ts"
import type { Query, TransactionMode, Transactions } from "./Query.ts"
import { lentInTime } from "./waiting.ts"

/** A client for a while. */
export interface Lent {
  readonly client: PgClient
  readonly giveBack: (isSound: boolean) => void
}

const BEGIN: Readonly<Record<TransactionMode, string>> = {
  read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
  write: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
}

export const pgTransactions = (lend: () => Promise<Lent>): Transactions => ({
  transaction: async (mode, setup, use) => {
    const lent = await begun(lend, `${BEGIN[mode]}; ${setup}`)
    const query = pgQuery(lent.client)
    let isSound = false
    try {
      const result = await use(query)
      await query("COMMIT", [])
      isSound = true
      return result
    } catch (cause) {
      isSound = await query("ROLLBACK", []).then(
        () => true,
        () => false,
      )
      throw cause
    } finally {
      giveBack(lent, isSound)
    }
  },
})

/** As any pool of `pg` lends them. One that was closed forgets those who wait. */
export const poolLends = (pool: Pick<PgPool, "connect" | "ending">) => async (): Promise<Lent> => {
  const client = await lentInTime(
    () => pool.connect(),
    (late) => late.release?.(),
    () => pool.ending === true,
  )
  return { client, giveBack: (isSound) => client.release?.(!isSound) }
}

export const pgQuery =
  (client: PgClient): Query =>
  async (text, values) => {
    const result = await client.query({ text, types: ALL_TEXT, ...(values.length === 0 ? {} : { values }) })
    return ("rows" in result ? result : result.at(-1)!).rows
  }

/** Connections of a pool that may have broken while nobody used them, and not have been noticed. */
const MOST_BROKEN = 10

/** A connection with a transaction that has begun. Where one is found broken then, nothing was done yet, and the next one is taken. */
const begun = async (lend: () => Promise<Lent>, begin: string): Promise<Lent> => {
  for (let broken = 0; ; broken++) {
    const lent = await lend()
    // A connection that breaks is told by the statement that needs it; without a listener it would end the process.
    lent.client.on("error", ignore)
    try {
      await pgQuery(lent.client)(begin, [])
      return lent
    } catch (cause) {
      giveBack(lent, false)
      if (broken === MOST_BROKEN || !isLost(cause)) throw cause
    }
  }
}

/** No answer of the server, or that it ends the connection. */
const isLost = (cause: unknown): boolean => !isServerError(cause) || cause.code.startsWith("57P")

const giveBack = (lent: Lent, isSound: boolean): void => {
  lent.client.removeListener("error", ignore)
  lent.giveBack(isSound)
}

const ignore = (): void => undefined
