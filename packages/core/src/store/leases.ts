/** Who holds a lease: the rules that all stores share, as decisions over what is stored. */
import type { Lease } from "../contract/Store.ts"

/** A lease as stored. It stays when it is released, so that its epoch never goes back. */
export interface LeaseRow {
  readonly name: string
  readonly owner: string | null
  readonly epoch: number
  readonly expiresAt: number
}

/** The lease after `owner` has taken it, or undefined where another holds it. */
export const acquired = (
  row: LeaseRow | undefined,
  asked: { readonly name: string; readonly owner: string; readonly ttlMs: number; readonly minimumEpoch?: number | undefined },
  now: number,
): Lease | undefined => {
  const { name, owner, ttlMs, minimumEpoch = 1 } = asked
  const isHeld = row !== undefined && row.owner !== null && row.expiresAt > now
  if (isHeld && row.owner !== owner) return undefined
  const epoch = isHeld ? row.epoch : (row?.epoch ?? 0) + 1
  return { name, owner, epoch: Math.max(epoch, minimumEpoch), expiresAt: now + ttlMs }
}

/** Whether the row still says what the lease says, expired or not. */
export const isSame = (row: LeaseRow | undefined, lease: Lease): row is LeaseRow =>
  row !== undefined && row.owner === lease.owner && row.epoch === lease.epoch

/** Invariant 7: only the holder of the current epoch commits, and only while the lease has not expired. */
export const mayCommit = (row: LeaseRow | undefined, lease: Lease, now: number): boolean => isSame(row, lease) && row.expiresAt > now

export const released = (lease: Lease): LeaseRow => ({ name: lease.name, owner: null, epoch: lease.epoch, expiresAt: 0 })

/** Who holds the lease at this time of the store's clock. */
export const heldLease = (row: LeaseRow | undefined, now: number): Lease | undefined =>
  row === undefined || row.owner === null || row.expiresAt <= now ? undefined : { ...row, owner: row.owner }
