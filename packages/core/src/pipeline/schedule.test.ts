import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cronProblems, timezoneProblems } from "./schedule.ts"

describe("cron expressions", () => {
  it.each([
    "* * * * *",
    "*/15 0 1,15 * 1-5",
    "0 0 6 * * *",
    "0 0 29 2 *",
    "0 0 L * *",
    "0 12 * * MON#1",
    "  5  4 * * sun ",
    "@daily",
    " @Hourly",
  ])("accepts %s", async (expression) => {
    expect(await cronProblems(expression, [])).toEqual([])
  })

  it.each([
    "",
    "*",
    "* * * *",
    "* * * * * * *",
    "@dayly",
    "@reboot",
    "60 * * * *",
    "* 24 * * *",
    "* * 32 * *",
    "* * * 13 *",
    "a * * * *",
    "5-1 * * * *",
    "*/0 * * * *",
  ])("refuses %j", async (expression) => {
    const [problem] = await cronProblems(expression, ["schedule"])
    expect(problem).toMatchObject({ code: "INVALID_VALUE", path: ["schedule"] })
    expect(problem!.message).toContain(JSON.stringify(expression))
  })

  it("refuses a day that never comes", async () => {
    for (const expression of ["0 0 31 2 *", "0 0 31 4,6 *", "0 0 0 30 2 *"])
      expect(await cronProblems(expression, [])).toMatchObject([{ message: expect.stringContaining("never fires") as string }])
  })

  it("answers whatever is asked", async () => {
    const field = fc.oneof(
      fc.constantFrom("*", "*/5", "1-5", "1,2", "L", "W", "#", "?", "MON", "999999999999", "-1", "1/0", "1-", "~"),
      fc.string({ maxLength: 5 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(field, { minLength: 4, maxLength: 7 }), async (fields) => {
        const problems = await cronProblems(fields.join(" "), [])
        expect(problems.length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 500 },
    )
  })
})

describe("time zones", () => {
  it.each(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "GMT"])("accepts %s", (timezone) => {
    expect(timezoneProblems(timezone, [])).toEqual([])
  })

  it.each(["", "+02:00", "Mars/Olympus", "Europe", "Berlin"])("refuses %j", (timezone) => {
    expect(timezoneProblems(timezone, ["timezone"])).toMatchObject([{ code: "INVALID_VALUE", path: ["timezone"] }])
  })
})
