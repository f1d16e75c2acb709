/** How many cells a text takes on a terminal, well enough for tables. */

const segmenter = new Intl.Segmenter()

const WIDE =
  /^(\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\u3000-\u303F\uFF01-\uFF60\uFFE0-\uFFE6])/u
const EMPTY = /^(\p{Mark}|\p{Cf})+$/u

const ASCII = /^[\x20-\x7E]*$/

export const textWidth = (text: string): number =>
  ASCII.test(text) ? text.length : clusters(text).reduce((sum, cluster) => sum + clusterWidth(cluster), 0)

/** At most `width` cells, with `…` where something was left out. */
export const cut = (text: string, width: number): string => {
  if (textWidth(text) <= width) return text
  let kept = ""
  let used = 0
  for (const cluster of clusters(text)) {
    used += clusterWidth(cluster)
    if (used > width - 1) break
    kept += cluster
  }
  return `${kept}…`
}

export const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - textWidth(text)))

export const padStart = (text: string, width: number): string => " ".repeat(Math.max(0, width - textWidth(text))) + text

/** Data must not move the cursor or change colours: control characters are shown as `\n` and `\x1b`. */
export const visible = (text: string): string =>
  text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g, escaped)

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escaped = (character: string): string => {
  const code = character.codePointAt(0)!
  return NAMED[character] ?? (code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`)
}

const clusters = (text: string): ReadonlyArray<string> => Array.from(segmenter.segment(text), ({ segment }) => segment)

const clusterWidth = (cluster: string): number => (EMPTY.test(cluster) ? 0 : WIDE.test(cluster) ? 2 : 1)
