import { nearestName } from "@deltaflow/core"

/** The candidate that was probably meant. */
export const nearestOf = (name: string, candidates: ReadonlyArray<string>): string | undefined => nearestName(name, candidates)
