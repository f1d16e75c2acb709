/** Entries of a store, however many there are. */
import type { Store, StoredEntry } from "../contract/Store.ts"
import { promised } from "../contract/promised.ts"

const PAGE = 1000

/** All entries of a collection, in the order of their keys, or those behind the key `after`. */
export async function* entriesOf(store: Store, collection: string, after?: string): AsyncGenerator<StoredEntry, void, undefined> {
  for (let last = after; ;) {
    const page = await promised(store.listEntries({ collection, limit: PAGE, ...(last === undefined ? {} : { after: last }) }))
    yield* page
    last = page.at(-1)?.key
    if (last === undefined || page.length < PAGE) return
  }
}
