import { defineConfig } from "oxlint"

/** Inside core, imports run one way: what beside itself each folder of packages/core/src may import. */
const seenInCore: Record<string, ReadonlyArray<string>> = {
  model: [],
  text: ["model"],
  contract: ["model"],
  store: ["model", "contract"],
  node: ["contract"],
  expression: ["model", "contract", "text"],
  transform: ["model", "contract", "text", "expression"],
  pipeline: ["model", "contract", "text", "expression", "transform"],
  // The engine starts with the memory store and Node's files where its host gives none.
  engine: ["model", "contract", "text", "expression", "transform", "pipeline", "store", "node"],
}

const coreFolders = Object.keys(seenInCore)

const barrel = { regex: "^effect$", message: "Import Effect by sub-path (effect/Effect, effect/Stream): the barrel loads all of it." }

interface BannedImport {
  regex: string
  message: string
  importNames?: Array<string>
}

/** Overrides replace a rule whole, so each list of banned imports begins with the one that holds everywhere. */
const banned = (...patterns: ReadonlyArray<BannedImport>): { "no-restricted-imports": ["error", { patterns: Array<BannedImport> }] } => ({
  "no-restricted-imports": ["error", { patterns: [barrel, ...patterns] }],
})

const outsideOfCore = {
  regex: "^@deltaflow/|^deltaflow$",
  message: "core depends on no other package of ours, and imports its own modules by relative path.",
}

const directionInCore = (folder: string, seen: ReadonlyArray<string>) => ({
  files: [`packages/core/src/${folder}/**/*.ts`],
  rules: banned(outsideOfCore, {
    regex: `^(\\.\\./)+(${coreFolders.filter((other) => other !== folder && !seen.includes(other)).join("|")})/`,
    message:
      "Imports in core run one way: model ← contract ← expression ← transform ← pipeline ← engine; text sees model; store sees model " +
      `and contract, node sees contract. So ${folder}/ may import ${seen.length === 0 ? "no other folder" : seen.map((name) => `${name}/`).join(", ")}.`,
  }),
})

const acrossPackages = {
  regex: "^(\\.\\./)+(core|connectors|duckdb|http|client|scheduler|testing|cli)(/|$)",
  message: "Import another package by its name and a sub-path that it exports, never by its files.",
}

/** Between packages too, imports run one way: core ← connectors | duckdb | testing | scheduler ← http ← cli. */
const aboveOf = (folder: string, names: string) => ({
  regex: `^(${names})(/|$)`,
  message: `Between packages imports run one way: core ← connectors | duckdb | testing | scheduler ← http ← cli. So ${folder} may import core${folder === "http" ? " and scheduler" : ""}.`,
})

const engineInConnectors = {
  regex: "^@deltaflow/core(/effect|/node)?$",
  importNames: ["createEngine", "Engine", "Run"],
  message: "Connectors never import the engine: what ours may not do, a stranger's need not do. Use the contracts.",
}

export default defineConfig({
  plugins: ["typescript", "import", "unicorn", "oxc", "node", "vitest"],
  categories: { correctness: "error" },
  options: { typeAware: true },
  ignorePatterns: ["**/dist/**", "**/output/**", "packages/core/kernel/*.ts"],
  rules: {
    ...banned(acrossPackages),
    eqeqeq: "error",
    "no-console": "error",
    "no-empty": "error",
    "no-throw-literal": "error",
    "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrorsIgnorePattern: "^_" }],
    "no-var": "error",
    "prefer-const": "error",
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "import/no-mutable-exports": "error",
    "import/no-self-import": "error",
    "typescript/ban-ts-comment": "error",
    "typescript/consistent-type-imports": ["error", { fixStyle: "inline-type-imports", disallowTypeAnnotations: false }],
    "typescript/no-explicit-any": "error",
    // The runner of node:test waits for its tests by itself.
    "typescript/no-floating-promises": [
      "error",
      { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] }] },
    ],
    "typescript/no-misused-promises": "error",
    "typescript/no-unnecessary-type-assertion": "error",
    "typescript/only-throw-error": "error",
    "typescript/return-await": ["error", "error-handling-correctness-only"],
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],

    // Control characters are what a reader of text formats looks for.
    "no-control-regex": "off",
    // It holds the limit of 20 digits for true, which is 100 since ES2018.
    "oxc/number-arg-out-of-range": "off",
    // `new Array(n)` of a known length is what hot loops fill.
    "unicorn/no-new-array": "off",
    // An alias of `unknown` in a union (`CursorValue | undefined`) says something to the reader.
    "typescript/no-redundant-type-constituents": "off",
    // `String(value)` of an unknown value is how messages quote what was found.
    "typescript/no-base-to-string": "off",
    // A property or a law asserts by throwing.
    "vitest/expect-expect": ["error", { assertFunctionNames: ["expect*", "assert*", "fc.assert", "check*", "*.suite", "*Laws"] }],
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
    // A property over random data asserts what holds for the data at hand.
    "vitest/no-conditional-expect": "off",
    "vitest/no-standalone-expect": "off",
    // Nudges, not walls: they show in an editor, and `pnpm verify` lets them pass.
    "max-lines": ["warn", { max: 300, skipBlankLines: true, skipComments: true }],
    "max-lines-per-function": ["warn", { max: 60, skipBlankLines: true, skipComments: true }],
  },
  overrides: [
    { files: ["packages/core/src/**/*.ts"], rules: banned(outsideOfCore) },
    ...Object.entries(seenInCore).map(([folder, seen]) => directionInCore(folder, seen)),
    {
      files: ["packages/core/src/**/*.ts"],
      rules: {
        "no-restricted-properties": [
          "error",
          ...["stdout", "stderr", "exit", "on", "once"].map((property) => ({
            object: "process",
            property,
            message: "The engine lives inside someone's program: it prints nothing, ends nothing and listens to no signal.",
          })),
        ],
      },
    },
    {
      // Steps and expressions become generated code; what goes into it is checked and quoted, and tested against closures.
      files: ["packages/core/src/{transform,expression}/**", "packages/core/test/expression/**"],
      // And a branch of CASE has a `then`, as in SQL.
      rules: { "typescript/no-implied-eval": "off", "unicorn/no-thenable": "off" },
    },
    // "Any source at all" has no other spelling: the configuration of a plugin stands on both sides of the arrow.
    { files: ["packages/core/src/contract/*.ts"], rules: { "typescript/no-explicit-any": "off" } },
    {
      files: ["packages/connectors/src/**/*.ts", "templates/connector/**/*.ts"],
      rules: banned(
        acrossPackages,
        engineInConnectors,
        aboveOf("connectors", "@deltaflow/(testing|duckdb|http|client|scheduler)|deltaflow"),
      ),
    },
    {
      files: ["packages/duckdb/src/**/*.ts"],
      rules: banned(
        acrossPackages,
        engineInConnectors,
        aboveOf("duckdb", "@deltaflow/(connectors|testing|http|client|scheduler)|deltaflow"),
      ),
    },
    {
      files: ["packages/testing/src/**/*.ts"],
      rules: banned(acrossPackages, aboveOf("testing", "@deltaflow/(connectors|duckdb|http|client|scheduler)|deltaflow")),
    },
    {
      files: ["packages/http/src/**/*.ts"],
      rules: banned(acrossPackages, aboveOf("http", "@deltaflow/(connectors|duckdb|testing|client)|deltaflow")),
    },
    {
      files: ["packages/scheduler/src/**/*.ts"],
      rules: banned(acrossPackages, aboveOf("scheduler", "@deltaflow/(connectors|duckdb|testing|client|http)|deltaflow")),
    },
    {
      // Tests may look at every layer, and print what they measured.
      files: ["**/*.test.ts", "packages/*/test/**", "bench/**"],
      rules: {
        ...banned(acrossPackages),
        "no-console": "off",
        "no-restricted-properties": "off",
        "typescript/no-explicit-any": "off",
        "max-lines": "off",
        "max-lines-per-function": "off",
      },
    },
    {
      files: ["packages/cli/src/**", "packages/core/kernel/*.mjs", "scripts/**", "examples/**", "bench/**"],
      rules: { "no-console": "off" },
    },
    // Plain old syntax on purpose: it must load on any Node.
    { files: ["packages/cli/bin/*.js"], rules: { "no-var": "off" } },
    { files: ["*.config.ts"], rules: { "import/no-default-export": "off" } },
  ],
})
