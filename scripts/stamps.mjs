/** What the set-up depends on, as short texts: when one differs from that of last time, the step is done again. */
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import path from "node:path"

/** @param {string} root */
export const installStamp = (root) => {
  const hash = createHash("sha256")
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) hash.update(readFileSync(path.join(root, file)))
  return hash.digest("hex")
}

/** @param {string} root */
export const packageFolders = (root) =>
  readdirSync(path.join(root, "packages"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(root, "packages", entry.name, "package.json")))
    .map((entry) => path.join(root, "packages", entry.name))

/** @param {string} folder @returns {string[]} */
const filesUnder = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
        .map((entry) => path.join(entry.parentPath, entry.name))
        .sort()
    : []

/** @param {string} root */
export const isBuilt = (root) => packageFolders(root).every((folder) => existsSync(path.join(folder, "dist")))

/** Sizes and times rather than contents: a start that has nothing to do must not read every source. @param {string} root */
export const buildStamp = (root) => {
  const hash = createHash("sha256")
  const sources = packageFolders(root).flatMap((folder) => [
    ...filesUnder(path.join(folder, "src")),
    ...["package.json", "tsconfig.build.json", "build.mjs"].map((name) => path.join(folder, name)).filter((file) => existsSync(file)),
  ])
  const shared = ["tsconfig.base.json", "tsconfig.build.json", "scripts/build.mjs"].map((name) => path.join(root, name))
  for (const file of [...sources, ...shared]) {
    const { size, mtimeMs } = statSync(file)
    hash.update(`${path.relative(root, file)}\0${size}\0${mtimeMs}\n`)
  }
  return hash.digest("hex")
}
