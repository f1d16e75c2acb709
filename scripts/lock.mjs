/** A lock between processes, so that `npm start` and `npm test` in two terminals do not install at the same time. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"

const pause = new Int32Array(new SharedArrayBuffer(4))

/** @param {number} pid */
const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    // EPERM: it lives, but belongs to someone else.
    return /** @type {NodeJS.ErrnoException} */ (cause).code === "EPERM"
  }
}

/** @param {string} file */
const tryToTake = (file) => {
  try {
    const handle = openSync(file, "wx")
    writeSync(handle, String(process.pid))
    closeSync(handle)
    return true
  } catch (cause) {
    if (/** @type {NodeJS.ErrnoException} */ (cause).code === "EEXIST") return false
    throw cause
  }
}

/** @param {string} file */
const holder = (file) => {
  try {
    return Number(readFileSync(file, "utf8"))
  } catch (cause) {
    if (/** @type {NodeJS.ErrnoException} */ (cause).code === "ENOENT") return 0
    throw cause
  }
}

/** @param {string} file */
const take = (file) => {
  for (let waited = 0; !tryToTake(file); waited++) {
    const pid = holder(file)
    // A holder that was killed leaves its file behind. An empty file is one that is just being written.
    if (pid > 0 && !isAlive(pid)) rmSync(file, { force: true })
    else Atomics.wait(pause, 0, 0, 100)
    if (waited === 10) process.stderr.write(`Waiting for another set-up to end (process ${pid}, ${file}) …\n`)
  }
}

/** @param {string} file @param {() => void} work */
export const withLock = (file, work) => {
  take(file)
  const release = () => rmSync(file, { force: true })
  process.once("exit", release)
  work()
  release()
  process.off("exit", release)
}
