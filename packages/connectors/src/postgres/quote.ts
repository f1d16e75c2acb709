/** Names in SQL of PostgreSQL. Values are always bound; only names are ever written into a text, and only through here. */

/** The one function that quotes identifiers. Names come from users and may hold anything but NUL. */
export const quoteName = (name: string): string => {
  if (name.includes("\0")) throw new RangeError(`the name ${JSON.stringify(name)} holds a NUL character, which PostgreSQL does not allow`)
  return `"${name.replaceAll('"', '""')}"`
}

/** `"public"."users"`. */
export const quoteTable = (schema: string, table: string): string => `${quoteName(schema)}.${quoteName(table)}`

/** A text as SQL, where a parameter cannot be bound: in utility statements. Never backslashes, whatever the server's settings are. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** PostgreSQL cuts longer names without a word, so that two columns could become one. */
export const MAX_NAME_BYTES = 63

/** Why PostgreSQL cannot have this name; undefined where it can. */
export const nameProblem = (name: string): string | undefined => {
  if (name === "") return "is empty"
  if (name.includes("\0")) return "holds a NUL character"
  const bytes = Buffer.byteLength(name)
  return bytes > MAX_NAME_BYTES ? `has ${bytes} bytes, and PostgreSQL keeps ${MAX_NAME_BYTES}` : undefined
}
