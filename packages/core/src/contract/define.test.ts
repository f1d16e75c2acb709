import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { defineDestination, defineSource, loadPromiseForm } from "./define.ts"

const source = defineSource({
  type: "ours",
  read: function* () {
    yield [{ a: 1 }]
  },
})

const destination = defineDestination({
  type: "theirs",
  checkpoint: async () => undefined,
  open: () => ({ write: () => {} }),
})

it("says what a plugin in the Promise form needs before it is opened without an engine", async () => {
  const opens = [() => source.open({} as never), () => destination.open({} as never), () => destination.checkpoint?.({} as never)]
  for (const open of opens) expect(open).toThrow("Await loadPromiseForm() of @deltaflow/core first.")
  await loadPromiseForm()
  const reader = await Effect.runPromise(Effect.scoped(source.open({ name: "ours", columns: {} } as never)))
  expect(reader.schema.columns.map(({ name }) => name)).toEqual(["a"])
  expect(await Effect.runPromise(destination.checkpoint!({ name: "theirs" } as never))).toBeUndefined()
})
