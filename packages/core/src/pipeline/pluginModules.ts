/** Plugins from the modules that `plugins` of a project or a pipeline names. */
import { resolveInside } from "../contract/paths.ts"
import type { Files } from "../contract/Files.ts"
import type { Plugin } from "./decodeConnectors.ts"
import { isPlugin } from "../contract/isPlugin.ts"
import { isMapping, type Path } from "./path.ts"
import type { Problem } from "./problem.ts"
import { messageOf } from "../model/messageOf.ts"

/** Gives a module's exports. The path is absolute. */
export type LoadModule = (path: string) => Promise<Readonly<Record<string, unknown>>>

export interface ModuleHost {
  readonly root: string
  readonly files: Pick<Files, "realPath" | "stat">
  readonly loadModule?: LoadModule
  readonly allowOutside?: boolean
}

export interface LoadedPlugins {
  readonly plugins: ReadonlyArray<Plugin>
  readonly problems: ReadonlyArray<Problem>
}

/** `section` is `plugins` as written; what is wrong with its shape is told elsewhere. */
export const loadPlugins = async (section: unknown, host: ModuleHost): Promise<LoadedPlugins> => {
  const plugins: Array<Plugin> = []
  const problems: Array<Problem> = []
  for (const [place, modulePath] of modulesOf(section)) {
    const loaded = await loadModule(modulePath, place, host)
    if (Array.isArray(loaded)) plugins.push(...(loaded as ReadonlyArray<Plugin>))
    else problems.push(loaded as Problem)
  }
  return { plugins, problems }
}

const modulesOf = (section: unknown): ReadonlyArray<readonly [Path, string]> => {
  if (!isMapping(section)) return []
  return ["connectors", "transforms"].flatMap((key) => {
    const list = section[key]
    if (!Array.isArray(list)) return []
    return list.flatMap((entry: unknown, i): ReadonlyArray<readonly [Path, string]> => {
      const path = isMapping(entry) ? entry["path"] : undefined
      return typeof path === "string" ? [[["plugins", key, i, "path"], path]] : []
    })
  })
}

const loadModule = async (modulePath: string, place: Path, host: ModuleHost): Promise<ReadonlyArray<Plugin> | Problem> => {
  const failed = (what: string): Problem => ({
    code: "MODULE_FAILED",
    message: `the module ${JSON.stringify(modulePath)} ${what}`,
    path: place,
  })
  if (host.loadModule === undefined) return failed("is not loaded: this host gives the engine its plugins in code.")
  try {
    const absolute = await resolveInside(host.root, modulePath, host.files, host.allowOutside ?? false)
    if ((await host.files.stat(absolute)) === undefined)
      return { ...failed("does not exist. Check the path, which starts at the project's folder."), code: "FILE_NOT_FOUND" }
    const plugins = pluginsIn(await host.loadModule(absolute))
    return plugins.length > 0 ? plugins : failed("exports no plugin. Export what defineSource, defineDestination or defineTransform gives.")
  } catch (cause) {
    return failed(`could not be loaded: ${messageOf(cause)}`)
  }
}

const pluginsIn = (exported: Readonly<Record<string, unknown>>): ReadonlyArray<Plugin> => {
  const found = Object.values(exported)
    .flatMap((value: unknown) => (Array.isArray(value) ? (value as ReadonlyArray<unknown>) : [value]))
    .filter(isPlugin)
  return [...new Set(found)]
}
