/** For `node --import`: appends the URL of each module that is loaded to the file that `LOADED` names. */
import { appendFileSync } from "node:fs"
import { registerHooks } from "node:module"

const file = process.env["LOADED"]

registerHooks({
  load: (url, context, next) => {
    if (url.startsWith("file:")) appendFileSync(file, `${url}\n`)
    return next(url, context)
  },
})
