/** The files of examples/deploy are what systemd, Docker, Kubernetes and our own command line take. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { DockerfileParser } from "dockerfile-ast"
import { validate } from "dockerfile-utils" // house-rules: allow, its own name
import { expect, it, onTestFinished } from "vitest"
import { parseAllDocuments } from "yaml"
import { commands, sharedOptions } from "../src/commands.ts"
import { folderWith, project } from "./inProcess.ts"
import { serving } from "./serving.ts"

const folder = path.resolve(import.meta.dirname, "../../../examples/deploy")
const read = (file: string): string => readFileSync(path.join(folder, file), "utf8")

const temporary = (): string => {
  const made = mkdtempSync(path.join(tmpdir(), "deltaflow-deploy-"))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: any
}

const manifests = (file: string): ReadonlyArray<Manifest> =>
  parseAllDocuments(read(`kubernetes/${file}`)).map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([])
    return document.toJS() as Manifest
  })

const unitKeys = (): ReadonlyMap<string, string> =>
  new Map(
    read("systemd/deltaflow.service")
      .split("\n")
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  )

/** `deltaflow …` with the words of a command line after its script. */
const ourWords = (words: ReadonlyArray<string>): ReadonlyArray<string> =>
  words.slice(words.findIndex((word) => word.endsWith("deltaflow/bin/deltaflow.js")) + 1)

const imageCommand = (instruction: string): ReadonlyArray<string> => {
  const [last] = DockerfileParser.parse(read("docker/Dockerfile"))
    .getInstructions()
    .filter((one) => one.getInstruction() === instruction)
    .slice(-1)
  const text = last!.getArgumentsContent() ?? ""
  return JSON.parse(text.slice(text.indexOf("["))) as ReadonlyArray<string>
}

const cronCommand = (): ReadonlyArray<string> =>
  manifests("cronjob.yaml")[0]!.spec.jobTemplate.spec.template.spec.containers[0].command as ReadonlyArray<string>

it.each([
  ["systemd", () => unitKeys().get("ExecStart")!.split(" ")],
  ["Docker", () => imageCommand("CMD")],
  ["Kubernetes", cronCommand],
])("%s starts a command that there is, with options that it has", (_what, words) => {
  const [name, ...args] = ourWords(words())
  const command = commands.find((one) => one.name === name)
  expect(command).toBeDefined()
  const options = Object.fromEntries(Object.entries({ ...command!.options, ...sharedOptions }).map(([key, { type }]) => [key, { type }]))
  const { positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  expect(positionals.length).toBeLessThanOrEqual(command!.most)
})

const seconds = (text: string | undefined): number => Number(/^(\d+)s?$/.exec(text ?? "")![1])

it("whoever stops the process gives it longer than it gives its runs", () => {
  const timeoutOf = (words: ReadonlyArray<string>) => seconds(words[words.indexOf("--shutdown-timeout") + 1])
  const unit = unitKeys()
  expect(seconds(unit.get("TimeoutStopSec"))).toBeGreaterThan(timeoutOf(unit.get("ExecStart")!.split(" ")))
  const ofImage = timeoutOf(imageCommand("CMD"))
  const [compose] = parseAllDocuments(read("docker/compose.yml")).map((document) => document.toJS())
  expect(seconds(compose.services.deltaflow.stop_grace_period)).toBeGreaterThan(ofImage)
  const deployment = manifests("deltaflow.yaml").find(({ kind }) => kind === "Deployment")!
  expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(ofImage)
})

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0

it.skipIf(!hasSystemd)("systemd knows every key of the unit", () => {
  const file = path.join(temporary(), "deltaflow.service")
  writeFileSync(file, read("systemd/deltaflow.service"))
  const { stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" })
  expect(stderr.split("\n").filter((line) => line.includes(file))).toEqual([])
  writeFileSync(file, read("systemd/deltaflow.service").replace("Restart=always", "Restarts=always"))
  expect(spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" }).stderr).toContain("Restarts")
})

it("the Dockerfile has no mistakes, and the process is no root", () => {
  const text = read("docker/Dockerfile")
  expect(validate(text).map(({ message }) => message)).toEqual([])
  expect(validate(text.replace("WORKDIR /app", "WORKDIRS /app")).length).toBeGreaterThan(0)
  const instructions = DockerfileParser.parse(text).getInstructions()
  expect(instructions.findLast((one) => one.getInstruction() === "USER")?.getArgumentsContent()).toBe("node")
})

/** Where the types of each kind are. */
const kinds: Readonly<Record<string, readonly [module: string, type: string]>> = {
  Secret: ["core/v1", "Secret"],
  PersistentVolumeClaim: ["core/v1", "PersistentVolumeClaim"],
  Service: ["core/v1", "Service"],
  Deployment: ["apps/v1", "Deployment"],
  PodDisruptionBudget: ["policy/v1", "PodDisruptionBudget"],
  CronJob: ["batch/v1", "CronJob"],
}

it("Kubernetes knows every key of the manifests, and each thing that they name is there", { timeout: 30_000 }, () => {
  const all = [...manifests("deltaflow.yaml"), ...manifests("cronjob.yaml")]
  const compiled = (ones: ReadonlyArray<Manifest>): string => {
    const root = temporary()
    symlinkSync(path.resolve(import.meta.dirname, "../node_modules"), path.join(root, "node_modules"))
    const lines = ones.map((one, i) => {
      const [module, type] = kinds[one.kind]!
      return `export const m${i}: import("kubernetes-types/${module}").${type} = ${JSON.stringify(one)}`
    })
    writeFileSync(path.join(root, "manifests.ts"), lines.join("\n"))
    const args = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "--ignoreConfig"]
    return spawnSync("tsc", [...args, path.join(root, "manifests.ts")], { encoding: "utf8" }).stdout
  }
  expect(compiled(all)).toBe("")
  const wrong = { ...all[2]!, spec: { ...all[2]!.spec, replica: 1 } }
  expect(compiled([wrong])).toMatch(/replica.* does not exist/)
  const deployment = all.find(({ kind }) => kind === "Deployment")!.spec
  const labels = deployment.template.metadata.labels
  for (const { kind, spec } of all) {
    if (kind === "Service") expect(spec.selector).toEqual(labels)
    if (kind === "PodDisruptionBudget" || kind === "Deployment") expect(spec.selector.matchLabels).toEqual(labels)
  }
  const names = (kind: string) => all.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name)
  const pods = [deployment.template.spec, all.find(({ kind }) => kind === "CronJob")!.spec.jobTemplate.spec.template.spec]
  for (const pod of pods) {
    const volumes = pod.volumes.map(({ name }: { name: string }) => name)
    for (const { persistentVolumeClaim: claim } of pod.volumes) if (claim) expect(names("PersistentVolumeClaim")).toContain(claim.claimName)
    for (const container of pod.containers) {
      for (const { secretRef } of container.envFrom) expect(names("Secret")).toContain(secretRef.name)
      for (const { name } of container.volumeMounts) expect(volumes).toContain(name)
    }
  }
  const [{ ports, livenessProbe, readinessProbe }] = deployment.template.spec.containers
  for (const { httpGet } of [livenessProbe, readinessProbe]) expect(ports.map(({ name }: { name: string }) => name)).toContain(httpGet.port)
})

it(
  "probes and the health check of the image say of a server that it is well, and of none that it is not",
  { timeout: 60_000 },
  async () => {
    const { child, ended, url } = await serving(folderWith(project), "serve")
    const { livenessProbe, readinessProbe } = manifests("deltaflow.yaml").find(({ kind }) => kind === "Deployment")!.spec.template.spec
      .containers[0]
    for (const { httpGet } of [livenessProbe, readinessProbe]) expect((await fetch(url + httpGet.path)).status).toBe(200)
    const [node, ...args] = imageCommand("HEALTHCHECK")
    expect(node).toBe("node")
    const check = () =>
      spawnSync(
        process.execPath,
        args.map((one) => one.replace("http://127.0.0.1:8080", url)),
      ).status
    expect(check()).toBe(0)
    child.kill("SIGTERM")
    await ended
    expect(check()).toBe(1)
  },
)

it("each page names files that are there", () => {
  const pages = path.resolve(import.meta.dirname, "../../../docs/how-to")
  const named = readdirSync(pages)
    .filter((file) => file.startsWith("deploy-"))
    .flatMap((file) => [...readFileSync(path.join(pages, file), "utf8").matchAll(/\]\(\.\.\/\.\.\/examples\/deploy\/([^)]+)\)/g)])
    .map(([, file]) => file!)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
  expect([...new Set(named)].toSorted()).toEqual(files.filter((file) => file !== "package.json").toSorted())
})
