/**
 * What cursors were made by: the version of the source's cursors, and the fingerprint of its definition. It stands among the cursors, so
 * that it goes into the destination's own checkpoint with them: the engine's store may be behind that, or be another by then.
 */
import type { StoredCheckpoint } from "../contract/Store.ts"
import { isIncremental, type ResolvedPipeline, type ResolvedSource } from "./Resolved.ts"

export type Origins = Pick<StoredCheckpoint, "cursorVersions" | "fingerprints">

/** Among the cursors: no source can have this name. */
const ORIGINS = "#origins"

export const originsOf = (sources: ReadonlyArray<ResolvedSource>): Origins => ({
  cursorVersions: Object.fromEntries(sources.map(({ name, plugin }) => [name, plugin.cursorVersion ?? 1])),
  fingerprints: Object.fromEntries(sources.map(({ name, fingerprint }) => [name, fingerprint])),
})

export const withOrigins = (cursors: Readonly<Record<string, string>>, pipeline: ResolvedPipeline): Readonly<Record<string, string>> =>
  isIncremental(pipeline) ? { ...cursors, [ORIGINS]: JSON.stringify(originsOf(pipeline.sources)) } : cursors

export const readOrigins = ({ [ORIGINS]: text }: Readonly<Record<string, string>>): Origins | undefined =>
  text === undefined ? undefined : (JSON.parse(text) as Origins)

export const withoutOrigins = ({ [ORIGINS]: _, ...cursors }: Readonly<Record<string, string>>): Readonly<Record<string, string>> => cursors
