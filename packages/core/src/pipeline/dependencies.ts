/** Which pipeline waits for which, over a whole project. */
import { didYouMean } from "../model/nearestName.ts"
import type { Problem } from "./problem.ts"

export interface Dependent {
  readonly name: string
  /** Names of the pipelines that it waits for. */
  readonly needs: ReadonlyArray<string>
}

/** Names that no pipeline has, as problems of the pipeline that asks for them. */
export const unknownDependencies = ({ needs }: Dependent, names: ReadonlySet<string>): ReadonlyArray<Problem> =>
  needs
    .filter((need) => !names.has(need))
    .map((need) => ({
      code: "UNKNOWN_PIPELINE",
      message: `no pipeline of the name \`${need}\` is known.${didYouMean(need, names)}`,
      path: ["depends_on"],
      part: need,
      ...(names.size === 0 ? {} : { hint: `Pipelines of the project: ${[...names].toSorted().join(", ")}.` }),
    }))

/**
 * The circles, each once, beginning with its first pipeline in the given order: `[["a", "b", "c"]]` where a waits for b, b for c, c for
 * a.
 */
export const circlesOf = (pipelines: ReadonlyArray<Dependent>): ReadonlyArray<ReadonlyArray<string>> => {
  const needsOf = new Map(pipelines.map(({ name, needs }) => [name, needs]))
  const circles: Array<ReadonlyArray<string>> = []
  const done = new Set<string>()
  for (const { name } of pipelines) {
    if (done.has(name)) continue
    for (const circle of circlesFrom(name, needsOf, done)) circles.push(circle)
  }
  return circles
}

interface Visit {
  readonly name: string
  next: number
}

/** Follows the dependencies of one pipeline without recursion, so that a chain may be as long as it likes. */
const circlesFrom = (
  start: string,
  needsOf: ReadonlyMap<string, ReadonlyArray<string>>,
  done: Set<string>,
): ReadonlyArray<ReadonlyArray<string>> => {
  const circles: Array<ReadonlyArray<string>> = []
  const way: Array<Visit> = [{ name: start, next: 0 }]
  while (way.length > 0) {
    const visit = way.at(-1)!
    const need = needsOf.get(visit.name)?.[visit.next++]
    if (need === undefined) done.add(way.pop()!.name)
    else if (way.some(({ name }) => name === need))
      circles.push(way.slice(way.findIndex(({ name }) => name === need)).map(({ name }) => name))
    else if (needsOf.has(need) && !done.has(need)) way.push({ name: need, next: 0 })
  }
  return circles
}

/** The problem of one pipeline in a circle. */
export const circleProblem = (circle: ReadonlyArray<string>, name: string): Problem => {
  const begin = circle.indexOf(name)
  const turned = [...circle.slice(begin), ...circle.slice(0, begin)]
  return {
    code: "CIRCULAR_DEPENDENCY",
    message: `the pipelines wait for each other in a circle: ${[...turned, name].join(" → ")}. Take one of these dependencies out.`,
    path: ["depends_on"],
    ...(turned[1] === undefined ? {} : { part: turned[1] }),
  }
}
