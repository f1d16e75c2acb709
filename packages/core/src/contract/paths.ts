/**
 * Keeps connectors inside the project's folder: every path of a config goes through `resolveInside` before a file is touched.
 *
 * It looks at the text (`..`, absolute paths, Windows drives, devices, NUL bytes) and at the file system (links, pipes, device files). It
 * looks before the file is opened, so it guards against what a pipeline says, not against somebody who swaps folders for links meanwhile.
 */
import defaultPath, { type PlatformPath } from "node:path"
import { DeltaflowError } from "./Errors.ts"
import type { Files } from "./Files.ts"

/** A path that may not be used. The connector makes its own error of it, with the same code. */
export class PathError extends DeltaflowError {
  readonly _tag = "PathError"
}

/**
 * The absolute path, with the links inside the project resolved. Relative paths start at `root`, which is absolute. Nothing needs to be
 * there yet. Throws `PathError` with `PATH_OUTSIDE_PROJECT` where the path leads, or could lead, out of `root`; `allowOutside` lets it.
 *
 * Matches of a glob and entries of a folder may be links too, so resolve each of them, not only the pattern.
 */
export const resolveInside = async (
  root: string,
  path: string,
  files: Pick<Files, "realPath" | "stat">,
  allowOutside: boolean,
  flavour: PlatformPath = defaultPath,
): Promise<string> => {
  if (path.includes("\0")) throw refused(path, root, "contains a NUL byte, which no file name has")
  if (allowOutside) return flavour.resolve(root, path)
  const reason = textReason(root, path, flavour)
  if (reason !== undefined) throw refused(path, root, reason)
  return await resolveLinks(root, path, files, flavour)
}

/** Why the text alone is refused. A pipeline travels, so what climbs out on one platform is refused on all. */
const textReason = (root: string, path: string, flavour: PlatformPath): string | undefined => {
  if (path.trim() === "") return "is empty"
  const isWindows = flavour === flavour.win32
  if (!isWindows && WINDOWS_ROOT.test(path)) return "is an absolute Windows path"
  if (!isWindows && path.includes("\\") && climbs(path.replaceAll("\\", "/"))) return OUTSIDE
  const target = flavour.resolve(root, path)
  if (!isWithin(root, target, flavour)) return OUTSIDE
  const names = flavour.relative(root, target).split(flavour.sep)
  return isWindows && names.some((name) => WINDOWS_NAME.test(name))
    ? "names a device or a stream, or a name that Windows changes"
    : undefined
}

const OUTSIDE = "leads out of the project's folder"

/** `C:x`, `C:\x`, `\x`, `\\server\share`, `\\.\device`, and the same with slashes. */
const WINDOWS_ROOT = /^(?:[a-z]:|\\|\/[/\\])/i

/** `nul`, `com1.csv`, `file.txt:stream`, and names that end in a dot or a space: Windows drops those, so `.. ` would climb. */
const WINDOWS_NAME = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:[.:]|$)|:|[. ]$/i

const climbs = (path: string): boolean => {
  let depth = 0
  for (const part of path.split("/")) {
    depth += part === ".." ? -1 : part === "" || part === "." ? 0 : 1
    if (depth < 0) return true
  }
  return false
}

const isWithin = (root: string, path: string, flavour: PlatformPath): boolean => {
  const relative = flavour.relative(root, path)
  return relative !== ".." && !relative.startsWith(`..${flavour.sep}`) && !flavour.isAbsolute(relative)
}

/** Follows the links of the part that exists; what does not exist yet has none. */
const resolveLinks = async (
  root: string,
  path: string,
  files: Pick<Files, "realPath" | "stat">,
  flavour: PlatformPath,
): Promise<string> => {
  const target = flavour.resolve(root, path)
  const realRoot = (await realPath(root, root, path, files)) ?? flavour.resolve(root)
  let existing = target
  let real = await realPath(existing, root, path, files)
  while (real === undefined && isWithin(root, flavour.dirname(existing), flavour)) {
    existing = flavour.dirname(existing)
    real = await realPath(existing, root, path, files)
  }
  if (real === undefined) return target
  const full = flavour.join(real, flavour.relative(existing, target))
  if (!isWithin(realRoot, full, flavour)) throw refused(path, root, `${OUTSIDE} through a link`)
  const stat = existing === target ? await files.stat(full) : undefined
  if (stat?.kind === "other") throw refused(path, root, "is neither a file nor a folder but a device, a pipe or a socket")
  // Where the root itself is reached through a link, people know it by the name that they gave.
  return flavour.join(root, flavour.relative(realRoot, full))
}

const realPath = async (path: string, root: string, asked: string, files: Pick<Files, "realPath">): Promise<string | undefined> => {
  try {
    return await files.realPath(path)
  } catch (cause) {
    if (cause instanceof PathError) throw cause
    // A link to nowhere would be created at its target by whoever opens it for writing; a folder that cannot be looked into may hold one.
    throw refused(asked, root, `cannot be followed (${codeOf(cause)})`, cause)
  }
}

const codeOf = (cause: unknown): string => (cause instanceof Error && "code" in cause ? String(cause.code) : String(cause))

const refused = (path: string, root: string, reason: string, cause?: unknown): PathError =>
  new PathError({
    code: "PATH_OUTSIDE_PROJECT",
    message: `${JSON.stringify(path)}: the path ${reason}. Give a path inside ${root}, or start the engine with \`allowOutside\`.`,
    cause,
  })
