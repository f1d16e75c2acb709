import { type } from "arktype"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as v from "valibot"
import { describe, expect, expectTypeOf, it } from "vitest"
import * as z from "zod"
import { defineSource } from "../contract/define.ts"
import type { StandardSchema } from "../contract/Plugin.ts"
import { validateConfig } from "./config.ts"
import { secret } from "./secret.ts"
import { Secrets } from "./Secrets.ts"

const effectConfig = Schema.Struct({
  repo: Schema.NonEmptyString.annotate({ description: "Owner and name." }),
  limit: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 100 }))),
  token: Schema.RedactedFromValue(Schema.String),
})
const zodConfig = z.object({ repo: z.string().describe("Owner and name."), limit: z.number().min(1).max(100).optional(), token: secret() })
const valibotConfig = v.object({
  repo: v.string(),
  limit: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(100))),
  token: secret(),
})
const arkConfig = type({ repo: "string", "limit?": "1 <= number <= 100", token: secret() })

const libraries: ReadonlyArray<readonly [string, StandardSchema]> = [
  ["Effect Schema", Schema.toStandardSchemaV1(effectConfig)],
  ["Zod", zodConfig],
  ["Valibot", valibotConfig],
  ["ArkType", arkConfig],
]

const check = async (config: StandardSchema, value: unknown, secrets = new Secrets()) =>
  await validateConfig({ type: "github", config }, value, ["sources", 0], secrets)

const problemsOf = async (config: StandardSchema, value: unknown) => {
  const outcome = await check(config, value)
  return outcome.ok ? [] : outcome.problems
}

describe.each(libraries)("a config in %s", (_, config) => {
  it("is decoded", async () => {
    const outcome = await check(config, { repo: "a/b", limit: 5, token: "gh-0123456789" })
    expect(outcome).toMatchObject({ ok: true, value: { repo: "a/b", limit: 5 } })
  })

  it("has its secret registered", async () => {
    const secrets = new Secrets()
    await check(config, { repo: "a/b", token: "gh-0123456789" }, secrets)
    expect(secrets.mask("the token gh-0123456789 of a/b")).toBe("the token *** of a/b")
  })

  it("names the key that is missing", async () => {
    const problems = await problemsOf(config, { token: "gh-0123456789" })
    expect(problems).toEqual([
      expect.objectContaining({ code: "MISSING_KEY", path: ["sources", 0, "repo"], message: "the key `repo` is missing." }),
    ])
  })

  it("names the key that is unknown, and the one that was meant", async () => {
    const problems = await problemsOf(config, { repo: "a/b", token: "gh-0123456789", limt: 5 })
    expect(problems).toEqual([
      expect.objectContaining({ code: "UNKNOWN_KEY", path: ["sources", 0, "limt"], message: "unknown key `limt`. Did you mean `limit`?" }),
    ])
  })

  it("says what is wrong with a value, and what was found", async () => {
    const [problem, ...more] = await problemsOf(config, { repo: "a/b", token: "gh-0123456789", limit: 500 })
    expect(more).toEqual([])
    expect(problem).toMatchObject({ code: "INVALID_VALUE", path: ["sources", 0, "limit"] })
    expect(problem!.message).toMatch(/100.*500/)
  })

  it("tells everything at once", async () => {
    const problems = await problemsOf(config, { limit: 500, token: 5, limt: 1 })
    expect(problems.map(({ path }) => String(path.at(-1))).toSorted()).toEqual(["limit", "limt", "repo", "token"])
  })
})

describe("secret()", () => {
  it("is text in the types of each library", () => {
    expectTypeOf<z.output<typeof zodConfig>["token"]>().toEqualTypeOf<string>()
    expectTypeOf<v.InferOutput<typeof valibotConfig>["token"]>().toEqualTypeOf<string>()
    expectTypeOf<(typeof arkConfig.infer)["token"]>().toEqualTypeOf<string>()
  })

  it("can be left out where a library says so", async () => {
    for (const config of [
      z.object({ token: z.optional(secret()) }),
      v.object({ token: v.optional(secret()) }),
      type({ "token?": secret() }),
    ]) {
      expect(await check(config, {})).toMatchObject({ ok: true })
      const secrets = new Secrets()
      await check(config, { token: "gh-0123456789" }, secrets)
      expect(secrets.mask("gh-0123456789")).toBe("***")
    }
  })

  it("can be a config of its own, and refuses what is no text", async () => {
    const secrets = new Secrets()
    expect(await check(secret(), "gh-0123456789", secrets)).toEqual({ ok: true, value: "gh-0123456789" })
    expect(secrets.mask("gh-0123456789")).toBe("***")
    expect(await check(secret(), 5)).toMatchObject({
      ok: false,
      problems: [{ message: "expected the text of a secret; got the number 5." }],
    })
  })

  it("types the config of a source", () => {
    defineSource({
      type: "github",
      config: zodConfig,
      read: ({ config }) => {
        expectTypeOf(config.token).toEqualTypeOf<string>()
        return []
      },
    })
  })
})

describe("validateConfig", () => {
  it("keeps what Redacted hides hidden", async () => {
    const outcome = await check(Schema.toStandardSchemaV1(effectConfig), {
      repo: "a/b",
      token: "gh-0123456789",
    })
    const { token } = (outcome as { readonly value: { readonly token: Redacted.Redacted } }).value
    expect(String(token)).not.toContain("gh-0123456789")
    expect(Redacted.value(token)).toBe("gh-0123456789")
  })

  it("registers fields that JSON Schema marks as write-only, nested ones too", async () => {
    const secrets = new Secrets()
    const config = Schema.Struct({ auth: Schema.Struct({ password: Schema.String.annotate({ writeOnly: true }), user: Schema.String }) })
    await check(Schema.toStandardSchemaV1(config), { auth: { password: "pass-word-1", user: "somebody" } }, secrets)
    expect(secrets.mask("somebody:pass-word-1")).toBe("somebody:***")
  })

  it("waits for a schema that takes its time", async () => {
    const config = z.object({ name: z.string().refine(async (name) => await Promise.resolve(name === "known"), "unknown name") })
    expect(await check(config, { name: "known" })).toEqual({ ok: true, value: { name: "known" } })
    expect(await check(config, { name: "other" })).toMatchObject({
      ok: false,
      problems: [{ message: 'unknown name; got the text "other".' }],
    })
    const slow = Schema.String.pipe(
      Schema.decode({
        decode: SchemaGetter.transformEffect((name: string) => Effect.delay(Effect.succeed(name.toUpperCase()), "1 millis")),
        encode: SchemaGetter.transform((name: string) => name),
      }),
    )
    expect(await check(Schema.toStandardSchemaV1(slow), "a")).toEqual({ ok: true, value: "A" })
  })

  it("turns a schema that throws into a message", async () => {
    const config: StandardSchema = {
      "~standard": {
        version: 1,
        vendor: "own",
        validate: () => {
          throw new Error("no connection")
        },
      },
    }
    expect(await check(config, {})).toMatchObject({
      ok: false,
      problems: [{ message: "the config schema of github threw: no connection." }],
    })
    const broken = Schema.Struct({
      a: Schema.String.check(
        Schema.makeFilter(() => {
          throw new Error("no connection")
        }),
      ),
    })
    const outcome = await check(Schema.toStandardSchemaV1(broken), { a: "x" })
    expect(outcome).toMatchObject({ ok: false, problems: [{ code: "INVALID_VALUE", message: expect.stringContaining("no connection") }] })
  })

  it("lets a library say that other keys are welcome", async () => {
    for (const config of [
      z.looseObject({ a: z.string() }),
      z.object({ a: z.string() }).catchall(z.number()),
      v.looseObject({ a: v.string() }),
    ]) {
      expect(await check(config, { a: "x", b: 1 })).toMatchObject({ ok: true })
    }
  })

  it("finds unknown keys in nested mappings and lists", async () => {
    const config = z.object({ auth: z.object({ user: z.string() }), pages: z.array(z.object({ url: z.string() })) })
    const problems = await problemsOf(config, { auth: { user: "u", usr: 1 }, pages: [{ url: "u" }, { url: "u", ulr: 1 }] })
    expect(problems.map(({ code, path }) => [code, path.slice(2)])).toEqual([
      ["UNKNOWN_KEY", ["auth", "usr"]],
      ["UNKNOWN_KEY", ["pages", 1, "ulr"]],
    ])
  })

  it("tells an unknown key of a strict Zod object once", async () => {
    const problems = await problemsOf(z.strictObject({ limit: z.number() }), { limit: 1, limt: 2 })
    expect(problems).toHaveLength(1)
    expect(problems[0]!.message).toBe("unknown key `limt`. Did you mean `limit`?")
  })

  it("does without the JSON form of a schema that has none", async () => {
    const config = z.object({ rows: z.custom<() => number>((value) => typeof value === "function") })
    const rows = () => 1
    expect(await check(config, { rows })).toEqual({ ok: true, value: { rows } })
  })
})
