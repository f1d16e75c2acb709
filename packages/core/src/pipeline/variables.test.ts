import { describe, expect, it } from "vitest"
import { Secrets } from "./Secrets.ts"
import { fillRuntime, fillVariables, pathKey, type VariableLayers } from "./variables.ts"

const fill = (value: unknown, layers: VariableLayers = [], secrets = new Secrets()) => fillVariables(value, layers, secrets)
const text = (value: string, layers: VariableLayers = []) => fill(value, layers).value

describe("fillVariables", () => {
  it("fills in values, defaults and literals", () => {
    const env = [{ HOST: "db", EMPTY: "" }]
    expect(text("postgres://${HOST}/x", env)).toBe("postgres://db/x")
    expect(text("${PORT:-5432}", env)).toBe("5432")
    expect(text("${HOST:-other}", env)).toBe("db")
    expect(text("$${HOST} is ${HOST}", env)).toBe("${HOST} is db")
    expect(text("$HOST and $ and {HOST}", env)).toBe("$HOST and $ and {HOST}")
    expect(text("a$$${HOST}", env)).toBe("a$${HOST}")
  })

  it("takes an empty value for the default, as the shell does, and gives it where there is none", () => {
    expect(text("[${EMPTY:-x}]", [{ EMPTY: "" }])).toBe("[x]")
    expect(text("[${EMPTY}]", [{ EMPTY: "" }])).toBe("[]")
    expect(text("[${NONE:-}]")).toBe("[]")
  })

  it("lets a default name another variable", () => {
    expect(text("${A:-${B:-c}/d}", [{ B: "b" }])).toBe("b/d")
    expect(text("${A:-${B:-c}/d}")).toBe("c/d")
  })

  it("asks the layers in their order, and skips what is undefined", () => {
    const layers = [
      { A: 1, C: undefined },
      { A: "env", B: true },
      { A: "file", B: "file", C: "file" },
    ]
    expect(text("${A} ${B} ${C}", layers)).toBe("1 true file")
  })

  it("does not take names from prototypes", () => {
    expect(fill("${constructor}${toString}", [{}]).problems).toHaveLength(2)
  })

  it("walks lists and mappings, keeps keys, and leaves other values alone", () => {
    const when = new Date(0)
    const rows = (function* () {})()
    const { value } = fill({ "${A}": ["${A}", 1, null, true], rows, when }, [{ A: "x" }])
    expect(value).toEqual({ "${A}": ["x", 1, null, true], rows, when })
    expect((value as { rows: unknown }).rows).toBe(rows)
  })

  it("keeps a key named __proto__ as data", () => {
    const { value } = fill(JSON.parse('{"__proto__": {"a": "${A}"}}'), [{ A: "x" }])
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":"x"}}')
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })

  it("names every missing variable with its place, and the nearest name", () => {
    const { problems } = fill({ sources: [{ path: "${DATA_DRI}/x" }], destinations: [{ path: "${OUT}" }] }, [{ DATA_DIR: "d" }])
    expect(problems.map(({ code, path }) => [code, path])).toEqual([
      ["MISSING_VARIABLE", ["sources", 0, "path"]],
      ["MISSING_VARIABLE", ["destinations", 0, "path"]],
    ])
    expect(problems[0]!.message).toBe("the variable `DATA_DRI` has no value. Did you mean `DATA_DIR`?")
    expect(problems[0]!.part).toBe("${DATA_DRI")
  })

  it.each(["${", "${A", "${A:-b", "${}", "${1A}", "${A B}", "${A-b}", "${A:-${B}"])(
    "refuses %j with the place of the mistake",
    (written) => {
      const { problems, value } = fill({ a: written }, [{ A: "x", B: "y" }])
      expect(problems).toHaveLength(1)
      expect(problems[0]).toMatchObject({ code: "INVALID_VALUE", path: ["a"] })
      expect(value).toEqual({ a: written })
    },
  )

  it("survives defaults within defaults without end", () => {
    const { problems } = fill("${A:-".repeat(200_000))
    expect(problems[0]!.message).toContain("levels deep")
  })

  it("registers what came from outside as a secret, and not what stands in the file", () => {
    const secrets = new Secrets()
    fill("${TOKEN} ${USER:-anonymous}", [{ TOKEN: "tr0ub4dor" }], secrets)
    expect(secrets.mask("tr0ub4dor anonymous")).toBe("*** anonymous")
  })

  it("lists the names that are used, once each, and the texts that are one variable", () => {
    const { used, whole } = fill({ a: "${A}", b: "x${A}${B:-1}", c: "${run_id}" }, [{ A: "1" }])
    expect(used).toEqual(["A", "B"])
    expect([...whole]).toEqual([pathKey(["a"])])
  })
})

describe("texts of the run", () => {
  const run = { pipeline_name: "users", run_id: "run_1", environment: "test" }

  it("stay until the run fills them in", () => {
    const path = text("errors/${pipeline_name}_${run_id}.json")
    expect(path).toBe("errors/${pipeline_name}_${run_id}.json")
    expect(fillRuntime({ path: [path, "${environment}"] }, run)).toEqual({ path: ["errors/users_run_1.json", "test"] })
  })

  it("can be escaped", () => {
    expect(fillRuntime(text("$${run_id} ${run_id}"), run)).toBe("${run_id} run_1")
  })

  it("are not looked for in values of variables", () => {
    for (const value of ["a${run_id}b", "$${run_id}", "${OTHER}"]) {
      expect(fillRuntime(text("${PASSWORD}", [{ PASSWORD: value }]), run)).toBe(value)
    }
  })

  it("leave alone what they do not know and what is no plain data", () => {
    const config = { path: "${run_id}/${other}", when: new Date(0) }
    expect(fillRuntime(config, { run_id: "r" })).toEqual({ path: "r/${other}", when: config.when })
    expect(fillRuntime("${environment}", { run_id: "r" })).toBe("${environment}")
  })
})
