/** Runs a source or a destination by itself, as the engine would, against a folder of its own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import {
  type Batch,
  type BatchSchema,
  type CommitResult,
  decodeCursor,
  type Destination,
  encodeCursor,
  type Files,
  type Load,
  type LoadRequest,
  type PluginContext,
  type Pushdown,
  type Row,
  type Source,
  type SourceError,
  type SourceReader,
  type SourceRequest,
  type WriteMode,
} from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { DecodeError, type TextDecode, type TextEncode } from "@deltaflow/core/text"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { onTestFinished } from "vitest"

/** A folder that goes with the test. */
export const projectFolder = (files: Readonly<Record<string, string | Uint8Array>> = {}): string => {
  const root = mkdtempSync(join(tmpdir(), "deltaflow-connectors-"))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) put(root, path, content)
  return root
}

export const put = (root: string, path: string, content: string | Uint8Array): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

export const text = (root: string, path: string): string => readFileSync(join(root, path), "utf8")

export interface Context extends Partial<PluginContext> {
  readonly root: string
  readonly warnings?: Array<string>
}

export const contextOf = ({ root, warnings, ...rest }: Context): PluginContext => ({
  pipeline: "test",
  runId: "run-1",
  name: "input",
  projectRoot: root,
  allowOutside: false,
  files: nodeFiles(),
  log: { debug: ignore, info: ignore, warn: (message) => void warnings?.push(message), error: ignore },
  signal: new AbortController().signal,
  startedAt: 0,
  runtimeValues: {},
  ...rest,
})

const ignore = (): void => undefined

export interface ReadOptions
  extends Context, Partial<Pick<SourceRequest<unknown>, "batchSize" | "columns" | "cursor" | "incremental" | "optional">> {
  /** What the source may do itself. Default: nothing. */
  readonly offer?: Pushdown
  /** Gives all memory back as soon as the rows of a chunk have been looked at, as an engine may. */
  readonly releases?: boolean
}

export class ReadResult {
  readonly reader: SourceReader
  readonly batches: ReadonlyArray<Batch>
  /** Behind how many rows each cursor came, and the cursor as it is stored. */
  readonly cursors: ReadonlyArray<{ readonly rows: number; readonly stored: string }>
  private readonly kept: ReadonlyArray<Row> | undefined

  constructor(reader: SourceReader, batches: ReadonlyArray<Batch>, cursors: ReadResult["cursors"], kept: ReadonlyArray<Row> | undefined) {
    this.kept = kept
    this.reader = reader
    this.batches = batches
    this.cursors = cursors
  }

  get schema(): BatchSchema {
    return this.reader.schema
  }

  /** Decoded when they are asked for. */
  get rows(): ReadonlyArray<Row> {
    return this.kept ?? this.batches.flatMap((batch) => batch.toRows())
  }

  /** The last one, as the next run gets it. */
  get cursor(): unknown {
    const last = this.cursors.at(-1)
    return last && decodeCursor(last.stored)
  }
}

/** Reads everything; rejects with the source's own error. */
export const readAll = async (source: Source, config: unknown, options: ReadOptions): Promise<ReadResult> => {
  const exit = await Effect.runPromiseExit(Effect.scoped(read(source, config, options)))
  if (Exit.isSuccess(exit)) return exit.value
  throw exit.cause.reasons.map((reason) => (reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : reason))[0]
}

const read = (source: Source, config: unknown, options: ReadOptions) =>
  Effect.gen(function* () {
    const reader = yield* source.open(requestOf(source, config, options))
    const { rows } = reader.read(options.offer ?? {})
    const batches: Array<Batch> = []
    const cursors: Array<{ rows: number; stored: string }> = []
    const kept: Array<Row> = []
    let count = 0
    const take = (found: ReadonlyArray<Batch>, cursor: unknown) => {
      batches.push(...found)
      count += found.reduce((sum, batch) => sum + batch.length, 0)
      if (cursor !== undefined) cursors.push({ rows: count, stored: encodeCursor(cursor) })
    }
    if (rows.kind === "batches") yield* Stream.runForEach(rows.stream, ({ batch, cursor }) => Effect.sync(() => take([batch], cursor)))
    else {
      const decode = yield* Effect.promise(() => loadDecoder(rows.decoder))
      yield* Stream.runForEach(rows.stream, (chunk) =>
        Effect.try({
          try: () => {
            const found = decode(chunk.bytes)
            const first = rows.decoded(chunk, found)
            take(numbered(found.batches, first), chunk.cursor)
            if (options.releases !== true) return
            kept.push(...found.batches.flatMap((batch) => batch.toRows()))
            found.release?.()
            chunk.release?.(chunk.bytes.buffer)
            chunk.bytes.fill(0x7f)
          },
          catch: (cause) => decodeFailure(cause, (error) => rows.located(chunk, error)),
        }),
      )
    }
    return new ReadResult(reader, batches, cursors, options.releases === true ? kept : undefined)
  })

const decodeFailure = (cause: unknown, located: (error: DecodeError) => SourceError): SourceError => {
  if (cause instanceof DecodeError) return located(cause)
  throw cause
}

const numbered = (batches: ReadonlyArray<Batch>, first: number): ReadonlyArray<Batch> => {
  let next = first
  return batches.map((batch) => {
    const own = batch.withFirstRow(next)
    next += batch.rowCount
    return own
  })
}

const loadDecoder = async ({
  url,
  name,
  options,
}: {
  readonly url: string
  readonly name: string
  readonly options: unknown
}): Promise<TextDecode> => {
  const module = (await import(/* @vite-ignore */ url)) as Record<string, (options: unknown) => TextDecode>
  return module[name]!(structuredClone(options))
}

const requestOf = (source: Source, config: unknown, options: ReadOptions): SourceRequest<unknown> => {
  const { batchSize = 5000, columns, cursor, incremental, optional, releases: _releases, offer: _offer, ...context } = options
  return {
    ...contextOf(context),
    config: validConfig(source, config),
    batchSize,
    cursor,
    incremental,
    ...(columns === undefined ? {} : { columns }),
    ...(optional === undefined ? {} : { optional }),
  }
}

const validConfig = (plugin: Source | Destination, config: unknown): unknown => {
  const result = plugin.config["~standard"].validate(config)
  if (result instanceof Promise) throw new Error("the config is checked at once")
  if (result.issues !== undefined) throw new Error(result.issues.map((issue) => issue.message).join("; "))
  return result.value
}

/** Messages of a config that is wrong. */
export const configIssues = async (plugin: Source | Destination, config: unknown): Promise<ReadonlyArray<string>> =>
  ((await plugin.config["~standard"].validate(config)).issues ?? []).map((issue) => issue.message)

export interface LoadOptions
  extends Context, Partial<Pick<LoadRequest<unknown>, "schema" | "schemaChanges" | "state" | "keepsState" | "fullRefresh">> {
  readonly writeMode?: WriteMode
  /** Where the run ends: after the final commit, after the last write, or after an early commit behind the last write. */
  readonly ends?: "committed" | "failed" | "failed-after-commit"
  /** Sends the rows through the encoder that the load names, as a worker thread does. */
  readonly encoded?: boolean
}

export interface LoadResult {
  readonly load: Load
  readonly states: ReadonlyArray<unknown>
}

/** Loads batches in one run; rejects with the destination's own error. */
export const loadAll = async (
  destination: Destination,
  config: unknown,
  batches: ReadonlyArray<Batch>,
  options: LoadOptions,
): Promise<LoadResult> => {
  const scope = Scope.makeUnsafe()
  const exit = await Effect.runPromiseExit(Scope.provide(runLoad(destination, config, batches, options), scope))
  const isGood = Exit.isSuccess(exit) && (options.ends ?? "committed") === "committed"
  await Effect.runPromise(Scope.close(scope, isGood ? Exit.void : Exit.fail("the run failed")))
  if (Exit.isSuccess(exit)) return exit.value
  throw exit.cause.reasons.map((reason) => (reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : reason))[0]
}

const runLoad = (destination: Destination, config: unknown, batches: ReadonlyArray<Batch>, options: LoadOptions) =>
  Effect.gen(function* () {
    const {
      schema,
      schemaChanges = "evolve",
      state,
      keepsState,
      fullRefresh = false,
      writeMode = destination.writeModes[0]!,
      ends = "committed",
      encoded,
      ...context
    } = options
    const load = yield* destination.open({
      ...contextOf({ name: "output", ...context }),
      config: validConfig(destination, config),
      schema: schema ?? batches[0]?.schema ?? { columns: [] },
      writeMode,
      key: [],
      schemaChanges,
      epoch: 1,
      state,
      ...(keepsState === undefined ? {} : { keepsState }),
      fullRefresh,
    })
    for (const batch of batches) yield* encoded === true ? writeEncoded(load, batch) : load.write(batch)
    const states: Array<unknown> = []
    if (ends !== "failed") {
      const result: CommitResult = yield* load.commit(
        { pipeline: "test", runId: "run-1", cursors: {}, epoch: 1, batchId: 1 },
        ends === "committed",
      )
      if (result.state !== undefined) states.push(result.state)
    }
    return { load, states }
  })

const writeEncoded = (load: Load, batch: Batch) =>
  Effect.gen(function* () {
    const { encoder, write } = load.encoded!
    const { url, name, options } = encoder(batch.schema)
    const module = yield* Effect.promise(() => import(/* @vite-ignore */ url) as Promise<Record<string, (options: unknown) => TextEncode>>)
    yield* write(module[name]!(structuredClone(options))(batch), batch.length, batch.schema)
  })

/** The local disk, on which some operations fail as the test says. */
export const failingFiles = (fails: (operation: string, path: string) => string | undefined, files: Files = nodeFiles()): Files => {
  const check = (operation: string, path: string): void => {
    const code = fails(operation, path)
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${operation} '${path}'`), { code })
  }
  const guard =
    <A extends Array<unknown>, R>(operation: string, run: (path: string, ...rest: A) => Promise<R>) =>
    async (path: string, ...rest: A): Promise<R> => {
      check(operation, path)
      return await run(path, ...rest)
    }
  return {
    stat: guard("stat", files.stat),
    realPath: guard("realPath", files.realPath),
    list: guard("list", files.list),
    makeDirectory: guard("makeDirectory", files.makeDirectory),
    openRead: guard("openRead", files.openRead),
    openWrite: async (path, mode) => {
      check("openWrite", path)
      const handle = await files.openWrite(path, mode)
      const on =
        <B extends Array<unknown>>(operation: string, run: (...args: B) => Promise<void>) =>
        async (...args: B): Promise<void> => {
          check(operation, path)
          await run(...args)
        }
      return {
        write: on("write", handle.write),
        sync: on("sync", handle.sync),
        truncate: on("truncate", handle.truncate),
        close: on("close", handle.close),
      }
    },
    rename: guard("rename", files.rename),
    remove: guard("remove", files.remove),
    syncDirectory: guard("syncDirectory", files.syncDirectory),
  }
}
