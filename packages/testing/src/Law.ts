/** Laws: named checks that any test runner can run. */

/** One promise that an implementation has to keep. */
export interface Law {
  readonly name: string
  /** Rejects with what is wrong, where something is. */
  readonly check: () => Promise<void>
}

/** `test` of vitest, node:test, Jest, Bun or Deno's BDD module: anything that takes a name and an async function. */
export interface Runner {
  readonly test: (name: string, check: () => Promise<void>) => unknown
}

/** Hands each law to the runner as a test of its own: `runLaws(sourceLaws({ … }), { test })`. */
export const runLaws = (laws: ReadonlyArray<Law>, { test }: Runner): void => {
  for (const { name, check } of laws) void test(name, check)
}

/** How many random cases a law tries, and with which seed. Without a seed each run tries others; a failure prints its own. */
export interface Effort {
  /** Default 50. */
  readonly runs?: number
  readonly seed?: number
}

export const effortOf = ({ runs = 50, seed }: Effort): { readonly numRuns: number; readonly seed?: number } =>
  seed === undefined ? { numRuns: runs } : { numRuns: runs, seed }
