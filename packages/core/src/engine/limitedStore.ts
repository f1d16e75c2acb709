import type * as Effect from "effect/Effect"
import { StoreError } from "../contract/Errors.ts"
import type { Store, StoreTransaction } from "../contract/Store.ts"
import { limitTime } from "./limitTime.ts"

/** Longer than any store waits for another process; a call that takes longer will not end. */
const STORE_MS = 30_000

/** The same store, whose calls end in time: a run must end also where its store does not answer. */
export const limitedStore = (store: Store): Store => {
  const limited =
    <Args extends ReadonlyArray<unknown>, A>(name: string, call: (...args: Args) => Effect.Effect<A, StoreError>) =>
    (...args: Args): Effect.Effect<A, StoreError> =>
      limitTime(STORE_MS, () => silent(name))(call(...args))
  const transaction = ({ createRun, saveEntry, getDefinition }: StoreTransaction): StoreTransaction => ({
    createRun: limited("createRun", createRun),
    saveEntry: limited("saveEntry", saveEntry),
    getDefinition: limited("getDefinition", getDefinition),
  })
  return {
    getRun: limited("getRun", store.getRun),
    listRuns: limited("listRuns", store.listRuns),
    listEvents: limited("listEvents", store.listEvents),
    getCheckpoints: limited("getCheckpoints", store.getCheckpoints),
    getStepStates: limited("getStepStates", store.getStepStates),
    lastStepVersion: limited("lastStepVersion", store.lastStepVersion),
    getDefinition: limited("getDefinition", store.getDefinition),
    listDefinitions: limited("listDefinitions", store.listDefinitions),
    countDefinitions: limited("countDefinitions", store.countDefinitions),
    definitionsVersion: limited("definitionsVersion", store.definitionsVersion),
    getEntry: limited("getEntry", store.getEntry),
    listEntries: limited("listEntries", store.listEntries),
    getLease: limited("getLease", store.getLease),
    createRun: limited("createRun", store.createRun),
    updateRun: limited("updateRun", store.updateRun),
    appendEvents: limited("appendEvents", store.appendEvents),
    acquireLease: limited("acquireLease", store.acquireLease),
    renewLease: limited("renewLease", store.renewLease),
    releaseLease: limited("releaseLease", store.releaseLease),
    saveCheckpoint: limited("saveCheckpoint", store.saveCheckpoint),
    deleteCheckpoints: limited("deleteCheckpoints", store.deleteCheckpoints),
    saveStepStates: limited("saveStepStates", store.saveStepStates),
    pruneStepStates: limited("pruneStepStates", store.pruneStepStates),
    saveDefinition: limited("saveDefinition", store.saveDefinition),
    setPaused: limited("setPaused", store.setPaused),
    deleteDefinition: limited("deleteDefinition", store.deleteDefinition),
    saveEntry: limited("saveEntry", store.saveEntry),
    deleteEntry: limited("deleteEntry", store.deleteEntry),
    ...(store.inTransaction === undefined ? {} : { inTransaction: (tx) => transaction(store.inTransaction!(tx)) }),
    close: () => store.close(),
  }
}

const silent = (name: string): StoreError =>
  new StoreError({
    code: "STORE_FAILED",
    message: `store: ${name} did not answer within ${STORE_MS / 1000} s. See whether the store can be reached.`,
    retryable: true,
  })
