/** What compiling expressions needs beside this package, loaded when there is an expression that needs it. */
import { loadRegularExpressions, mayMatchRegularExpressions } from "./functions/regex.ts"
import { isParsed, loadParser } from "./Parse.ts"

/** Loads what these expressions need. Compiling them works once it has resolved. */
export const loadExpressions = async (texts: ReadonlyArray<string>): Promise<void> => {
  if (!texts.every(isParsed)) await loadParser()
  if (texts.some(mayMatchRegularExpressions)) await loadRegularExpressions()
}

/** Loads what any expression may need. */
export const loadExpressionParser = async (): Promise<void> => {
  await Promise.all([loadParser(), loadRegularExpressions()])
}
