import fc from "fast-check"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { plugins } from "../../test/pipeline/plugins.ts"
import { DefinitionError } from "../contract/Errors.ts"
import { nodeFiles } from "../node/nodeFiles.ts"
import { loadPipelineFile, loadPipelineFileOrThrow, loadPipelineText, parsePipelineText } from "./PipelineFile.ts"

const minimal = "name: users\nsources:\n  - { type: csv, path: a.csv }\ndestinations:\n  - { type: json, path: b.json }\n"

const anyText = fc.array(fc.nat(0xffff), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes))

const load = async (text: string, file?: string) => await loadPipelineText(text, { plugins, ...(file === undefined ? {} : { file }) })

const codesOf = async (text: string, file?: string) => {
  const result = await load(text, file)
  return result.ok ? [] : result.issues.map(({ code }) => code)
}

describe("text that is fine", () => {
  it("gives a pipeline", async () => {
    const result = await load(minimal)
    expect(result.ok && result.pipeline).toMatchObject({ name: "users", sources: [{ name: "sources[0]", config: { path: "a.csv" } }] })
  })

  it("may begin with a byte order mark, end lines as Windows does, and hold comments", async () => {
    expect(await codesOf(`\uFEFF# users\r\n${minimal.replaceAll("\n", "\r\n")}`)).toEqual([])
  })

  it("may be JSON, in a file of either ending, indented with tabs", async () => {
    const json = JSON.stringify(parsePipelineText(minimal).value, null, "\t")
    expect(await codesOf(json, "users.json")).toEqual([])
    expect(await codesOf(json.replaceAll("\t", "  "), "users.yml")).toEqual([])
  })

  it("may use anchors and a few aliases", async () => {
    expect(await codesOf(`${minimal}transforms:\n  - &step { type: select, columns: [id] }\n  - *step\n`)).toEqual([])
  })

  it("may hold variables wherever text may stand, also where YAML would see a mapping in them", () => {
    const text = `a: { path: ./errors/\${pipeline_name}_\${run_id}.json, url: \${URL}, list: [\${A}, \${B:-x, y: [z] # w}, "\${C}"] }
b: \${D:-\${E:-f}}
c: { d: $\${G}, e: "\${H:-{}", f: '\${I' }
`
    const { value, problems } = parsePipelineText(text)
    expect(problems).toEqual([])
    expect(value).toEqual({
      a: { path: "./errors/${pipeline_name}_${run_id}.json", url: "${URL}", list: ["${A}", "${B:-x, y: [z] # w}", "${C}"] },
      b: "${D:-${E:-f}}",
      c: { d: "$${G}", e: "${H:-{}", f: "${I" },
    })
  })

  it("may hold private characters", () => {
    expect(parsePipelineText("a: \ue07b${A}\ue07d").value).toEqual({ a: "\ue07b${A}\ue07d" })
  })

  it("keeps integers beyond 2^53 digit for digit, and reads YAML 1.2, not 1.1", () => {
    const { value } = parsePipelineText(
      "a: 9007199254740993\nb: yes\nc: 0755\nd: 2025-01-01\ne: 1_000\nf: 9007199254740991\ng: 12:30\nh: -9007199254740993",
    )
    expect(value).toEqual({
      a: "9007199254740993",
      b: "yes",
      c: 755,
      d: "2025-01-01",
      e: "1_000",
      f: 9007199254740991,
      g: "12:30",
      h: "-9007199254740993",
    })
  })

  it("has own keys for every name", () => {
    const { value } = parsePipelineText("__proto__: { a: 1 }\nconstructor: 2\n3: three\ntrue: yes")
    expect(JSON.stringify(value)).toBe('{"3":"three","__proto__":{"a":1},"constructor":2,"true":"yes"}')
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })
})

describe("limits", () => {
  it("refuses more than 1 MiB, counted in bytes", async () => {
    expect(await codesOf(`${minimal}# ${"x".repeat(1024 * 1024 - minimal.length - 2)}`)).toEqual([])
    expect(await codesOf(`${minimal}# ${"x".repeat(1024 * 1024)}`)).toEqual(["YAML_LIMIT"])
    expect(await codesOf(`${minimal}# ${"ä".repeat(600_000)}`)).toEqual(["YAML_LIMIT"])
  })

  it("counts levels up to 64", () => {
    const nested = (levels: number) => parsePipelineText(`${"[".repeat(levels)}${"]".repeat(levels)}`).problems.map(({ code }) => code)
    expect(nested(64)).toEqual([])
    expect(nested(66)).toEqual(["YAML_LIMIT"])
  })

  it("counts aliases up to 100, each time that they stand for something", () => {
    const aliases = (count: number) => parsePipelineText(`a: &a 1\nb: [${"*a, ".repeat(count)}]`).problems.map(({ code }) => code)
    expect(aliases(100)).toEqual([])
    expect(aliases(101)).toEqual(["YAML_LIMIT"])
  })

  const deep = 500_000
  const hostile: Record<string, string> = {
    brackets: "[".repeat(deep),
    "closed brackets": "[".repeat(deep) + "]".repeat(deep),
    dashes: "- ".repeat(deep),
    "question marks": "? ".repeat(deep),
    mappings: "{a: ".repeat(deep / 4),
    indentation: Array.from({ length: 1200 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    "many items": "- a\n".repeat(250_000),
    "many flow items": `[${"1,".repeat(deep)}]`,
    "many anchors": "- &a 1\n".repeat(140_000),
    "many mistakes": "a: b: c\n".repeat(100_000),
    "many documents": "---\n".repeat(200_000),
    "many tags": "- !a 1\n".repeat(100_000),
    "many keys": Array.from({ length: 90_000 }, (_, i) => `k${i}: 1`).join("\n"),
    "a billion laughs": `${Array.from({ length: 20 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i === 0 ? 0 : 10)}]`).join("\n")}`,
    "an alias to much": `a: &a [${"1,".repeat(50_000)}]\nb: [${"*a,".repeat(90)}]`,
    tabs: "\t".repeat(1_000_000),
    newlines: "\n".repeat(1_000_000),
    colons: ":".repeat(1_000_000),
    "many unknown keys": Array.from({ length: 18_000 }, (_, i) => `k${i}: 1`).join("\n"),
    "many wrong steps": `name: a\ntransforms:\n${"- {type: x}\n".repeat(9000)}`,
    variables: `a: "${"${A:-".repeat(150_000)}"`,
  }

  it.each(Object.keys(hostile))("answers in time to %s", async (name) => {
    const codes = await codesOf(hostile[name]!)
    expect(codes.length).toBeGreaterThan(0)
    expect(codes.length).toBeLessThanOrEqual(201)
  })
})

describe("text that is wrong", () => {
  it("gives the places of JSON too", async () => {
    const result = await load('{\n  "name": "users",\n  "sources": []\n  "destinations": []\n}', "users.json")
    expect(result).toMatchObject({ ok: false, issues: [{ code: "JSON_SYNTAX", file: "users.json", line: 4, column: 3 }] })
    const unknown = await load('{\n\t"name": "users",\n\t"surces": []\n}', "users.json")
    expect(!unknown.ok && unknown.issues.find(({ code }) => code === "UNKNOWN_KEY")).toMatchObject({ line: 3, column: 2 })
  })

  it("does not take YAML for JSON", async () => {
    expect(await codesOf(minimal, "users.json")).toEqual(["JSON_SYNTAX"])
    expect(await codesOf("", "users.json")).toEqual(["MISSING_KEY"])
  })

  it("has no file in its issues where there is none", async () => {
    const result = await load(minimal.replace("users", "5"))
    expect(!result.ok && result.issues[0]).toMatchObject({ line: 1, column: 7, frame: "> 1 | name: 5\n    |       ^\n  2 | sources:" })
    expect(!result.ok && "file" in result.issues[0]!).toBe(false)
  })

  it("tells of the text and of the definition at once", async () => {
    expect(await codesOf(`${minimal}name: other\nmode: bach\n`)).toEqual(["DUPLICATE_KEY", "INVALID_VALUE"])
  })

  it("never throws and never answers without an issue, whatever the text", async () => {
    const words = fc.constantFrom(
      "name",
      "sources",
      ": ",
      "\n",
      "  ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      '"',
      "'",
      "*a",
      "&a ",
      "!t ",
      "<<",
      "#",
      "${A}",
      "|",
      ">",
      "\t",
      "1",
      "users",
      ",",
      "? ",
    )
    const text = fc.oneof(
      anyText,
      fc.array(words, { maxLength: 30 }).map((parts) => parts.join("")),
    )
    await fc.assert(
      fc.asyncProperty(text, async (written) => {
        const result = await load(written)
        expect(result.ok).toBe(false)
        if (!result.ok) for (const issue of result.issues) expect(issue.line).toBeGreaterThanOrEqual(1)
      }),
      { numRuns: 300 },
    )
  })

  it("points into the text wherever a character is damaged", async () => {
    const full = `${minimal}transforms:\n  - { type: filter, condition: "a > 1" }\nschedule: "0 * * * *"\ndefaults: { timeout: 10s }\n`
    await fc.assert(
      fc.asyncProperty(fc.nat(full.length - 1), fc.constantFrom("", "x", ":", '"', "{", "\n", "*", "!", "$"), async (at, put) => {
        const text = full.slice(0, at) + put + full.slice(at + 1)
        const result = await load(text)
        const lines = text.split("\n")
        for (const { line, column } of result.ok ? [] : result.issues) {
          expect(line).toBeLessThanOrEqual(lines.length)
          expect(column).toBeLessThanOrEqual((lines[line! - 1] ?? "").length + 1)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe("files", () => {
  let folder = ""
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "deltaflow-"))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  const written = async (name: string, bytes: string | Uint8Array) => {
    const file = path.join(folder, name)
    await writeFile(file, bytes)
    return file
  }

  const issueOf = async (file: string) => {
    const result = await loadPipelineFile(file, nodeFiles(), { plugins, file: path.basename(file) })
    return result.ok ? undefined : result.issues[0]
  }

  it("are read", async () => {
    const file = await written("users.yml", minimal)
    expect((await loadPipelineFileOrThrow(file, nodeFiles(), { plugins })).name).toBe("users")
  })

  it("that are missing, folders, too large or not UTF-8 are told apart", async () => {
    expect(await issueOf(path.join(folder, "none.yml"))).toMatchObject({
      code: "FILE_NOT_FOUND",
      file: "none.yml",
      message: "there is no such file. Check the path.",
    })
    expect(await issueOf(folder)).toMatchObject({ code: "FILE_NOT_FOUND", message: "this is a folder. Name a file." })
    expect(await issueOf(await written("large.yml", "x".repeat(1024 * 1024 + 1)))).toMatchObject({ code: "YAML_LIMIT" })
    expect(await issueOf(await written("latin1.yml", Buffer.from("name: käse", "latin1")))).toMatchObject({ code: "WRONG_ENCODING" })
    expect(await issueOf(await written("utf16.yml", Buffer.from("\uFEFFname: a", "utf16le")))).toMatchObject({ code: "WRONG_ENCODING" })
  })

  it("throw an error with all issues where that is asked for", async () => {
    const file = await written("wrong.yml", "name: 1\nmode: x\n")
    const error: unknown = await loadPipelineFileOrThrow(file, nodeFiles(), { plugins }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(DefinitionError)
    expect((error as DefinitionError).issues.length).toBeGreaterThanOrEqual(4)
    expect((error as DefinitionError).message).toContain(`${file}:1:7: name: expected`)
  })

  it("that cannot be opened say why", async () => {
    const files = { ...nodeFiles(), openRead: () => Promise.reject(new Error("EACCES: permission denied")) }
    const result = await loadPipelineFile(await written("closed.yml", minimal), files, { plugins })
    expect(result).toMatchObject({ ok: false, issues: [{ message: "the file cannot be read: EACCES: permission denied." }] })
  })
})
