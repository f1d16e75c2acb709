/** Something that is made of all definitions, and made anew when one of them has changed. */
import type { Store } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"

export const ofDefinitions = <A>(store: Store, make: () => Promise<A>): (() => Promise<A>) => {
  let made: { readonly version: number; readonly value: Promise<A> } | undefined
  return async () => {
    const version = await promised(store.definitionsVersion())
    if (made?.version !== version) made = { version, value: make() }
    const mine = made
    try {
      return await mine.value
    } catch (error) {
      // The next who asks tries again.
      if (made === mine) made = undefined
      throw error
    }
  }
}
