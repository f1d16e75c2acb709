import { describe, expect, it } from "vitest"
import { MASK, Secrets } from "./Secrets.ts"

const canary = "s3cr3t/Canary+42 äß&='\"x"

describe("Secrets", () => {
  const secrets = new Secrets([canary])
  const bytes = Buffer.from(canary)

  it.each([
    ["as it is", canary],
    ["in base64", bytes.toString("base64")],
    ["in base64url", bytes.toString("base64url")],
    ["in hex", bytes.toString("hex")],
    ["in upper-case hex", bytes.toString("hex").toUpperCase()],
    ["URL-encoded", encodeURIComponent(canary)],
    ["URL-encoded with small letters", encodeURIComponent(canary).toLowerCase().replace("canary", "Canary")],
    ["as a form field", new URLSearchParams({ x: canary }).toString().slice(2)],
    ["in JSON", JSON.stringify(canary).slice(1, -1)],
  ])("masks a value %s", (_, form) => {
    expect(secrets.mask(`before ${form} after`)).toBe(`before ${MASK} after`)
  })

  it.each([0, 1, 2, 3, 4, 5])("masks a value inside of longer base64, %d bytes from its start", (before) => {
    const text = Buffer.from(`${"u".repeat(before)}${canary}:and more`).toString("base64")
    const masked = secrets.mask(`Basic ${text}`)
    expect(masked).toContain(MASK)
    const rest = masked.replace(MASK, "")
    expect(rest.length).toBeLessThan(`Basic ${text}`.length - (canary.length * 4) / 3 + 6)
  })

  it("masks every secret of a text, the longer one first", () => {
    const several = new Secrets(["password-1", "password-1-and-more", "hunter2!"])
    expect(several.mask("password-1-and-more, hunter2!, password-1.")).toBe("***, ***, ***.")
  })

  it("masks the password of an address, also alone", () => {
    const url = new Secrets(["postgres://app:p%40ss-word@db.example.com/x?sslkey=k3y-k3y-k3y&mode=fast"])
    expect(url.mask("password authentication failed for p@ss-word")).toBe("password authentication failed for ***")
    expect(url.mask("p%40ss-word")).toBe(MASK)
    expect(url.mask("k3y-k3y-k3y with mode=fast")).toBe("*** with mode=fast")
  })

  it("masks each line of a key", () => {
    const pem = new Secrets(["-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----"])
    expect(pem.mask("at MIIEvQIBADANBgkqhkiG9w0B")).toBe("at ***")
  })

  it("masks short values where they stand alone only", () => {
    const short = new Secrets(["prod", "5432"])
    expect(short.mask("prod: product of prod.db on :5432, 54321 rows")).toBe("***: product of ***.db on :***, 54321 rows")
  })

  it("leaves alone what is too short or says nothing", () => {
    const plain = new Secrets(["", "a", "abc", "true", "null"])
    expect(plain.mask("abc is true, a is null")).toBe("abc is true, a is null")
  })

  it("masks values and keys of data, and keeps its shape", () => {
    const one = new Secrets(["hunter2-hunter2"])
    const data = { list: ["hunter2-hunter2", 1, null], "hunter2-hunter2": { ok: true } }
    expect(one.maskAll(data)).toEqual({ list: [MASK, 1, null], [MASK]: { ok: true } })
    expect(data.list[0]).toBe("hunter2-hunter2")
  })

  it("ends on data that holds itself", () => {
    const one = new Secrets(["hunter2-hunter2"])
    const data: { self?: unknown } = {}
    data.self = data
    expect(JSON.stringify(one.maskAll(data))).toContain(MASK)
  })

  it("learns more later", () => {
    const one = new Secrets(["first-secret"])
    expect(one.mask("first-secret second-secret")).toBe("*** second-secret")
    one.add("second-secret")
    expect(one.mask("first-secret second-secret")).toBe("*** ***")
  })

  it("takes characters of regular expressions for what they are", () => {
    const odd = new Secrets(["(.*)+[a-z]{2}\\", "^$|?*-*-*"])
    expect(odd.mask("x (.*)+[a-z]{2}\\ y ^$|?*-*-* z anything")).toBe("x *** y *** z anything")
  })

  it("does not break on half a surrogate pair or a broken escape", () => {
    const odd = new Secrets(["half \ud800 pair", "https://u:100%@example.com/"])
    expect(odd.mask("half \ud800 pair")).toBe(MASK)
  })

  it("masks a megabyte in a blink", () => {
    const many = new Secrets(Array.from({ length: 25 }, (_, i) => `canary-number-${i}-${"x".repeat(20)}`))
    const lines = "a line of a log that holds nothing\n".repeat(30_000)
    expect(many.mask(lines)).toBe(lines)
  })
})
