/** A step that lets others run before each row of its first batches. */
let count = 0
export const wait = async (row) => {
  if (count++ < 50) await new Promise((resolve) => setTimeout(resolve, 5))
  return row
}
