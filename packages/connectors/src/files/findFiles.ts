/** From a path or pattern of a config to the files that it names, in the order of their names. */
import { isAbsolute, join, relative, resolve, sep } from "node:path"
import { type Files, type PluginContext, resolveInside, SourceError } from "@deltaflow/core"

export interface InputFile {
  /** Absolute. */
  readonly path: string
  /** For people and for the cursor: relative to the project, with `/`. */
  readonly label: string
  readonly size: number
  readonly modifiedMs: number
}

export type FileContext = Pick<PluginContext, "projectRoot" | "allowOutside" | "files" | "name">

/** Whether a path may name several files. */
export const isPattern = (path: string): boolean => /[*?]/.test(path)

/** None where nothing matches. Throws `PathError` where a match leads out of the project, and `SourceError` where it is no file. */
export const findFiles = async (context: FileContext, path: string): Promise<ReadonlyArray<InputFile>> => {
  const exact = await inputFile(context, path, "named")
  if (exact !== undefined) return [exact]
  if (!isPattern(path)) return []
  const found = new Map((await new Walk(context).matches(path)).map((file) => [file.label, file]))
  return [...found.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.label), Buffer.from(b.label)))
}

const inputFile = async (context: FileContext, path: string, how: "named" | "matched"): Promise<InputFile | undefined> => {
  const full = await resolveInside(context.projectRoot, path, context.files, context.allowOutside)
  const stat = await context.files.stat(full)
  if (stat?.kind === "file")
    return { path: full, label: labelOf(context, resolve(context.projectRoot, path)), size: stat.size, modifiedMs: stat.modifiedMs }
  if (stat === undefined || how === "matched") return undefined
  const what =
    stat.kind === "directory"
      ? `a folder. Name the files in it, such as ${path.replace(/\/?$/, "/*")}`
      : "no regular file but a device, a pipe or a socket"
  throw new SourceError({ code: "SOURCE_FAILED", message: `${context.name}: ${path} is ${what}.`, path: [context.name, "path"] })
}

/** How a file is named in messages. */
export const labelOf = ({ projectRoot }: Pick<FileContext, "projectRoot">, path: string): string => {
  const inside = relative(projectRoot, path)
  return (inside === "" || inside.startsWith("..") || isAbsolute(inside) ? path : inside).split(sep).join("/")
}

/** Folders within each other that are looked into, so that a circle of links ends. */
const DEEPEST = 64

class Walk {
  private readonly context: FileContext
  private readonly files: Files

  constructor(context: FileContext) {
    this.context = context
    this.files = context.files
  }

  async matches(pattern: string): Promise<ReadonlyArray<InputFile>> {
    const { projectRoot, allowOutside } = this.context
    const parts = pattern.split("/")
    const wild = parts.findIndex(isPattern)
    const base = parts.slice(0, wild).join("/")
    const start = wild > 0 && base === "" ? "/" : base
    await resolveInside(projectRoot, start === "" ? "." : start, this.files, allowOutside)
    return await this.below(resolve(projectRoot, start), parts.slice(wild), new Set())
  }

  /** `above` holds the real paths of the folders that led here. */
  private async below(folder: string, parts: ReadonlyArray<string>, above: ReadonlySet<string>): Promise<ReadonlyArray<InputFile>> {
    const [part = "", ...rest] = parts
    const real = await this.files.realPath(folder)
    if (real === undefined || above.has(real) || above.size > DEEPEST) return []
    const trail = new Set([...above, real])
    if (part === "**") return await this.anyDepth(folder, rest, trail)
    if (!isPattern(part)) return rest.length === 0 ? await this.file(join(folder, part)) : await this.below(join(folder, part), rest, trail)
    const names = (await this.names(folder)).filter(matcher(part))
    const found = await Promise.all(
      names.map((name) => (rest.length === 0 ? this.file(join(folder, name)) : this.below(join(folder, name), rest, trail))),
    )
    return found.flat()
  }

  /** What matches here, and in all folders below. */
  private async anyDepth(folder: string, rest: ReadonlyArray<string>, trail: ReadonlySet<string>): Promise<ReadonlyArray<InputFile>> {
    const tail = rest.length === 0 ? ["*"] : rest
    const own = await this.below(folder, tail, new Set([...trail].slice(0, -1)))
    const names = (await this.names(folder)).filter(matcher("*"))
    const deeper: Array<InputFile> = []
    for (const name of names) {
      const path = join(folder, name)
      if ((await this.files.stat(path))?.kind === "directory") deeper.push(...(await this.below(path, ["**", ...tail], trail)))
    }
    return [...own, ...deeper]
  }

  /** Names in a folder; none where it is no folder. */
  private async names(folder: string): Promise<ReadonlyArray<string>> {
    return (await this.files.stat(folder))?.kind === "directory" ? await this.files.list(folder) : []
  }

  private async file(path: string): Promise<ReadonlyArray<InputFile>> {
    const { projectRoot } = this.context
    const found = await inputFile(this.context, this.context.allowOutside ? path : relative(projectRoot, path), "matched")
    return found === undefined ? [] : [found]
  }
}

/** Names that begin with a dot are hidden: a pattern finds them only where it begins with one too. */
const matcher = (pattern: string): ((name: string) => boolean) => {
  const signs = Array.from(pattern)
  return (name) => (pattern.startsWith(".") || !name.startsWith(".")) && matchesName(signs, Array.from(name))
}

/** `*` takes as little as it can, and one more whenever what follows it does not match; only the last one ever has to. */
const matchesName = (pattern: ReadonlyArray<string>, name: ReadonlyArray<string>): boolean => {
  let p = 0
  let star = -1
  let resume = 0
  for (let n = 0; n < name.length;) {
    if (pattern[p] === "*") {
      star = p++
      resume = n
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === name[n])) {
      p++
      n++
    } else if (star >= 0) {
      p = star + 1
      n = ++resume
    } else return false
  }
  return pattern.slice(p).every((sign) => sign === "*")
}
