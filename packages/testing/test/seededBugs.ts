/**
 * Bugs that are put into the sources while a suite runs, to see that it finds them. Each stands for a promise; the shipped code has no
 * switch for any.
 */

export interface Edit {
  /** From the root. */
  readonly file: string
  /** What stands there, exactly once. */
  readonly find: string
  readonly replace: string
}

export interface SeededBug {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
  /** The tests that must fail: a project, a file and a pattern of names. */
  readonly suite: { readonly project: string; readonly file: string; readonly tests: string }
}

const LOADS = "packages/core/src/engine/Loads.ts"

const histories = (tests: string) => ({ project: "t1", file: "packages/testing/test/simulation.t1.test.ts", tests })
const lawsOfConnectors = (tests: string) => ({ project: "connectors", file: "packages/connectors/test/laws.test.ts", tests })

export const seededBugs: ReadonlyArray<SeededBug> = [
  {
    name: "acknowledged before it is durable",
    edits: [
      {
        file: LOADS,
        find: "      this.reached = item.reached\n",
        replace: "      this.reached = item.reached\n      yield* this.options.acknowledge?.(this.cursors) ?? Effect.void\n",
      },
    ],
    suite: histories("a source that forgets"),
  },
  {
    name: "no epoch",
    edits: [{ file: "packages/connectors/src/sqlite/checkpoints.ts", find: "  if (refusal !== undefined) throw refusal\n", replace: "" }],
    suite: lawsOfConnectors("sqlite.*refuses the commit of a run that was overtaken"),
  },
  {
    name: "state outside of the transaction",
    edits: [
      {
        file: "packages/connectors/src/sqlite/load.ts",
        find: "    saveCheckpoint(database,",
        replace: '    database.exec("COMMIT; BEGIN IMMEDIATE")\n    saveCheckpoint(database,',
      },
    ],
    suite: lawsOfConnectors("sqlite.*refuses the commit of a run that was overtaken"),
  },
  {
    name: "> for >=",
    edits: [
      { file: "packages/connectors/src/sqlite/source.ts", find: "`${quoteName(column)} >= ?`", replace: "`${quoteName(column)} > ?`" },
    ],
    suite: { project: "connectors", file: "packages/connectors/src/sqlite/sqlite.test.ts", tests: "loses no row" },
  },
  {
    name: "the last batch dropped at a stop",
    edits: [
      {
        file: LOADS,
        find: "      if (rows > 0) yield* this.writeRows(item)\n",
        replace: "      if (rows > 0 && !state.stopping) yield* this.writeRows(item)\n",
      },
    ],
    suite: histories("rows and checkpoint in one transaction"),
  },
  {
    name: "tried again after an ambiguous commit",
    edits: [
      { file: LOADS, find: "      ...(known === undefined ? {} : { checkpoint: known }),\n", replace: "" },
      {
        file: "packages/core/src/engine/Execution.ts",
        find: "    const own = yield* plugin\n      .checkpoint(",
        replace: "    const own = holder.checkpoints.get(name) ?? (yield* plugin\n      .checkpoint(",
      },
      {
        file: "packages/core/src/engine/Execution.ts",
        find: 'timeLimit(pipeline, destination, "did not say where it stands")))\n',
        replace: 'timeLimit(pipeline, destination, "did not say where it stands"))))\n',
      },
    ],
    suite: histories("more tries in one run"),
  },
  {
    name: "a file that is not replaced at once",
    edits: [
      {
        file: "packages/connectors/src/files/outputFile.ts",
        find: '  const writing = new Writing(await files.openWrite(temporary, "create"), compression)\n',
        replace:
          '  if ((await files.stat(target)) !== undefined) await files.remove(target)\n  const writing = new Writing(await files.openWrite(temporary, "create"), compression)\n',
      },
    ],
    suite: lawsOfConnectors("ndjson.*readers see the old rows"),
  },
  {
    name: "what was seen is remembered in memory alone",
    edits: [
      {
        file: "packages/connectors/src/sqlite/cursor.ts",
        find: "    for (const mark of cursor?.seen ?? [])",
        replace: "    for (const mark of [] as ReadonlyArray<string>)",
      },
    ],
    suite: { project: "connectors", file: "packages/connectors/src/sqlite/sqlite.test.ts", tests: "loses no row" },
  },
  {
    name: "an unbounded queue",
    edits: [{ file: "packages/core/src/engine/Pass.ts", find: "{ capacity: QUEUE }", replace: '{ capacity: "unbounded" as const }' }],
    suite: { project: "core", file: "packages/core/test/backpressure.test.ts", tests: "" },
  },
  {
    name: "an error that is swallowed",
    edits: [
      {
        file: "packages/core/src/engine/DeadLetter.ts",
        find: "    }).pipe(Effect.mapError(deadLetterFailed(destination)))\n",
        replace: "    }).pipe(Effect.ignore)\n",
      },
    ],
    suite: { project: "core", file: "packages/core/test/run.test.ts", tests: "dead letter cannot be written" },
  },
  {
    name: "a lease by the clock of the process",
    edits: [
      {
        file: "packages/core/src/engine/EngineShape.ts",
        find: "const isAlive = (yield* leaseOf(this.store, run)) !== undefined\n",
        replace:
          "const held = yield* leaseOf(this.store, run)\n        const isAlive = held !== undefined && held.expiresAt > this.now()\n",
      },
    ],
    suite: histories("rows and checkpoint in one transaction"),
  },
  {
    name: "acknowledged out of order",
    edits: [{ file: LOADS, find: "const oldest = Math.min(", replace: "const oldest = Math.max(" }],
    suite: histories("two sources into two tables"),
  },
]

/** Puts the bug into its file as it is loaded. For the configuration of Vitest. */
export const seededBugPlugin = (name: string, root: string) => {
  const bug = seededBugs.find((one) => one.name === name)
  if (bug === undefined) throw new Error(`no seeded bug is called ${name}`)
  return {
    name: "seeded-bug",
    enforce: "pre" as const,
    transform: (code: string, id: string) =>
      bug.edits.filter(({ file }) => id === `${root}/${file}`).reduce((text, { find, replace }) => text.replace(find, () => replace), code),
  }
}
