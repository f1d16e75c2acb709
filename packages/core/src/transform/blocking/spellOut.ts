/** Rows of several layouts come together in one batch only field by field, so that each field of their text gets a tag of its own. */
import { TextColumn } from "../../text/TextRows.ts"
import { ByteReader, ByteWriter } from "./byteWriter.ts"
import { NO_MEMORY, TextBuilder } from "./keptText.ts"
import { isText, isToken, type Layout, lengthOf, putField, type PutField, type RowForm, skipValue } from "./rowForm.ts"

export interface SpelledRows {
  readonly rows: ByteWriter
  /** Where each row begins. */
  readonly starts: ReadonlyArray<number>
}

/** The rows with a tag in front of each field. They are the same rows where none has text. */
export const spellOut = (form: RowForm, rows: ByteWriter, starts: ReadonlyArray<number>): SpelledRows => {
  const reader = new ByteReader()
  const texts = new Map<Layout, TextBuilder>()
  const layouts = starts.map((start) => {
    reader.open(rows.bytes, start)
    return form.layout(reader.varint())
  })
  for (const layout of layouts)
    if (layout.text !== undefined && !texts.has(layout))
      texts.set(layout, new TextBuilder(layout.text, layout.quotes, starts.length, rows.length, NO_MEMORY))
  if (texts.size === 0) return { rows, starts }
  // Where the fields begin that have a tag already.
  const tagged = starts.map((start, row) => {
    reader.open(rows.bytes, start)
    reader.varint()
    texts.get(layouts[row]!)?.add(reader)
    return reader.at
  })
  const writers = new Map(Array.from(texts, ([layout, text]) => [layout, fieldWriters(layout, text)]))
  const done = new Map<Layout, number>()
  const out = new ByteWriter(2 * rows.length)
  const spelled = layouts.map((layout, row) => {
    const start = out.length
    const textRow = done.get(layout) ?? 0
    done.set(layout, textRow + 1)
    reader.open(rows.bytes, tagged[row])
    out.varint(layout.id)
    putFields(out, layout, writers.get(layout), textRow, reader)
    return start
  })
  return { rows: out, starts: spelled }
}

/** By column: what writes a field of the text, with its tag. */
const fieldWriters = ({ text }: Layout, builder: TextBuilder): ReadonlyArray<PutField | undefined> => {
  const rows = builder.rows(() => undefined)
  return text!.places.map((place) => (place < 0 ? undefined : putField(new TextColumn(rows, place, "", "string"), "string")))
}

const putFields = (
  out: ByteWriter,
  { schema }: Layout,
  writers: ReadonlyArray<PutField | undefined> | undefined,
  textRow: number,
  reader: ByteReader,
): void => {
  for (let column = 0; column < schema.columns.length; column++) {
    const put = writers?.[column]
    if (put !== undefined) put(out, textRow)
    else {
      const { at } = reader
      skipField(reader)
      out.copy(reader.bytes, at, reader.at)
    }
  }
}

const skipField = (reader: ByteReader): void => {
  const tag = reader.byte()
  if (isText(tag) || isToken(tag)) reader.skip(lengthOf(reader, tag))
  else skipValue(reader, tag)
}
