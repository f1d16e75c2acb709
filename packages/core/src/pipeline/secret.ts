/**
 * `secret()`: a config field that holds a secret, for plugins whose config is a Zod, Valibot or ArkType schema, or a Standard Schema of
 * the author's own.
 *
 * It is text. Its value is registered with the engine that validates the config, and printed nowhere from then on. Authors who use Effect
 * Schema write `Schema.RedactedFromValue(Schema.String)`, or annotate a field with `writeOnly: true`.
 */
import type { StandardSchema } from "../contract/Plugin.ts"

/** What Zod asks of a member of `z.object`. */
interface ZodMember {
  readonly output: string
  readonly input: string
  readonly version: never
  readonly def: never
  readonly deferred: undefined
  readonly run: (payload: ZodPayload) => never
  readonly parse: (payload: ZodPayload) => never
  readonly traits: Set<string>
  readonly pattern: never
  readonly constr: never
  readonly bag: Record<string, unknown>
  readonly isst: never
  readonly toJSONSchema: () => unknown
}

interface ZodPayload {
  value: unknown
  issues: Array<never>
}

/** What Valibot asks of a member of `v.object`. */
interface ValibotMember {
  readonly kind: "schema"
  readonly type: "secret"
  readonly reference: () => never
  readonly expects: "string"
  readonly async: false
  readonly "~run": (dataset: { value: unknown }, config: unknown) => never
  readonly "~types"?: { readonly input: string; readonly output: string; readonly issue: never } | undefined
}

export interface SecretSchema extends ValibotMember {
  // Valibot takes no member of another vendor, the others do not ask.
  readonly "~standard": StandardSchema<string, string>["~standard"] & { readonly vendor: "valibot" }
  readonly _zod: ZodMember
}

/** How JSON Schema says it; editors hide such values. */
export const secretJsonSchema = { type: "string", format: "password", writeOnly: true } as const

const EXPECTED = "expected the text of a secret"

type Collect = (value: string) => void

// Who validates a config at this moment. Two at once may both learn a secret; none misses one.
const collectors = new Set<Collect>()

/** Calls `collect` with the value of every `secret()` that is validated meanwhile. */
export const collectingSecrets = async <A>(collect: Collect, validate: () => Promise<A>): Promise<A> => {
  // One of its own, so that the same function may be at work twice.
  const own: Collect = (value) => collect(value)
  collectors.add(own)
  try {
    return await validate()
  } finally {
    collectors.delete(own)
  }
}

const take = (value: unknown): value is string => {
  if (typeof value !== "string" || value === "") return false
  for (const collect of collectors) collect(value)
  return true
}

/** A text that is never printed. */
export const secret = (): SecretSchema => {
  const schema: SecretSchema = {
    "~standard": {
      version: 1,
      vendor: "valibot",
      validate: (value) => (take(value) ? { value } : { issues: [{ message: EXPECTED }] }),
    },
    _zod: zodMember(),
    kind: "schema",
    type: "secret",
    reference: secret as () => never,
    expects: "string",
    async: false,
    "~run": (dataset) => runInValibot(dataset as ValibotDataset),
  }
  return schema
}

const zodMember = (): ZodMember => {
  const run = (payload: { value: unknown; issues: Array<unknown> }): unknown => {
    if (!take(payload.value)) payload.issues.push({ code: "custom", message: EXPECTED, input: payload.value, path: [] })
    return payload
  }
  const member = {
    def: { type: "custom" },
    deferred: undefined,
    run,
    parse: run,
    traits: new Set(["$ZodType"]),
    pattern: undefined,
    bag: {},
    toJSONSchema: () => ({ ...secretJsonSchema }),
  }
  // The library's own types name classes of its own, which this package does not depend on.
  return member as unknown as ZodMember
}

interface ValibotDataset {
  value: unknown
  typed: boolean
  issues?: Array<unknown>
}

const runInValibot = (dataset: ValibotDataset): never => {
  dataset.typed = take(dataset.value)
  if (!dataset.typed) {
    const issue = {
      kind: "schema",
      type: "secret",
      input: dataset.value,
      expected: "string",
      received: typeof dataset.value,
      message: EXPECTED,
    }
    dataset.issues = [...(dataset.issues ?? []), issue]
  }
  return dataset as never
}
