/** Revisions of definitions: the rule that all stores share. */
import type { StoredDefinition } from "../contract/Store.ts"

/** What is stored after saving. Where nothing differs it is `before` itself. */
export const savedDefinition = (
  before: StoredDefinition | undefined,
  saved: { readonly name: string; readonly definition: string; readonly source: string | null },
  now: number,
): StoredDefinition => {
  const { name, definition, source } = saved
  if (before === undefined) return { name, revision: 1, definition, source, paused: false, createdAt: now, updatedAt: now }
  if (before.definition === definition && before.source === source) return before
  const revision = before.definition === definition ? before.revision : before.revision + 1
  return { ...before, revision, definition, source, updatedAt: now }
}
