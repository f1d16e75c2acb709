/** Runs the compiler over small files that import the package, as an author's project has them. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"

const core = path.resolve(import.meta.dirname, "../..")
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")

/** File name to text; gives the compiler's messages by file name. A file without messages is not among them. */
export const compile = (files: Readonly<Record<string, string>>): ReadonlyMap<string, string> => {
  const folder = mkdtempSync(path.join(core, "node_modules/.types-"))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
    writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
    const { stdout, error } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 1 << 28,
    })
    if (error !== undefined) throw error
    return byFile(stdout)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const tsconfig = {
  extends: path.resolve(core, "../../tsconfig.base.json"),
  compilerOptions: {
    noEmit: true,
    rewriteRelativeImportExtensions: false,
    noUnusedLocals: false,
    customConditions: ["source"],
    noErrorTruncation: true,
    paths: { "@deltaflow/core": [path.join(core, "src/index.ts")], "core/*": [path.join(core, "src/*")] },
  },
  include: ["*.ts"],
}

const byFile = (output: string): ReadonlyMap<string, string> => {
  const messages = new Map<string, string>()
  for (const message of output.split(/\n(?=\S)/)) {
    const file = /^([^(]+)\(/.exec(message)?.[1] ?? "elsewhere"
    if (message.trim() !== "") messages.set(file, `${messages.get(file) ?? ""}${message}\n`)
  }
  return messages
}
