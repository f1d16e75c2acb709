/** Errors for people and for machines, and the exit code that they stand for. */
import { DefinitionError, DeltaflowError, type Issue } from "@deltaflow/core"
import type { Terminal } from "./Terminal.ts"

/** Gives the exit code: 2 for a wrong definition, 1 for everything else. */
export const reportError = (
  terminal: Terminal,
  error: unknown,
  { json, verbose }: { readonly json: boolean; readonly verbose: boolean },
): number => {
  if (json) terminal.data(JSON.stringify({ error: asJson(error) }))
  else if (error instanceof DefinitionError) reportIssues(terminal, error.issues)
  else terminal.say(`${terminal.style("red", `error${codeOf(error)}`)}: ${messageOf(error)}${hintOf(error)}`)
  if (verbose && error instanceof Error) terminal.say(error.stack ?? "")
  return error instanceof DefinitionError ? 2 : 1
}

/** Gives the exit code. */
export const reportUnknownRun = (terminal: Terminal, id: string, json: boolean): number => {
  const message = `there is no run ${id} in this project's store. See deltaflow runs.`
  if (json) terminal.data(JSON.stringify({ error: { code: "UNKNOWN_RUN", message } }))
  else terminal.say(`${terminal.style("red", "error")}: ${message}`)
  return 1
}

export const reportIssues = (terminal: Terminal, issues: ReadonlyArray<Issue>): void => {
  issues.forEach((issue, i) => {
    if (i > 0) terminal.say()
    terminal.say(`${terminal.style("red", `error[${issue.code}]`)}: ${placeOf(issue)}${issue.message}`)
    if (issue.frame !== undefined) terminal.say(issue.frame)
    if (issue.hint !== undefined) terminal.say(`${terminal.style("cyan", "hint")}: ${issue.hint}`)
  })
  if (issues.length > 1) terminal.say(`\n${issues.length} errors`)
}

const placeOf = (issue: Issue): string => {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(":")
  const parts = [place, issue.line === undefined ? issue.path : ""].filter((part) => part !== "")
  return parts.length === 0 ? "" : `${parts.join(": ")}: `
}

const codeOf = (error: unknown): string => (error instanceof DeltaflowError ? `[${error.code}]` : "")

/** The message of whatever was thrown: the same as the core's, which this must not wait for. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const hintOf = (error: unknown): string => (error instanceof DeltaflowError && error.hint !== undefined ? `\nhint: ${error.hint}` : "")

const asJson = (error: unknown): unknown => {
  if (error instanceof DefinitionError) return { code: error.code, message: "the definition is wrong", issues: error.issues }
  return error instanceof DeltaflowError ? error.toJSON() : { code: "UNKNOWN", message: messageOf(error) }
}
