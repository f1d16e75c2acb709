/** Revisions of definitions: the rule that all stores share. */
import type { StoredDefinition } from "../contract/Store.ts"

/**
 * What is stored after saving, undefined where another revision is there than the one that is expected. Where nothing differs it is
 * `before`.
 */
export const savedDefinition = (
  before: StoredDefinition | undefined,
  saved: { readonly name: string; readonly definition: string; readonly source: string | null },
  now: number,
  expected: number | undefined,
): StoredDefinition | undefined => {
  if (expected !== undefined && expected !== (before?.revision ?? 0)) return undefined
  const { name, definition, source } = saved
  if (before === undefined) return { name, revision: 1, definition, source, paused: false, createdAt: now, updatedAt: now }
  if (before.definition === definition && before.source === source) return before
  const revision = before.definition === definition ? before.revision : before.revision + 1
  return { ...before, revision, definition, source, updatedAt: now }
}
