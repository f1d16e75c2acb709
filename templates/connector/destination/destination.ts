import { dirname } from "node:path"
import { defineDestination, type Destination, type Files, type OpenLoad, resolveInside, type Row, stringifyJson } from "@deltaflow/core"
import * as Schema from "effect/Schema"

const AcmeOrdersConfig = Schema.Struct({
  path: Schema.String.annotate({ description: "The file to write, inside the project." }),
})

type Config = typeof AcmeOrdersConfig.Type

export const acmeOrdersDestination: Destination<Config> = defineDestination<Config>({
  type: "acme-orders",
  summary: "Rows into acme-orders",
  config: Schema.toStandardSchemaV1(AcmeOrdersConfig),
  delivery: "idempotent",
  writeModes: ["replace"],
  open: async ({ config, projectRoot, allowOutside, files }) =>
    openDraft(files, await resolveInside(projectRoot, config.path, files, allowOutside), config.path),
})

/** Readers see the old file until the last moment: rows go to a draft beside it, which the final commit renames. */
const openDraft = async (files: Files, target: string, label: string): Promise<OpenLoad> => {
  const draft = `${target}.draft`
  await files.makeDirectory(dirname(target))
  // A draft is left behind where a run was killed.
  if ((await files.stat(draft)) !== undefined) await files.remove(draft)
  const handle = await files.openWrite(draft, "create")
  let isOpen = true
  const closeDraft = async () => {
    if (isOpen) await handle.close()
    isOpen = false
  }
  return {
    label,
    location: target,
    write: (rows) => handle.write(encodeLines(rows)),
    commit: async () => {
      await handle.sync()
      await closeDraft()
      await files.rename(draft, target)
      await files.syncDirectory(dirname(target))
    },
    close: async (committed) => {
      await closeDraft()
      // A commit that failed at its last step has renamed the draft already.
      if (!committed && (await files.stat(draft)) !== undefined) await files.remove(draft)
    },
  }
}

const encodeLines = (rows: ReadonlyArray<Row>): Uint8Array => Buffer.from(rows.map((row) => `${stringifyJson(row)}\n`).join(""), "utf8")
