/** For what is found wrong only when sources are open, such as an unknown column: where it stands in the file. */
import type { Issue } from "../contract/Errors.ts"
import { parsePipelineText } from "./PipelineFile.ts"
import { parsePath } from "./path.ts"
import { toIssue } from "./problem.ts"

/** The issue with file, line, column and frame; as it is where it has a place already. `text` is the whole file. */
export const placeIssue = (issue: Issue, text: string, file: string, mask: (text: string) => string = (shown) => shown): Issue => {
  if (issue.line !== undefined) return issue
  const { code, message, hint, position } = issue
  const problem = {
    code,
    message,
    path: parsePath(issue.path),
    ...(hint === undefined ? {} : { hint }),
    ...(position === undefined ? {} : { position }),
  }
  return { file, ...toIssue(problem, parsePipelineText(text, file), mask), path: issue.path }
}
