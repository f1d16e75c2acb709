import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cronProblems, nextTimes, previousTimes, timezoneProblems } from "./schedule.ts"

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
    "__proto__",
    "constructor",
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

describe("times where the clock is moved", () => {
  const of = async (expression: string, timezone: string, from: string, count: number) =>
    (await nextTimes(expression, timezone, Date.parse(from), count)).map((time) => new Date(time).toISOString().slice(5, 16))

  it.each([
    [
      "by half an hour, back: every hour",
      "0 * * * *",
      "Australia/Lord_Howe",
      "2026-04-04T13:30Z",
      ["04-04T14:00", "04-04T15:30", "04-04T16:30"],
    ],
    ["by half an hour, forward: once a day", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00Z", ["10-03T15:45", "10-04T15:15"]],
    ["at a quarter to the hour", "*/30 * * * *", "Pacific/Chatham", "2026-04-04T13:20Z", ["04-04T13:45", "04-04T14:15", "04-04T14:45"]],
    ["on the evening before", "30 22 * * *", "America/Godthab", "2026-03-28T01:00Z", ["03-29T00:30", "03-29T23:30", "03-30T23:30"]],
    ["at midnight, forward", "0 0 * * *", "Africa/Cairo", "2026-04-23T00:00Z", ["04-23T22:00", "04-24T21:00"]],
    [
      "back: twice an hour within one hour comes once",
      "0,30 2 * * *",
      "Europe/Berlin",
      "2026-10-24T22:00Z",
      ["10-25T00:00", "10-25T00:30", "10-26T01:00"],
    ],
    [
      "forward: both of an hour that is left out",
      "0,30 2 * * *",
      "Europe/Berlin",
      "2026-03-29T00:00Z",
      ["03-29T01:00", "03-29T01:30", "03-30T00:00"],
    ],
  ])("%s", async (_what, expression, timezone, from, expected) => {
    expect(await of(expression, timezone, from, expected.length)).toEqual(expected)
    const last = Date.parse(`2026-${expected.at(-1)!}Z`)
    const before = await previousTimes(expression, timezone, last, expected.length)
    expect(before.map((time) => new Date(time).toISOString().slice(5, 16)).toReversed()).toEqual(expected)
  })

  it("names of schedules are those of their fields", async () => {
    expect(await of("@daily", "UTC", "2026-01-01T00:00Z", 2)).toEqual(["01-02T00:00", "01-03T00:00"])
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
