/**
 * Golden messages: each `golden/*.yml` is a definition with a mistake, and `golden/*.txt` exactly what people are told. A change of
 * wording shows as a diff. `vitest run messages -u` writes the texts anew.
 */
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { formatIssue } from "../../src/contract/Errors.ts"
import { loadPipelineText } from "../../src/pipeline/PipelineFile.ts"
import { Secrets } from "../../src/pipeline/Secrets.ts"
import { plugins } from "./plugins.ts"

const folder = `${import.meta.dirname}/golden`
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".yml"))
  .map((name) => name.replace(/\.yml$/, ""))

const env = { USERS_FILE: "users.csv", DURATION: "hunter2-is-no-duration" }

const messagesOf = async (name: string): Promise<string> => {
  const text = readFileSync(`${folder}/${name}.yml`, "utf8")
  const result = await loadPipelineText(text, { plugins, variables: [env], secrets: new Secrets(), file: `${name}.yml` })
  return result.ok ? "" : `${result.issues.map((issue) => `${issue.code}\n${formatIssue(issue)}`).join("\n\n")}\n`
}

describe("the messages for a definition with a mistake", () => {
  it("are many", () => {
    expect(names.length).toBeGreaterThanOrEqual(70)
  })

  it.each(names)("%s", async (name) => {
    const messages = await messagesOf(name)
    expect(messages).not.toBe("")
    await expect(messages).toMatchFileSnapshot(`${folder}/${name}.txt`)
  })

  it.each(names)("%s names file, line and column, and shows the line", async (name) => {
    const text = readFileSync(`${folder}/${name}.yml`, "utf8")
    const result = await loadPipelineText(text, { plugins, variables: [env], file: "deltaflow.yml" })
    const lines = text.split("\n")
    for (const issue of result.ok ? [] : result.issues) {
      expect(issue.file).toBe("deltaflow.yml")
      expect(issue.line).toBeGreaterThanOrEqual(1)
      expect(issue.line).toBeLessThanOrEqual(lines.length)
      expect(issue.column).toBeLessThanOrEqual((lines[issue.line! - 1] ?? "").length + 1)
      expect(issue.frame).toMatch(new RegExp(`^> +${issue.line} \\|`, "m"))
    }
  })
})
