import * as Schema from "effect/Schema"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { TransformError } from "../contract/Errors.ts"
import { defineTransform } from "../contract/define.ts"
import { loadTransformFunctions } from "./custom.ts"
import type { CustomFunction, CustomStep } from "./Step.ts"

const step = (name: string, more: Partial<CustomStep> = {}): CustomStep => ({
  type: "custom",
  reference: { url: "file:///project/steps.ts", name, options: { salt: "s" } },
  ...more,
})

const identity = <A>(row: A): A => row

const withConfig = (config: Parameters<typeof defineTransform>[0]["config"]) =>
  defineTransform({ type: "hash", ...(config === undefined ? {} : { config }), patch: identity })

const module = {
  plain: identity,
  withMode: { mode: "batch", run: identity },
  anything: withConfig(undefined),
  zod: withConfig(z.object({ salt: z.string().transform((salt) => salt.toUpperCase()) })),
  effect: withConfig(Schema.toStandardSchemaV1(Schema.Struct({ salt: Schema.String, rounds: Schema.optional(Schema.Number) }))),
  strict: withConfig(z.object({ salt: z.number(), deep: z.object({ a: z.string() }) })),
  number: 7,
}

const load = async (
  one: CustomStep,
  loadModule = async (): Promise<Record<string, unknown>> => module,
): Promise<CustomFunction | undefined> => (await loadTransformFunctions([{ type: "filter", condition: "true" }, one], loadModule))(one)

const failureOf = async (run: Promise<unknown>): Promise<TransformError> => {
  const error: unknown = await run.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(TransformError)
  return error as TransformError
}

describe("loadTransformFunctions", () => {
  test("takes a plain function for one of rows, unless the step says otherwise", async () => {
    expect(await load(step("plain"))).toStrictEqual({ apply: { mode: "row", run: identity }, config: { salt: "s" } })
    expect(await load(step("plain", { mode: "patch" }))).toMatchObject({ apply: { mode: "patch" } })
  })

  test("takes a function with its mode, and what defineTransform gives", async () => {
    expect(await load(step("withMode"))).toStrictEqual({ apply: { mode: "batch", run: identity }, config: { salt: "s" } })
    expect(await load(step("anything"))).toStrictEqual({ apply: { mode: "patch", run: identity }, config: { salt: "s" } })
  })

  test("decodes the config with the transform's own schema, whichever library it is from", async () => {
    expect(await load(step("zod"))).toMatchObject({ config: { salt: "S" } })
    expect(await load(step("effect"))).toMatchObject({ config: { salt: "s" } })
  })

  test("says what is wrong with the config, all at once", async () => {
    const error = await failureOf(load(step("strict")))
    expect(error).toMatchObject({ code: "INVALID_VALUE", path: ["transforms[1]"] })
    expect(error.message).toMatch(/^transforms\[1\] \(custom\): config: salt: .+; deep: .+\.$/)
  })

  test("names a module that does not load, with its cause", async () => {
    const cause = new Error("Cannot find module")
    const error = await failureOf(load(step("plain"), () => Promise.reject(cause)))
    expect(error).toMatchObject({ code: "MODULE_FAILED", cause })
    expect(error.message).toBe("transforms[1] (custom): the module file:///project/steps.ts could not be loaded: Cannot find module.")
  })

  test("tells a module that is missing from one that imports a missing one", async () => {
    const missing = (url: string) => () => Promise.reject(Object.assign(new Error("no"), { code: "ERR_MODULE_NOT_FOUND", url }))
    const own = await failureOf(load(step("plain"), missing("file:///project/steps.ts")))
    expect(own.message).toContain("file:///project/steps.ts does not exist. Check the path")
    const inner = await failureOf(load(step("plain"), missing("file:///project/other.ts")))
    expect(inner.message).toContain("file:///project/steps.ts could not be loaded: no.")
  })

  test("guesses at a misspelt export", async () => {
    const error = await failureOf(load(step("plian")))
    expect(error.message).toBe("transforms[1] (custom): the module file:///project/steps.ts has no export `plian`. Did you mean `plain`?")
  })

  test("lists the exports where none is near, and does not reach into prototypes", async () => {
    const error = await failureOf(load(step("constructor"), async () => ({ a: identity, b: 1 })))
    expect(error.message).toBe("transforms[1] (custom): the module file:///project/steps.ts has no export `constructor`. It exports a, b.")
    expect((await failureOf(load(step("x"), async () => ({})))).message).toContain("It exports nothing.")
  })

  test("refuses an export that is no function", async () => {
    const error = await failureOf(load(step("number")))
    expect(error.message).toBe(
      "transforms[1] (custom): the export is no function. Export a function of a row, an object with one of row, patch and batch, or what defineTransform gives.",
    )
  })

  test("finds functions of this process by name, and nothing for a name that nobody registered", async () => {
    const own: CustomFunction = { apply: { mode: "row", run: identity }, config: 1 }
    const steps = [step("x", { reference: { local: "own" } }), step("x", { reference: { local: "other" } })]
    const resolve = await loadTransformFunctions(steps, () => Promise.reject(new Error("not to be called")), new Map([["own", own]]))
    expect(steps.map(resolve)).toStrictEqual([own, undefined])
  })
})
