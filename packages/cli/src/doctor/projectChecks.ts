/** Checks of the project: its files, its pipelines, its plugins, its secrets. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { type Issue, PathError, type Project, resolveInside } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { type Check, type DoctorContext, fail, type Finding, ok, orOk, warn } from "./Check.ts"
import { pipelinesOf } from "./places.ts"
import { messageOf } from "../report.ts"

export const projectChecks: ReadonlyArray<Check> = [
  {
    name: "project file",
    look: ({ project }) => {
      if (project.file !== undefined) return ok(`${project.file} is there`)
      if (project.pipelines.length > 0) return ok(`${project.pipelines.length} pipeline files, no project file needed`)
      return [
        fail(
          `no deltaflow.yml and no pipelines/*.yml in ${project.root}`,
          "Make a project: deltaflow init. Or name its folder with --project.",
        ),
      ]
    },
  },
  {
    name: "project settings",
    look: ({ project }) => {
      const own = ownIssues(project).filter(({ code }) => !APART.has(code))
      return orOk(
        own.map((issue) => fail(shown(issue), "Correct it; deltaflow validate shows the lines around it.")),
        "settings are valid",
      )
    },
  },
  {
    name: "pipelines",
    look: ({ project }) => {
      const broken = project.pipelines.flatMap(({ file, result }): ReadonlyArray<Finding> => {
        if (result.ok) return []
        const { length } = result.issues
        return [fail(`${file} has ${length} error${length === 1 ? "" : "s"}: ${shown(result.issues[0]!)}`, `deltaflow validate ${file}`)]
      })
      return orOk(broken, `${project.pipelines.length} pipeline${project.pipelines.length === 1 ? " is" : "s are"} valid`)
    },
  },
  {
    name: "variables",
    look: ({ project }) => {
      const missing = allIssues(project).filter(({ code }) => code === "MISSING_VARIABLE")
      return orOk(
        missing.map((issue) => fail(shown(issue), "Set it in the environment or in .env, or give a default: ${NAME:-value}.")),
        "every variable has a value",
      )
    },
  },
  {
    name: "plugins",
    look: ({ project }) => {
      const missing = allIssues(project).filter(({ code }) => code === "MODULE_FAILED")
      return orOk(
        missing.map((issue) =>
          fail(shown(issue), "Check the path under plugins, and that the module loads: node -e 'import(\"./path\")'."),
        ),
        `${project.plugins.length} plugins are loaded`,
      )
    },
  },
  { name: "custom steps", look: async (context) => orOk(await customProblems(context), "modules of custom steps load") },
  {
    name: "permissions of .env",
    look: ({ project, host }) => {
      // Windows has no such bits.
      if (host.platform === "win32") return ok("not looked at on Windows")
      const open = envFiles(project).filter((file) => (statSync(file).mode & 0o044) !== 0)
      return orOk(
        open.map((file) => warn(`${path.basename(file)} can be read by other users`, `chmod 600 ${file}`)),
        "no other user reads .env",
      )
    },
  },
  {
    name: ".env in version control",
    look: ({ project }) => {
      if (envFiles(project).length === 0 || !existsSync(path.join(project.root, ".git"))) return ok("no .env that could be committed")
      const ignore = path.join(project.root, ".gitignore")
      const lines = existsSync(ignore)
        ? readFileSync(ignore, "utf8")
            .split(/\r?\n/)
            .map((line) => line.trim())
        : []
      const isIgnored = lines.some((line) => /^\/?(\*\*\/)?\.env(\*|\.\*)?$/.test(line))
      return isIgnored
        ? ok(".gitignore names .env")
        : [warn(".gitignore does not name .env, so secrets may be committed", "echo .env >> .gitignore")]
    },
  },
  {
    name: "secrets in files",
    look: ({ project }) =>
      orOk(
        project.pipelines.flatMap(({ file, text }) =>
          secretLines(text).map((line) =>
            warn(`${file}:${line} looks like a secret`, "Move the value to .env, and write ${NAME} in its place."),
          ),
        ),
        "no secret stands in a pipeline file",
      ),
  },
  {
    name: "user settings",
    look: ({ userFile, host }) => {
      if (host.platform === "win32" || !existsSync(userFile)) return ok("no settings of your own")
      const isOpen = (statSync(userFile).mode & 0o044) !== 0 && /api_key/.test(readFileSync(userFile, "utf8"))
      return isOpen
        ? [warn(`${userFile} holds a key and can be read by other users`, `chmod 600 ${userFile}`)]
        : ok(`${userFile} is yours alone, or holds no key`)
    },
  },
  { name: "ports", look: async (context) => orOk(await portProblems(context), "no port is wanted twice or taken") },
  {
    name: "editor schema",
    look: async ({ project, schema }) => {
      const file = path.join(project.root, ".deltaflow", "schema.json")
      if (!existsSync(file)) return ok("no schema file for editors")
      const isSame = readFileSync(file, "utf8").trim() === JSON.stringify(await schema(), null, 2)
      return isSame
        ? ok("the schema file for editors is up to date")
        : [warn("the schema file for editors is of another version", "deltaflow schema > .deltaflow/schema.json")]
    },
  },
]

/** These have checks of their own. */
const APART: ReadonlySet<string> = new Set(["MISSING_VARIABLE", "MODULE_FAILED", "FILE_NOT_FOUND"])

const allIssues = (project: Project): ReadonlyArray<Issue> => project.issues

/** Issues of the project itself, not of one of its pipelines. */
const ownIssues = (project: Project): ReadonlyArray<Issue> => {
  const ofPipelines = new Set(
    project.pipelines.flatMap(({ result }) => (result.ok ? [] : result.issues.map((issue) => JSON.stringify(issue)))),
  )
  return project.issues.filter((issue) => !ofPipelines.has(JSON.stringify(issue)))
}

const shown = ({ file, line, column, message }: Issue): string => {
  const place = [file, line, column].filter((part) => part !== undefined).join(":")
  return place === "" ? message : `${place}: ${message}`
}

const envFiles = (project: Project): ReadonlyArray<string> =>
  existsSync(project.root)
    ? readdirSync(project.root)
        .filter((name) => /^\.env(\..+)?$/.test(name) && !/\.(example|sample|template)$/.test(name))
        .map((name) => path.join(project.root, name))
    : []

const SECRET_KEY =
  /^\s*(-\s+)?["']?\w*(password|passwd|secret|token|api_?key|private_?key)["']?\s*:\s*["']?(?!["'\s]*(\$|#|$|true\b|false\b|null\b))\S{4,}/i
const SECRET_FORM = /AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|:\/\/[^\s:/@$]+:[^\s@${}]{4,}@|\bgh[pousr]_\w{36}|\bdf_key_\w+/

const secretLines = (text: string): ReadonlyArray<number> =>
  text.split("\n").flatMap((line, i) => (!/^\s*#/.test(line) && (SECRET_KEY.test(line) || SECRET_FORM.test(line)) ? [i + 1] : []))

const customProblems = async ({ project, loadModule }: DoctorContext): Promise<ReadonlyArray<Finding>> => {
  const problems: Array<Finding> = []
  for (const { name, steps } of pipelinesOf(project)) {
    for (const decoded of steps) {
      if (decoded.kind !== "builtin" || decoded.step.type !== "custom") continue
      const { module, export: exported = "default" } = decoded.step
      const reason = await whyNotLoaded(project, module, exported, loadModule)
      if (reason !== undefined)
        problems.push(
          fail(`${name}: ${module} ${reason}`, "Correct `module` or `export` of the step: paths start at the project's folder."),
        )
    }
  }
  return problems
}

const whyNotLoaded = async (
  project: Project,
  module: string,
  name: string,
  loadModule: DoctorContext["loadModule"],
): Promise<string | undefined> => {
  try {
    const file = await resolveInside(project.root, module, nodeFiles(), false)
    if (!existsSync(file)) return "is not there"
    const loaded = await loadModule(pathToFileURL(file).href)
    return typeof loaded[name] === "function" ? undefined : `exports no function ${name}`
  } catch (error) {
    if (error instanceof PathError) return error.message
    return `cannot be loaded: ${messageOf(error)}`
  }
}

const METRICS_PORT = 9090

/** The pipelines of one process share a port for their metrics; the API needs another. */
const portProblems = async ({ project, isPortFree }: DoctorContext): Promise<ReadonlyArray<Finding>> => {
  const wanted = pipelinesOf(project).flatMap(({ name, monitoring: { metrics } }) =>
    metrics?.enabled === true ? [{ name, port: metrics.port ?? METRICS_PORT }] : [],
  )
  const problems: Array<Finding> = []
  for (const { name, port } of wanted) {
    if (port === project.settings.apiPort)
      problems.push(
        fail(`${name}: port ${port} of its metrics is that of the API`, "Set monitoring.metrics.port or api_port to another port."),
      )
    else if (!(await isPortFree(port)))
      problems.push(
        warn(`${name}: port ${port} of its metrics is taken by another program`, "End that program, or set monitoring.metrics.port."),
      )
  }
  return problems
}
