/** Checks of what pipelines read and write. */
import { existsSync, readdirSync, statSync } from "node:fs"
import path from "node:path"
import { type Check, fail, orOk, warn } from "./Check.ts"
import { inputsOf, outputsOf, whyNotWritable } from "./places.ts"

export const fileChecks: ReadonlyArray<Check> = [
  {
    name: "inputs",
    look: ({ project }) => {
      const missing = inputsOf(project).filter((input) => !existsSync(input.path))
      return orOk(
        missing.map(({ pipeline, step, path: file }) =>
          fail(`${pipeline} / ${step}: ${file} is not there`, "Put the file there, correct `path`, or set `optional: true`."),
        ),
        "every input is there",
      )
    },
  },
  {
    name: "output folders",
    look: ({ project }) => {
      const problems = outputsOf(project).flatMap(({ pipeline, step, path: file }) => {
        const reason = whyNotWritable(path.dirname(file))
        return reason === undefined
          ? []
          : [fail(`${pipeline} / ${step}: ${reason}`, "Correct `path`, or give this user the right to write there.")]
      })
      return orOk(problems, "every output folder can be written")
    },
  },
  {
    name: "outputs apart",
    look: ({ project }) => {
      const outputs = outputsOf(project).filter(({ path: file }) => !/\.(db|sqlite3?)$/i.test(file))
      const shared = outputs.filter((output, i) => outputs.some((other, j) => j < i && other.path === output.path))
      return orOk(
        shared.map(({ pipeline, step, path: file }) =>
          warn(`${pipeline} / ${step}: ${file} is written by another destination too`, "Give each destination a file of its own."),
        ),
        "no two destinations write one file",
      )
    },
  },
  {
    name: "input is no output",
    look: ({ project }) => {
      const inputs = new Set(inputsOf(project).map((input) => input.path))
      const databases = /\.(db|sqlite3?)$/i
      const both = outputsOf(project).filter((output) => inputs.has(output.path) && !databases.test(output.path))
      return orOk(
        both.map(({ pipeline, step, path: file }) =>
          warn(`${pipeline} / ${step}: ${file} is read by a pipeline too`, "If that is not meant, write to another file."),
        ),
        "no pipeline writes over an input",
      )
    },
  },
  {
    name: "leftovers",
    look: ({ project, now }) => {
      const folders = [...new Set(outputsOf(project).map((output) => path.dirname(output.path)))].filter((folder) => existsSync(folder))
      const left = folders.flatMap((folder) =>
        readdirSync(folder)
          .filter((name) => /^\..+\.tmp$/.test(name))
          .map((name) => path.join(folder, name))
          // A run that goes on has such files too.
          .filter((file) => now() - statSync(file).mtimeMs > OLD_MS),
      )
      return orOk(
        left.map((file) => warn(`${file} was left by a run that was cut off`, "The pipeline's next run removes it; or remove it by hand.")),
        "no temporary files were left behind",
      )
    },
  },
]

const OLD_MS = 3_600_000
