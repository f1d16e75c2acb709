import { memoryStore } from "@deltaflow/core/store/memory"
import { expect, it } from "vitest"
import { Claims } from "./Claims.ts"

it("gives a job to one of those who ask at once, and again when it is settled or its time is over", async () => {
  const claims = new Claims<{ readonly nextAt: number }>(memoryStore(), "at:")
  const added = await Promise.all([claims.add("a", { nextAt: 1 }), claims.add("a", { nextAt: 2 })])
  expect(added.map((claim) => claim?.value.nextAt)).toEqual([1, 1])
  const read = async () => (await claims.all()).get("a")!
  const both = [await read(), await read()]
  expect(await Promise.all(both.map((claim, i) => claim.take(1000, `run_${i}`)))).toEqual([true, false])
  const held = await read()
  expect([held.isHeld(1000), held.isHeld(12_999), held.isHeld(13_000), held.left]).toEqual([true, true, false, "run_0"])
  // Whoever takes over knows which run was to be made.
  expect(await held.take(20_000, held.left!)).toBe(true)
  expect((await read()).left).toBe("run_0")
  expect(await both[0]!.settle({ nextAt: 2 })).toBe(false)
  expect(await held.settle({ nextAt: 2 })).toBe(true)
  expect([(await read()).value.nextAt, (await read()).isHeld(20_000), (await read()).left]).toEqual([2, false, undefined])
})

it("keeps the jobs of two kinds apart", async () => {
  const store = memoryStore()
  const [times, others] = [new Claims(store, "at:"), new Claims(store, "after:")]
  for (const name of ["a", "z", "é"]) await times.add(name, {})
  await others.add("b", {})
  expect([...(await times.all()).keys()]).toEqual(["a", "z", "é"])
  expect([...(await others.all()).keys()]).toEqual(["b"])
  await times.remove("a")
  expect([...(await times.all()).keys()]).toEqual(["z", "é"])
})
