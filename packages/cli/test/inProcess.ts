/** Runs the command in this process, in a folder of its own, and gives what it said. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { Writable } from "node:stream"
import { onTestFinished } from "vitest"
import { main } from "../src/main.ts"
import { Terminal } from "../src/Terminal.ts"

export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export const deltaflow = async (cwd: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Promise<Said> => {
  const out = new Heard()
  const err = new Heard()
  const terminal = new Terminal(env, out as never, err as never)
  const code = await main(args, env, { terminal, cwd })
  return { code, stdout: out.text, stderr: err.text }
}

class Heard extends Writable {
  text = ""
  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    this.text += String(chunk)
    done()
  }
}

/** A folder with these files, gone when the test has ended. */
export const folderWith = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-cli-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  return folder
}

export const users = `id,first_name,last_name,email,age
1,Ada,Lovelace,ada@example.com,36
2,Bo,Larsen,bo@example.com,17
3,Chidi,Okafor,chidi@example.com,18
4,Dora,Nguyen,dora@example.com,9
5,Élise,Moreau,elise@example.com,52
`

export const quickstart = `name: hello-world
version: "1.0"
sources:
  - type: csv
    name: sample_data
    path: data/users.csv
transforms:
  - type: filter
    condition: "age >= 18"
  - type: rename
    columns:
      first_name: firstName
      last_name: lastName
destinations:
  - type: json
    path: output/filtered_users.json
    pretty: true
`

export const project = { "deltaflow.yml": quickstart, "data/users.csv": users }
