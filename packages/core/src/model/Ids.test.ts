import fc from "fast-check"
import { expect, test } from "vitest"
import { IdSequence, newEventId, newRunId } from "./Ids.ts"

test("ids carry their kind, and their time sorts as text", () => {
  expect(newRunId(1_764_000_000_000)).toMatch(/^run_[0-9a-hjkmnp-tv-z]{26}$/)
  expect(newEventId(1_764_000_000_000)).toMatch(/^evt_[0-9a-hjkmnp-tv-z]{26}$/)
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
      fc.pre(Math.min(a, b) < 2 ** 48 - 1 && a !== b)
      const [first, second] = [newRunId(Math.min(a, b), () => 0.999), newRunId(Math.max(a, b), () => 0)]
      return first < second
    }),
  )
})

test("each id sorts after the one before, whatever the clock does", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -5, max: 2 ** 41 }), { minLength: 2, maxLength: 200 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (times, chance) => {
        const ids = new IdSequence("evt_", () => chance.next().value as number)
        const made = times.map((now) => ids.next(now))
        return made.every((id, i) => i === 0 || made[i - 1]! < id)
      },
    ),
  )
})

test("counting on within a millisecond carries into the upper half", () => {
  const ids = new IdSequence("", () => 1 - 2 ** -50)
  const made = Array.from({ length: 3 }, () => ids.next(5))
  expect(made).toEqual(made.toSorted())
  expect(new Set(made).size).toBe(3)
})

test("100,000 ids of one millisecond differ", () => {
  const made = new Set(Array.from({ length: 100_000 }, () => newEventId(1)))
  expect(made.size).toBe(100_000)
})

test("the same chance gives the same run id", () => {
  expect(newRunId(1000, () => 0.5)).toBe(newRunId(1000, () => 0.5))
  expect(newRunId(1000)).not.toBe(newRunId(1000))
})
