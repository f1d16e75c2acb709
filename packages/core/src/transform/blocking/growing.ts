/** Lists of numbers that grow. Each is dense, so that much of it stays in the processor's caches and few pages hold all of it. */

/**
 * The list itself while it has room for the number `count`, and else one twice as long, into which it is moved: it is empty afterwards, and
 * its memory is free at once. Lists that wait for the garbage collector would stand beside the new ones for long.
 */
export const grown = <Numbers extends Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(list: Numbers, count: number): Numbers => {
  if (count < list.length) return list
  const make = list.constructor as { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer): Numbers }
  return new make(list.buffer.transfer(Math.max(FIRST, 2 * list.length) * make.BYTES_PER_ELEMENT))
}

/** Frees the memory of lists that nobody needs any more, at once. */
export const release = (...lists: ReadonlyArray<Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>): void => {
  for (const { buffer } of lists) buffer.transfer(0)
}

const FIRST = 16
