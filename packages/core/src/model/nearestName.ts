/**
 * The known name that a mistyped one most likely meant.
 *
 * Swapped neighbours count as one slip, and so do case and the choice between `-` and `_`. A name that is too far away gives nothing: a
 * wrong guess is worse than none.
 */
export const nearestName = (name: string, candidates: Iterable<string>): string | undefined => {
  const wanted = fold(name)
  const allowed = allowedSlips(wanted.length)
  let nearest: string | undefined
  let least = allowed + 1
  for (const candidate of candidates) {
    const folded = fold(candidate)
    const slips = editDistance(wanted, folded, allowed + 1)
    // Of two that are equally near, the one that begins alike: the first letter is seldom the wrong one.
    const distance = slips + (folded[0] === wanted[0] ? 0 : 0.5)
    if (slips > allowed || distance >= least || candidate === name) continue
    nearest = candidate
    least = distance
  }
  return nearest ?? beginningWith(wanted, candidates)
}

// `int` is `integer`, though many letters are missing.
const beginningWith = (wanted: string, candidates: Iterable<string>): string | undefined => {
  if (wanted.length < SHORTEST_BEGINNING) return undefined
  for (const candidate of candidates) if (fold(candidate).startsWith(wanted) && fold(candidate) !== wanted) return candidate
  return undefined
}

const SHORTEST_BEGINNING = 3

/** ` Did you mean \`condition\`?`, or nothing, to put behind a message. */
export const didYouMean = (name: string, candidates: Iterable<string>): string => {
  const nearest = nearestName(name, candidates)
  return nearest === undefined ? "" : ` Did you mean \`${nearest}\`?`
}

const fold = (name: string): string => name.slice(0, LONGEST_NAME).toLowerCase().replaceAll("-", "_")

const LONGEST_NAME = 128

// One slip in three characters: `id` is not `key`, `conditon` is `condition`.
const allowedSlips = (length: number): number => Math.max(1, Math.floor(length / 3))

/** Damerau-Levenshtein distance (optimal string alignment), or `limit` where it is not below it. */
export const editDistance = (a: string, b: string, limit = Number.POSITIVE_INFINITY): number => {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: Array<number> = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) row.push(cheapest(a, b, i, j, row, previous, before))
    before = previous
    previous = row
  }
  return Math.min(previous[b.length]!, limit)
}

const cheapest = (
  a: string,
  b: string,
  i: number,
  j: number,
  row: ReadonlyArray<number>,
  previous: ReadonlyArray<number>,
  before: ReadonlyArray<number>,
): number => {
  const same = a[i - 1] === b[j - 1]
  const best = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
  const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
  return isSwap ? Math.min(best, before[j - 2]! + 1) : best
}
