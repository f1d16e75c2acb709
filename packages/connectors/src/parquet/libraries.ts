/** Parquet is read and written with packages that are loaded when they are needed, and need not be installed by who does not need them. */
import { type DeltaflowError, DestinationError, SourceError } from "@deltaflow/core"
import { systemCode } from "../files/failures.ts"

export interface Reading {
  readonly ParquetFile: typeof import("./parquetFile.ts").ParquetFile
  readonly readAs: typeof import("./fileColumns.ts").readAs
}

/** `name` is the source's, for the error where a package is missing. */
export const loadReading = async (name: string): Promise<Reading> => {
  const load = () => Promise.all([import("./parquetFile.ts"), import("./fileColumns.ts")])
  const [{ ParquetFile }, { readAs }] = await found(load, name, "read", SourceError)
  return { ParquetFile, readAs }
}

export interface Writing {
  readonly ParquetWriter: typeof import("./parquetWriter.ts").ParquetWriter
}

/** `name` is the destination's. */
export const loadWriting = (name: string): Promise<Writing> => found(() => import("./parquetWriter.ts"), name, "written", DestinationError)

const PACKAGES = ["hyparquet", "hyparquet-writer"]

const found = async <A>(
  load: () => Promise<A>,
  name: string,
  what: string,
  Failure: new (fields: ConstructorParameters<typeof SourceError>[0]) => DeltaflowError,
): Promise<A> => {
  try {
    return await load()
  } catch (cause) {
    if (systemCode(cause) !== "ERR_MODULE_NOT_FOUND") throw cause
    const message = `${name}: Parquet files are ${what} with the packages ${PACKAGES.join(" and ")}, which are not installed. Install them: npm install ${PACKAGES.join(" ")}`
    throw new Failure({ code: "MODULE_FAILED", message, path: [name], cause })
  }
}
