/**
 * The files of a project as a definition from outside may use them: data, and nothing that the project is made of. Every path of a config
 * goes through `realPath` before a file is touched, so that is where it is looked at, as it is written and where it leads.
 */
import path from "node:path"
import type { Files } from "../contract/Files.ts"
import { PathError } from "../contract/paths.ts"

export const confinedFiles = (files: Files, root: string): Files => ({
  ...files,
  realPath: async (wanted) => {
    check(wanted, root)
    const real = await files.realPath(wanted)
    if (real !== undefined) check(real, root)
    return real
  },
})

/** Where the engine puts rejected rows by itself. */
const REJECTED = [".deltaflow", "rejected"]

/** Files that programs run, or read for what to run. */
const CODE = /\.(?:[cm]?[jt]sx?|ya?ml|sh|py|node|wasm)$/i

const NAMES: ReadonlySet<string> = new Set([
  "node_modules",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "deno.json",
  "bunfig.toml",
])

const check = (wanted: string, root: string): void => {
  const parts = path.relative(root, wanted).split(path.sep)
  // What lies outside of the project is refused elsewhere.
  if (parts[0] === ".." || path.isAbsolute(parts.join(path.sep))) return
  if (REJECTED.every((name, i) => parts[i] === name || parts.length <= i)) return
  const reason = parts.some((part) => part.startsWith(".") && part.length > 1)
    ? "is hidden"
    : parts.some((part) => NAMES.has(part.toLowerCase())) || CODE.test(parts.at(-1) ?? "")
      ? "is a part of the project, and no data"
      : undefined
  if (reason === undefined) return
  throw new PathError({
    code: "PATH_OUTSIDE_PROJECT",
    message: `${JSON.stringify(parts.join("/"))}: the path ${reason}. A definition from outside uses the data files of the project alone.`,
  })
}
