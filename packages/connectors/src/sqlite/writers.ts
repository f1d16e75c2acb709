/**
 * The loads of this process that write to one file.
 *
 * SQLite lets one connection write at a time, and a transaction of a load lasts until its commit. A second one in the same thread that
 * waited for it as SQLite waits would wait for itself. So the first writes to its table, and the others keep their rows aside until then.
 */
interface Writers {
  loads: number
  /** Resolves when the transaction of the first load ends. */
  transaction: { readonly ended: Promise<void>; readonly end: () => void } | undefined
}

const files = new Map<string, Writers>()

export class WriterPlace {
  readonly isFirst: boolean
  private readonly file: string
  private readonly writers: Writers

  /** `file` is an absolute path. */
  constructor(file: string) {
    this.file = file
    this.writers = files.get(file) ?? { loads: 0, transaction: undefined }
    this.isFirst = this.writers.loads++ === 0
    files.set(file, this.writers)
  }

  /** The first load has begun a transaction. */
  begun(): void {
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    this.writers.transaction = { ended, end }
  }

  ended(): void {
    this.writers.transaction?.end()
    this.writers.transaction = undefined
  }

  /** When no load of this process is within a transaction. What follows at once, without waiting, has the file for itself. */
  async untilFree(): Promise<void> {
    while (this.writers.transaction !== undefined) await this.writers.transaction.ended
  }

  close(): void {
    if (this.isFirst) this.ended()
    this.writers.loads--
    if (this.writers.loads === 0) files.delete(this.file)
  }
}
