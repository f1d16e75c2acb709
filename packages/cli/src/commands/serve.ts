/** `deltaflow serve`: everything that a project serves, in one process. */
import type { RunCommand } from "../Command.ts"
import { serveApi } from "./api.ts"

export const run: RunCommand = async (invocation) => await serveApi(invocation, true)
