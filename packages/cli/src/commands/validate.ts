/** `deltaflow validate`: every issue at once, or which guarantee each destination gives. */
import { type DecodedPipeline, DefinitionError, DeltaflowError, type Issue, SourceError, TransformError } from "@deltaflow/core"
import { type Invocation, isSet, type RunCommand } from "../Command.ts"
import { reportIssues } from "../report.ts"
import { chosenPipelines, issuesAsJson, openSession, type Session, withPlace } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  await using session = await openSession(invocation, { files: invocation.operands, inMemory: true })
  const checked: Array<Checked> = []
  for (const pipeline of chosenOrIssues(invocation, session)) checked.push(await check(session, pipeline))
  const issues = checked.flatMap((one) => one.issues)
  if (isSet(invocation, "json")) sayJson(invocation, checked)
  else sayText(invocation, checked, issues)
  return issues.length === 0 ? 0 : 2
}

type Result = Awaited<ReturnType<Session["engine"]["validate"]>>

interface Checked {
  readonly issues: ReadonlyArray<Issue>
  readonly result?: Result
  /** Why the expressions could not be checked against the columns: an input is not there yet. */
  readonly unchecked?: string
}

const chosenOrIssues = (invocation: Invocation, { project }: Session): ReadonlyArray<DecodedPipeline | DefinitionError> => {
  try {
    return chosenPipelines(invocation, project)
  } catch (error) {
    if (error instanceof DefinitionError) return [error]
    throw error
  }
}

/** The definition by itself, then its expressions against the columns that its sources have. */
const check = async ({ engine, project }: Session, pipeline: DecodedPipeline | DefinitionError): Promise<Checked> => {
  if (pipeline instanceof DefinitionError) return { issues: pipeline.issues }
  const file = project.pipelines.find(({ result }) => result.ok && result.pipeline === pipeline)?.file
  try {
    const result = await engine.validate(pipeline)
    const unchecked = await engine.explain(pipeline).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof SourceError) return error.message
        throw error
      },
    )
    return { issues: [], result, ...(unchecked === undefined ? {} : { unchecked }) }
  } catch (cause) {
    const error = await withPlace(project, pipeline, asDefinitionError(cause))
    if (error instanceof DefinitionError) return { issues: error.issues }
    if (error instanceof DeltaflowError) return { issues: [issueOf(error, file)] }
    throw error
  }
}

/** What stands at a place of the definition, such as a module that cannot be loaded, is shown there. */
const asDefinitionError = (cause: unknown): unknown =>
  cause instanceof TransformError && cause.path.length > 0
    ? new DefinitionError([{ ...issueOf(cause, undefined), path: cause.path.join(".") }])
    : cause

const issueOf = ({ code, message, hint }: DeltaflowError, file: string | undefined): Issue => ({
  code,
  message,
  path: "",
  ...(file === undefined ? {} : { file }),
  ...(hint === undefined ? {} : { hint }),
})

const sayText = ({ terminal }: Invocation, checked: ReadonlyArray<Checked>, issues: ReadonlyArray<Issue>): void => {
  for (const { result, unchecked } of checked) {
    for (const { name, guarantee } of result?.destinations ?? [])
      terminal.say(`${terminal.style("green", "✓")} ${result!.name}: ${name} (${guarantee})`)
    if (unchecked !== undefined) terminal.say(`${terminal.style("yellow", "!")} ${result!.name}: columns are not checked: ${unchecked}`)
  }
  if (issues.length > 0) reportIssues(terminal, issues)
  else if (checked.length === 0) terminal.say("There is no pipeline here.")
}

const sayJson = ({ terminal }: Invocation, checked: ReadonlyArray<Checked>): void => {
  const issues = checked.flatMap((one) => one.issues)
  const pipelines = checked.flatMap(({ result, unchecked }) => (result === undefined ? [] : [{ ...result, unchecked: unchecked ?? null }]))
  terminal.data(JSON.stringify({ valid: issues.length === 0, pipelines, issues: issuesAsJson(issues) }))
}
