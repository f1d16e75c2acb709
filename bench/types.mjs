/**
 * How long the compiler takes for a project of typed pipelines: `node bench/types.mjs [--pipelines 200]`.
 *
 * The project is generated into a temporary folder: one file a pipeline, each with its own columns and texts, so that nothing is looked up
 * twice. It is compiled as an installed project would be, against the package's declarations, which are made from the sources first. The
 * table has the median of three runs on one core: the time, and what the processor spent, which a busy machine does not change. The same
 * project with plain sources shows what the row types cost.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"

const root = path.resolve(import.meta.dirname, "..")
const core = path.join(root, "packages/core")
const tsc = path.join(core, "node_modules/typescript/bin/tsc")

const { values } = parseArgs({ options: { pipelines: { type: "string", default: "200" } } })
const pipelines = Number(values.pipelines)

/** @param {ReadonlyArray<string>} args */
const compile = (args) => spawnSync(process.execPath, [tsc, ...args], { encoding: "utf8" })

/** The same on one core, with the seconds that the processor spent. @param {ReadonlyArray<string>} args */
const timed = (args) => {
  const started = performance.now()
  const script = 'TIMEFORMAT="cpu %U %S"; time "$0" "$@"'
  const child = spawnSync("bash", ["-c", script, process.execPath, tsc, ...args, "--singleThreaded"], { encoding: "utf8" })
  const seconds = (performance.now() - started) / 1000
  const [, user, system] = /cpu ([\d.]+) ([\d.]+)/.exec(child.stderr) ?? []
  return { ...child, seconds, cpu: Number(user) + Number(system) }
}

/** The package as it is installed, without its code. @param {string} folder */
const installCore = (folder) => {
  const target = path.join(folder, "node_modules/@deltaflow/core")
  mkdirSync(target, { recursive: true })
  copyFileSync(path.join(core, "package.json"), path.join(target, "package.json"))
  symlinkSync(path.join(core, "node_modules"), path.join(target, "node_modules"), "dir")
  const out = ["--outDir", path.join(target, "dist"), "--incremental", "false"]
  const { status, stdout } = compile(["-p", path.join(core, "tsconfig.build.json"), "--emitDeclarationOnly", ...out])
  if (status !== 0) throw new Error(`packages/core: the declarations could not be made.\n${stdout.slice(0, 2000)}`)
}

/** @param {number} i @param {boolean} isTyped */
const pipelineText = (i, isTyped) => {
  const columns = `{ id: "integer", age_${i}: "integer", price_${i}: "decimal", first_name: "string", last_name: "string", email_${i}: "string",
  created_at: "timestamp", status: "string", country: "string", tags: "string[]" }`
  const source = `{ type: "csv", path: "data/in${i}.csv" }`
  const destination = `{ type: "sqlite", path: "output/out${i}.db", table: "t", key: ["country", "mail_${i}"] }`
  const wanted = `{ country: "string", mail_${i}: "string", full_name: "string", total_${i}: "decimal", adult: "boolean" }`
  return `import { pipeline${isTyped ? ", typedDestination, typedSource" : ""} } from "@deltaflow/core"

export const pipeline${i} = pipeline({
  name: "pipeline-${i}",
  sources: [${isTyped ? `typedSource(${source}, ${columns})` : source}],
  transforms: [
    { type: "filter", condition: "status = 'active' AND age_${i} >= ${i % 90} AND email_${i} IS NOT NULL" },
    {
      type: "map",
      fields: {
        full_name: "first_name || ' ' || last_name",
        total_${i}: "price_${i} * ${i + 1} + 0.5",
        adult: "age_${i} >= 18 OR country IN ('DE', 'FR', 'C${i}')",
        year: "EXTRACT(YEAR FROM created_at)",
        domain: "LOWER(SPLIT_PART(email_${i}, '@', 2))",
        band: "CASE WHEN age_${i} < ${i} THEN 'low' WHEN age_${i} < 65 THEN 'middle' ELSE 'high' END",
      },
    },
    { type: "rename", columns: { email_${i}: "mail_${i}" } },
    { type: "deduplicate", key: ["mail_${i}"], keep: "latest", by: "created_at" },
    { type: "select", columns: ["country", "mail_${i}", "full_name", "total_${i}", "adult"] },
    { type: "sort", by: [{ column: "country" }, { column: "total_${i}", order: "desc" }] },
  ],
  schema: { mail_${i}: { type: "string", required: true, format: "email" }, total_${i}: { min: 0 } },
  destinations: [${isTyped ? `typedDestination(${destination}, ${wanted})` : destination}],
})
`
}

/** @param {string} folder @param {string} name @param {number} count @param {boolean} isTyped */
const measure = (folder, name, count, isTyped) => {
  const project = path.join(folder, isTyped ? "typed" : `plain${count}`)
  mkdirSync(project)
  const compilerOptions = { noEmit: true, strict: true, target: "ES2024", module: "NodeNext", skipLibCheck: true, types: [] }
  writeFileSync(path.join(project, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
  writeFileSync(path.join(project, "empty.ts"), `import "@deltaflow/core"\n`)
  for (let i = 0; i < count; i++) writeFileSync(path.join(project, `pipeline${i}.ts`), pipelineText(i, isTyped))
  const runs = Array.from({ length: 3 }, () => {
    const { status, stdout, seconds, cpu } = timed(["-p", project, "--extendedDiagnostics"])
    if (status !== 0) throw new Error(`${name}: the project does not compile.\n${stdout.slice(0, 2000)}`)
    const figure = (/** @type {string} */ of) => Number(new RegExp(`${of}:\\s+(\\d+)`).exec(stdout)?.[1])
    return { seconds, cpu, instantiations: figure("Instantiations"), memory: figure("Memory used") }
  }).toSorted((a, b) => a.cpu - b.cpu)
  const { seconds, cpu, instantiations, memory } = runs[1]
  console.log(
    `| ${name} | ${seconds.toFixed(1)} s | ${cpu.toFixed(1)} s | ${instantiations.toLocaleString("en")} | ${Math.round(memory / 1024)} MB |`,
  )
}

const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-types-"))
try {
  installCore(folder)
  console.log("| project | time | processor | instantiations | memory |\n|---|---|---|---|---|")
  measure(folder, "the import alone", 0, false)
  measure(folder, `${pipelines} plain pipelines`, pipelines, false)
  measure(folder, `${pipelines} typed pipelines`, pipelines, true)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
