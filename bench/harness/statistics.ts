export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export function spread(values: ReadonlyArray<number>): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, least: sorted[0]!, most: sorted.at(-1)! }
}

/** The ratios of values that were measured in pairs. */
export const ratios = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): Spread => spread(a.map((value, i) => value / b[i]!))
