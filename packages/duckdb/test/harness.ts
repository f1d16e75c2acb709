/** Runs pipelines over rows in memory, with steps in SQL. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { memoryDestination, memorySource } from "@deltaflow/connectors"
import {
  type ColumnType,
  createEngine,
  DefinitionError,
  type EngineOptions,
  type Issue,
  type PipelineDefinition,
  type Row,
  type RunOptions,
} from "@deltaflow/core"
import { onTestFinished } from "vitest"
import { duckdb } from "../src/index.ts"

export const temporaryFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), "duckdb-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Input {
  readonly rows: ReadonlyArray<Row>
  readonly columns?: Readonly<Record<string, ColumnType>>
}

export interface Setting {
  /** Rows of each source, by name. */
  readonly sources: Readonly<Record<string, ReadonlyArray<Row> | Input>>
  readonly transforms: NonNullable<PipelineDefinition["transforms"]>
  readonly defaults?: PipelineDefinition["defaults"]
  readonly more?: Partial<PipelineDefinition>
  readonly engine?: Partial<EngineOptions>
}

/** An engine, and a pipeline for it that ends in memory. */
export const made = ({ sources, transforms, defaults, more, engine = {} }: Setting) => {
  const inputs = Object.entries(sources).map(([name, given]) => ({ name, ...("rows" in given ? given : { rows: given }) }))
  const destination = memoryDestination()
  const definition = {
    name: "orders",
    ...(defaults === undefined ? {} : { defaults }),
    sources: inputs.map(({ name, columns }) => ({ type: "memory", name, dataset: name, ...(columns === undefined ? {} : { columns }) })),
    transforms,
    destinations: [{ type: "memory" }],
    ...more,
  } as PipelineDefinition
  const source = memorySource(Object.fromEntries(inputs.map(({ name, rows }) => [name, rows])))
  const plugins = [source, destination, ...duckdb]
  return { definition, destination, engine: createEngine({ plugins, tempFolder: temporaryFolder(), ...engine }) }
}

/** The rows that come out, and how the run ended. */
export const runSql = async (setting: Setting, options: RunOptions = {}) => {
  const { definition, destination, engine } = made(setting)
  try {
    const result = await engine.run(definition, options)
    return { rows: destination.rows(), result }
  } finally {
    await engine.close()
  }
}

/** What validation says, the plan included. */
export const issuesOf = async (setting: Setting): Promise<ReadonlyArray<Issue>> => {
  const { definition, engine } = made(setting)
  try {
    await engine.explain(definition)
    return []
  } catch (error) {
    if (error instanceof DefinitionError) return error.issues
    throw error
  } finally {
    await engine.close()
  }
}
