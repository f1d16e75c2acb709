/** Where a destination's file goes. */
import { resolve } from "node:path"
import { DestinationError, type LoadRequest, resolveInside } from "@deltaflow/core"
import { labelOf } from "./findFiles.ts"

export interface OutputPath {
  /** Absolute. */
  readonly path: string
  /** For people: relative to the project. */
  readonly label: string
}

type Request = Pick<LoadRequest<{ readonly path: string }>, "config" | "files" | "projectRoot" | "allowOutside" | "name">

/** Throws `PathError` where the path leads out of the project, and `DestinationError` where something else than a file is there. */
export const findOutput = async (request: Request): Promise<OutputPath> => {
  const { config, files, projectRoot, allowOutside } = request
  const inside = await resolveInside(projectRoot, config.path, files, allowOutside)
  // A link is followed: what it names is replaced, not the link.
  const path = (await files.realPath(inside)) ?? inside
  const label = labelOf(request, resolve(projectRoot, config.path))
  const kind = (await files.stat(path))?.kind
  if (kind !== undefined && kind !== "file") throw notAFile(label, kind, request.name)
  return { path, label }
}

const notAFile = (label: string, kind: string, name: string): DestinationError =>
  new DestinationError({
    code: "OUTPUT_NOT_WRITABLE",
    message: `${label}: it is ${kind === "directory" ? "a folder" : "a device, a pipe or a socket"}. Name a file.`,
    path: [name, "path"],
  })
