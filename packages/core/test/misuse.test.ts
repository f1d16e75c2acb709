/** What programs without types hand in by mistake: each gets an error that says what is wanted. */
import { expect, it } from "vitest"
import { createEngine, defineSource, type EngineOptions, type PipelineDefinition } from "../src/index.ts"

it.each([
  [undefined, "`plugins` is missing"],
  [{}, "`plugins` is missing"],
  [{ plugins: { csv: {} } }, "`plugins` is missing"],
  [{ plugins: [defineSource({ type: "a", read: () => [] }), {}] }, "plugins[1] is no plugin"],
  [{ plugins: [undefined] }, "plugins[0] is no plugin"],
  [{ plugins: [defineSource({ read: () => [] } as never)] }, "plugins[0] is no plugin with a type"],
])("createEngine(%j)", (options, message) => {
  expect(() => createEngine(options as EngineOptions)).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }))
  expect(() => createEngine(options as EngineOptions)).toThrow(message)
})

it.each([undefined, null, 42, "just text", [], () => 1])("engine.run(%j)", async (pipeline) => {
  await using engine = createEngine({ plugins: [] })
  const error = await engine.run(pipeline as unknown as PipelineDefinition).catch((cause: unknown) => cause)
  expect(error).toMatchObject({ name: "DefinitionError", message: expect.stringMatching(/pipeline/) })
})
