/** `deltaflow doctor`: what could keep pipelines from running, each with what to do. */
import { createEngine } from "@deltaflow/core"
import { isSet, type RunCommand } from "../Command.ts"
import type { Check, DoctorContext, Finding, Level } from "../doctor/Check.ts"
import { fileChecks } from "../doctor/fileChecks.ts"
import { hostChecks } from "../doctor/hostChecks.ts"
import { isPortFree, lookAtDisk, lookAtHost, lookAtStore } from "../doctor/look.ts"
import { projectChecks } from "../doctor/projectChecks.ts"
import { storeChecks } from "../doctor/storeChecks.ts"
import { openProject, statePath, userFile } from "../session.ts"
import type { Terminal } from "../Terminal.ts"

export const allChecks: ReadonlyArray<Check> = [...hostChecks, ...projectChecks, ...fileChecks, ...storeChecks]

export const run: RunCommand = async (invocation) => {
  const project = await openProject(invocation)
  const file = statePath(project)
  const context: DoctorContext = {
    host: lookAtHost(),
    project,
    statePath: file,
    userFile: userFile(),
    now: Date.now,
    store: await lookAtStore(file),
    disk: lookAtDisk,
    isPortFree,
    schema: async () => {
      await using engine = createEngine({ plugins: project.plugins })
      return await engine.jsonSchema()
    },
    loadModule: (url) => import(url) as Promise<Record<string, unknown>>,
  }
  const findings = project.secrets.maskAll(await examine(allChecks, context))
  if (isSet(invocation, "json")) invocation.terminal.data(JSON.stringify({ checks: findings }))
  else say(invocation.terminal, findings)
  return findings.some(({ level }) => level === "fail") ? 1 : 0
}

export interface NamedFinding extends Finding {
  readonly check: string
}

export const examine = async (checks: ReadonlyArray<Check>, context: DoctorContext): Promise<ReadonlyArray<NamedFinding>> => {
  const findings: Array<NamedFinding> = []
  for (const { name, look } of checks) for (const finding of await look(context)) findings.push({ check: name, ...finding })
  return findings
}

const MARK = { ok: ["green", "✓"], warn: ["yellow", "!"], fail: ["red", "✗"] } as const

const say = (terminal: Terminal, findings: ReadonlyArray<NamedFinding>): void => {
  for (const { check, level, message, fix } of findings) {
    const [colour, mark] = MARK[level]
    terminal.data(`${terminal.dataStyle(colour, mark)} ${check}: ${message}`)
    if (fix !== undefined) terminal.data(`    ${terminal.dataStyle("cyan", "fix")}: ${fix}`)
  }
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length
  terminal.say(`\n${count("ok")} well, ${count("warn")} to look at, ${count("fail")} wrong`)
}
