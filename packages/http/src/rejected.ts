/** Rows that a run put aside, read back from where its dead letter wrote them. */
import { DeltaflowError, type DecodedPipeline, type EngineService, type OutsideOptions, type Row, type Run } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import type { PageRequest } from "./pages.ts"
import { Problem } from "./problems.ts"

/** Only what a source of the same type can read is shown: files, and tables. Throws a `Problem` that says where the rows are. */
export const rejectedRows = async (
  service: EngineService,
  pipeline: DecodedPipeline,
  run: Run,
  { skip, perPage }: PageRequest,
  reach: OutsideOptions,
): Promise<ReadonlyArray<Row>> => {
  const letter = pipeline.errorHandling.deadLetter
  const entry = pipeline.written.error_handling?.dead_letter ?? {
    type: "ndjson",
    path: ".deltaflow/rejected/${pipeline_name}/${run_id}.ndjson",
  }
  if (letter === undefined || !service.plugins.some((plugin) => plugin.kind === "source" && plugin.type === letter.plugin.type))
    throw elsewhere(run, letter?.plugin.type)
  const filled = Object.fromEntries(
    Object.entries(entry)
      .filter(([key]) => SHARED.has(key) === false)
      .map(([key, value]) => [
        key,
        typeof value === "string" ? value.replaceAll("${pipeline_name}", run.pipeline).replaceAll("${run_id}", run.id) : value,
      ]),
  )
  const definition = {
    name: "rejected-rows",
    sources: [{ ...filled, type: letter.plugin.type, optional: true }],
    transforms: [{ type: "filter", condition: `run_id = '${run.id}'` }],
    destinations: [entry],
  }
  try {
    const { rows } = await promised(
      service.preview(definition as Parameters<EngineService["preview"]>[0], {
        limit: skip + perPage,
        ...reach,
      }),
    )
    return rows.slice(skip)
  } catch (error) {
    if (error instanceof DeltaflowError) throw elsewhere(run, letter.plugin.type)
    throw error
  }
}

/** Keys of a destination that no source has. */
const SHARED: ReadonlySet<string> = new Set(["name", "write_mode", "key", "delivery", "schema_changes", "flush_interval", "rows", "create"])

const elsewhere = (run: Run, type: string | undefined): Problem =>
  new Problem(
    "NOT_FOUND",
    `The rows that the run ${run.id} put aside cannot be read from here${type === undefined ? "" : `: they are in a ${type} destination`}.`,
    {
      details: { run_id: run.id, type: type ?? null },
    },
  )
