/** Two texts line by line, as `diff -u` shows them: what goes with a minus, what comes with a plus, and three lines around them. */

interface Line {
  readonly sign: " " | "-" | "+"
  readonly text: string
}

const AROUND = 3

/** Empty where the texts are the same. `…` stands for lines that are left out between others. */
export const lineDifference = (before: string, after: string): ReadonlyArray<string> => {
  const lines = differenceOf(before.split("\n"), after.split("\n"))
  const changed = lines.flatMap(({ sign }, i) => (sign === " " ? [] : [i]))
  const isNear = (index: number): boolean => changed.some((change) => Math.abs(change - index) <= AROUND)
  const near = lines.flatMap((_, i) => (isNear(i) ? [i] : []))
  return near.flatMap((index, i) => {
    const { sign, text } = lines[index]!
    const shown = `${sign} ${text}`.trimEnd()
    return i > 0 && near[i - 1] !== index - 1 ? ["…", shown] : [shown]
  })
}

/** The longest lines that both have in common stay. What is the same at both ends is left out of the search, which is quadratic. */
const differenceOf = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<Line> => {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  const most = Math.min(before.length, after.length) - start
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end++
  const middle = changes(before.slice(start, before.length - end), after.slice(start, after.length - end))
  const same = (texts: ReadonlyArray<string>): ReadonlyArray<Line> => texts.map((text) => ({ sign: " ", text }))
  return [...same(before.slice(0, start)), ...middle, ...same(before.slice(before.length - end))]
}

/** Cells of the search's table at most; beyond, everything goes and everything comes. */
const MOST_CELLS = 4_000_000

const changes = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<Line> => {
  if (before.length * after.length > MOST_CELLS) {
    return [...before.map((text): Line => ({ sign: "-", text })), ...after.map((text): Line => ({ sign: "+", text }))]
  }
  const common = commonLengths(before, after)
  const lines: Array<Line> = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ sign: " ", text: before[i]! })
      i++
      j++
    } else if (j >= after.length || (i < before.length && common[i + 1]![j]! >= common[i]![j + 1]!))
      lines.push({ sign: "-", text: before[i++]! })
    else lines.push({ sign: "+", text: after[j++]! })
  }
  return lines
}

/** How many lines the texts have in common from line `i` of the one and `j` of the other on. */
const commonLengths = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<Uint32Array> => {
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1))
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      lengths[i]![j] = before[i] === after[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!)
  return lengths
}
