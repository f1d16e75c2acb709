/**
 * What a step keeps from run to run, so that a run over what is new ends as one over all rows would. States have versions, and the
 * checkpoint of the destination names the one that goes with its cursors. See docs/decisions/0015-steps-that-remember.md.
 */
import { createHash } from "node:crypto"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { EngineError, type PipelineError, TransformError } from "../contract/Errors.ts"
import type { Lease, StepPlace, StepState, Store } from "../contract/Store.ts"
import { stringifyJson } from "../model/Json.ts"
import type { Remembered } from "../transform/blocking/host.ts"
import { pathOf, placeOf } from "../transform/failure.ts"
import type { Step } from "../transform/Step.ts"
import { leaseLost } from "./Loads.ts"
import { isIncremental, type ResolvedDestination, type ResolvedPipeline } from "./Resolved.ts"

/** Under which the checkpoint names the version, among the cursors: no source can have this name. */
export const STEPS = "#steps"

/** Index of the step that goes on from what earlier runs have seen; undefined where there is none. */
export const rememberingStep = (pipeline: ResolvedPipeline): number | undefined => {
  if (!isIncremental(pipeline)) return undefined
  const index = pipeline.steps.findIndex(({ type }) => type === "aggregate" || type === "deduplicate")
  return index < 0 ? undefined : index
}

/** The cursors alone. */
export const withoutSteps = (cursors: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(cursors).filter(([name]) => name !== STEPS))

export interface RememberingOptions {
  readonly pipeline: ResolvedPipeline
  /** All of one checkpoint, whose states are the same. */
  readonly destinations: ReadonlyArray<ResolvedDestination>
  /** Of that checkpoint. */
  readonly cursors: Readonly<Record<string, string>>
  readonly store: Store
  readonly lease: () => Lease
}

/** The step of one pass, with its states. */
export interface Remembering {
  readonly step: number
  readonly states: Remembered
  /** What the checkpoint has to name. */
  readonly version: string
  /** Completes the version. Called once the step is done, before the commit. */
  readonly finish: Effect.Effect<void, PipelineError>
}

/** The head of a version, beside its states. */
interface Head {
  readonly version: number
  /** The version of the last full refresh: what is older does not count. */
  readonly since: number
  /** Of the steps up to this one. */
  readonly fingerprint: string
  /** What keys and values are made of; null where no row has come yet. */
  readonly shape: string | null
}

/** Keys of states are hashes, of which none is this. */
const HEAD = "#"

export const openRemembering = (options: RememberingOptions): Effect.Effect<Remembering | undefined, PipelineError> =>
  Effect.gen(function* () {
    const { pipeline, store, lease, cursors } = options
    const step = rememberingStep(pipeline)
    if (step === undefined) return undefined
    const places = options.destinations.map(({ name }): StepPlace => ({ pipeline: pipeline.name, destination: name }))
    const fingerprint = fingerprintOf(pipeline.steps.slice(0, step + 1))
    const known = Number(cursors[STEPS] ?? 0)
    if (known === 0 && Object.keys(cursors).length > 0) return yield* Effect.fail(changed(pipeline, step))
    const heads = known === 0 ? [] : yield* Effect.forEach(places, (place) => openVersion(options, place, known))
    const [head] = heads
    if (head !== undefined && head.fingerprint !== fingerprint) return yield* Effect.fail(changed(pipeline, step))
    const last = yield* Effect.forEach(places, (place) => store.lastStepVersion(place))
    const version = Math.max(known, ...last) + 1
    let shape = head?.shape ?? null
    const runExit = Effect.runPromiseExitWith(yield* Effect.context<never>())
    /** Rejects with the typed error itself. */
    const toPromise = async <A>(effect: Effect.Effect<A, PipelineError>): Promise<A> => {
      const exit = await runExit(effect)
      if (Exit.isSuccess(exit)) return exit.value
      throw Cause.squash(exit.cause)
    }
    const save = (states: ReadonlyArray<StepState>): Effect.Effect<void, PipelineError> =>
      Effect.forEach(places, (place) => guarded(options, store.saveStepStates(place, version, states, lease())), { discard: true })
    const states: Remembered = {
      begin: async (now) => {
        if (shape !== null && shape !== now) throw otherTypes(pipeline, step)
        shape = now
      },
      find: async (keys) =>
        head === undefined ? keys.map(() => undefined) : await toPromise(store.getStepStates(places[0]!, keys.map(hashOf))),
      keep: async (entries) => await toPromise(save(entries.map(([key, value]) => ({ key: hashOf(key), value })))),
    }
    const finish = Effect.suspend(() => {
      const next: Head = { version, since: head?.since ?? version, fingerprint, shape }
      return save([{ key: HEAD, value: JSON.stringify(next) }])
    })
    return { step, states, version: String(version), finish }
  })

/** Takes away what counts no more, and gives the head of the version that does. */
const openVersion = (options: RememberingOptions, place: StepPlace, version: number): Effect.Effect<Head, PipelineError> =>
  Effect.gen(function* () {
    const { pipeline, store, lease } = options
    yield* guarded(options, store.pruneStepStates(place, 0, version, lease()))
    const [text] = yield* store.getStepStates(place, [HEAD])
    const head = text === undefined ? undefined : (JSON.parse(text) as Head)
    if (head?.version !== version) return yield* Effect.fail(lost(pipeline))
    yield* guarded(options, store.pruneStepStates(place, head.since, version, lease()))
    return head
  })

const guarded = ({ pipeline }: RememberingOptions, write: ReturnType<Store["saveStepStates"]>): Effect.Effect<void, PipelineError> =>
  Effect.flatMap(write, (written) => (written ? Effect.void : Effect.fail(leaseLost(pipeline.name))))

const hashOf = (key: Uint8Array): string => createHash("sha256").update(key).digest("base64url")

const fingerprintOf = (steps: ReadonlyArray<Step>): string =>
  createHash("sha256")
    .update(stringifyJson(steps.map(meaningOf)))
    .digest("hex")
    .slice(0, 32)

/** The step without what changes no row: its name, and in which folder a module lies. */
const meaningOf = ({ name: _, ...step }: Step): unknown => {
  if (step.type !== "custom") return step
  const { reference } = step
  const what = "local" in reference ? reference.local : reference.name
  return { ...step, reference: { what, options: reference.options } }
}

const changed = (pipeline: ResolvedPipeline, step: number): EngineError =>
  new EngineError({
    code: "DEFINITION_CHANGED",
    message: `${pipeline.name}: the step ${pipeline.steps[step]!.type} or those before it changed since the last run, so what it has seen until then counts no more. Run once with --full-refresh, or reset the state.`,
    path: [pipeline.name, `transforms[${step}]`],
    hint: "deltaflow run --full-refresh",
  })

const otherTypes = ({ steps, name }: ResolvedPipeline, step: number): TransformError =>
  new TransformError({
    code: "DEFINITION_CHANGED",
    message: `${placeOf({ steps, runtime: { pipeline_name: name } }, step)}: the columns that it looks at have other types than in earlier runs. Declare their types in the source. Or run once with --full-refresh.`,
    path: pathOf(steps[step]!, step),
    hint: "deltaflow run --full-refresh",
  })

const lost = (pipeline: ResolvedPipeline): EngineError =>
  new EngineError({
    code: "STATE_LOST",
    message: `${pipeline.name}: the destination says that steps have kept what earlier runs saw, and the store does not have it. Put the store back, or run once with --full-refresh.`,
    path: [pipeline.name],
    hint: "deltaflow run --full-refresh",
  })
