import { expect, it } from "vitest"
import { DeltaflowError, errorOf, PipelineNotFoundError, type RateLimitError, retryAfterOf, type ValidationError } from "./errors.ts"

it("makes the class of an answer, whatever stands in it", () => {
  const body = JSON.stringify({
    error: { code: "PIPELINE_NOT_FOUND", message: "no", details: { pipeline: "a" } },
    meta: { request_id: "req_1" },
  })
  expect(errorOf(404, new Headers(), body)).toBeInstanceOf(PipelineNotFoundError)
  expect(errorOf(404, new Headers(), body)).toMatchObject({
    name: "PipelineNotFoundError",
    status: 404,
    details: { pipeline: "a" },
    requestId: "req_1",
  })
  for (const text of ["", "<html>", "null", "[]", '{"error":null}', '"x"']) {
    const error = errorOf(502, new Headers({ "x-request-id": "req_2" }), text)
    expect([error.constructor, error.code, error.requestId]).toEqual([DeltaflowError, "HTTP_502", "req_2"])
  }
  expect((errorOf(422, new Headers(), "{}") as ValidationError).issues).toEqual([])
})

it("reads how long to wait", () => {
  expect(retryAfterOf(new Headers({ "retry-after": "7" }))).toBe(7)
  expect(retryAfterOf(new Headers({ "retry-after": new Date(Date.now() + 60_000).toUTCString() }))).toBeGreaterThan(50)
  for (const text of ["soon", ""]) expect(retryAfterOf(new Headers({ "retry-after": text }))).toBeUndefined()
  expect((errorOf(429, new Headers({ "retry-after": "3" }), "") as RateLimitError).retryAfter).toBe(3)
})
