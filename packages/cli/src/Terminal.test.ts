import { Writable } from "node:stream"
import { expect, it } from "vitest"
import { Terminal } from "./Terminal.ts"

const stream = (isTTY: boolean) => Object.assign(new Writable({ write: (_, __, done) => done() }), { isTTY }) as never

const styled = (env: Readonly<Record<string, string>>, outIsTTY: boolean, errIsTTY: boolean) => {
  const terminal = new Terminal(env, stream(outIsTTY), stream(errIsTTY))
  const isColoured = (text: string): boolean => text.includes("\u001B[")
  return { talk: isColoured(terminal.style("red", "x")), data: isColoured(terminal.dataStyle("red", "x")), moves: terminal.isLive }
}

it.each([
  [{}, true, true, { talk: true, data: true, moves: true }],
  [{}, false, true, { talk: true, data: false, moves: true }],
  [{}, true, false, { talk: false, data: false, moves: false }],
  [{ NO_COLOR: "1" }, true, true, { talk: false, data: false, moves: true }],
  [{ NO_COLOR: "" }, true, true, { talk: true, data: true, moves: true }],
  [{ CI: "true" }, true, true, { talk: false, data: false, moves: false }],
  [{ CI: "false" }, true, true, { talk: true, data: true, moves: true }],
  [{ TERM: "dumb" }, true, true, { talk: false, data: false, moves: false }],
  [{ FORCE_COLOR: "1" }, false, false, { talk: true, data: true, moves: false }],
  [{ FORCE_COLOR: "1", NO_COLOR: "1" }, true, true, { talk: false, data: false, moves: true }],
])("with %j, stdout a terminal: %s, stderr: %s", (env, out, err, expected) => {
  expect(styled(env, out, err)).toEqual(expected)
})
