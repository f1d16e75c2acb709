/** What the engine hands to plugins, as the laws hand it: quiet, and with files whose handles are counted. */
import assert from "node:assert/strict"
import { type DeltaflowError, errorCodes, type Files, type PluginContext, type StandardSchema } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { type FaultPlan, type FaultyFiles, faultyFiles } from "./faults.ts"

/** Where a plugin runs, and what it must not tell. */
export interface PluginSetting {
  /** Absolute. Default: the folder of the process. */
  readonly projectRoot?: string
  /** Default: the real file system. */
  readonly files?: Files
  /** Values of the config that no error may show, in plain or encoded. */
  readonly secrets?: ReadonlyArray<string>
  /** What the plugin holds open beside files: connections, timers. Asked before and after; it must be the same. */
  readonly openResources?: () => number | Promise<number>
}

const quiet = (): void => undefined

/** How the pipeline of the laws names the plugin. */
const NAME = "plugin_of_the_laws"

/** A context whose `files` are under the plan; `files.openHandles()` says what leaked. */
export const contextFor = (
  setting: PluginSetting,
  plan: FaultPlan = {},
  signal: AbortSignal = new AbortController().signal,
): PluginContext & { readonly files: FaultyFiles } => ({
  pipeline: "laws",
  runId: "run_laws",
  name: NAME,
  projectRoot: setting.projectRoot ?? process.cwd(),
  allowOutside: false,
  files: faultyFiles(setting.files ?? nodeFiles(), plan),
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  signal,
  startedAt: 1_764_000_000_000,
  runtimeValues: { run_id: "run_laws", pipeline_name: "laws", environment: "test" },
})

/** The config as the engine decodes it. Fails where the schema refuses it. */
export const decodeConfig = async <Config>(schema: StandardSchema<unknown, Config>, config: unknown): Promise<Config> => {
  const result = await schema["~standard"].validate(config)
  if (result.issues === undefined) return result.value
  assert.fail(`the config of the laws is refused: ${result.issues.map(({ message }) => message).join("; ")}`)
}

/** Fails where decoding the config from its JSON gives anything else than decoding it. */
export const checkConfigJson = async (schema: StandardSchema<unknown, unknown>, config: unknown): Promise<void> => {
  const direct = await decodeConfig(schema, config)
  assert.deepEqual(await decodeConfig(schema, JSON.parse(JSON.stringify(config))), direct, "the config changes when it goes through JSON")
}

/** Fails where an error is none of ours, has no known code, does not say whose it is, or says a secret. */
export const checkError = (
  error: unknown,
  kind: abstract new (...given: ReadonlyArray<never>) => DeltaflowError,
  { secrets = [] }: PluginSetting,
  type: string,
): void => {
  assert.ok(error instanceof kind, `a plugin fails with ${kind.name}, not with ${String(error)}`)
  assert.ok(Object.hasOwn(errorCodes, error.code), `${error.code} is no known code`)
  assert.ok(error.message.trim() !== "", "an error says what happened")
  const isNamed = error.path?.includes(NAME) === true || error.message.includes(type) || error.message.includes(NAME)
  assert.ok(isNamed, `an error says neither the plugin's type nor its name in the pipeline: ${error.message}`)
  const said = `${error.message} ${error.hint ?? ""} ${JSON.stringify(error)}`
  for (const secret of secrets)
    for (const form of formsOf(secret)) assert.ok(!said.includes(form), `an error shows a secret: ${error.code}`)
}

const formsOf = (secret: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(secret)
  return [secret, bytes.toString("base64").replace(/=+$/, ""), bytes.toString("hex"), encodeURIComponent(secret)]
}

/** Runs, and fails where more is open afterwards than before. */
export const withoutLeak = async <A>(setting: PluginSetting, files: FaultyFiles, use: () => Promise<A>): Promise<A> => {
  const before = (await setting.openResources?.()) ?? 0
  const result = await use()
  assert.deepEqual(files.openHandles(), [], "files are still open")
  assert.equal((await setting.openResources?.()) ?? 0, before, "resources are still open")
  return result
}
