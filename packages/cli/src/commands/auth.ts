/** `deltaflow auth`: keys of the API. */
import { table } from "@deltaflow/core/table"
import { ApiKeys, KeyError, type KeyInfo, type NewKey, type Scope, scopes } from "@deltaflow/http/keys"
import { type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { isoTime, shownTime } from "../runRows.ts"
import { openSession } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  const [verb = "", name] = invocation.operands
  const change = VERBS[verb]
  if (change === undefined) throw new UsageError(`auth takes ${Object.keys(VERBS).join(", ")}, not ${JSON.stringify(verb)}.`)
  await using session = await openSession(invocation)
  try {
    return await change(invocation, new ApiKeys(session.store!), name)
  } catch (error) {
    if (error instanceof KeyError) throw new UsageError(error.message)
    throw error
  }
}

type Verb = (invocation: Invocation, keys: ApiKeys, name: string | undefined) => Promise<number>

const create: Verb = async (invocation, keys, operand) => {
  const name = textFlag(invocation, "name") ?? operand
  if (name === undefined) throw new UsageError("auth create-key needs --name NAME.")
  const wanted = scopesOf(invocation)
  const expiresAt = expiryOf(invocation)
  const made = await keys.create({ name, scopes: wanted, ...(expiresAt === undefined ? {} : { expiresAt }) })
  return shown(invocation, made)
}

const scopesOf = ({ flags }: Invocation): ReadonlyArray<Scope> => {
  const given = Array.isArray(flags["scope"]) ? (flags["scope"] as ReadonlyArray<string>) : []
  if (given.length === 0) throw new UsageError(`auth create-key needs --scope, one or several of ${scopes.join(", ")}.`)
  return given.flatMap((text) => text.split(",")) as ReadonlyArray<Scope>
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 }

const expiryOf = (invocation: Invocation): number | undefined => {
  const text = textFlag(invocation, "expires")
  if (text === undefined) return undefined
  const [, count, unit] = /^(\d+)([hd])$/.exec(text) ?? []
  if (count !== undefined) return Date.now() + Number(count) * UNITS[unit!]!
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError(`--expires takes a time such as 90d, 12h or 2027-01-01, not ${JSON.stringify(text)}.`)
  return time
}

/** The key itself goes to stdout, once, and nothing else does. */
const shown = (invocation: Invocation, made: NewKey): number => {
  const { terminal } = invocation
  if (isSet(invocation, "json")) terminal.data(JSON.stringify({ key: made.key, ...asJson(made) }))
  else {
    terminal.say(`The key ${made.name} (${made.id}), with ${made.scopes.join(", ")}. It is shown only now:`)
    terminal.data(made.key)
  }
  return 0
}

const asJson = ({ id, name, scopes: own, prefix, createdAt, expiresAt, lastUsedAt, revokedAt }: KeyInfo) => ({
  id,
  name,
  scopes: own,
  prefix,
  created_at: isoTime(createdAt),
  expires_at: isoTime(expiresAt),
  last_used_at: isoTime(lastUsedAt),
  revoked_at: isoTime(revokedAt),
})

const list: Verb = async (invocation, keys) => {
  const all = await keys.list()
  const { terminal } = invocation
  if (isSet(invocation, "json")) terminal.data(JSON.stringify(all.map(asJson)))
  else if (all.length === 0) terminal.say("There is no key. Make one: deltaflow auth create-key --name NAME --scope admin")
  else
    terminal.data(
      table(
        [{ title: "id" }, { title: "name" }, { title: "begins" }, { title: "scopes" }, { title: "last used (UTC)" }, { title: "state" }],
        all.map((key) => [key.id, key.name, `${key.prefix}…`, key.scopes.join(", "), shownTime(key.lastUsedAt), stateOf(key)]),
      ),
    )
  return 0
}

const stateOf = ({ revokedAt, expiresAt }: KeyInfo): string =>
  revokedAt !== null
    ? "revoked"
    : expiresAt === null
      ? "valid"
      : expiresAt <= Date.now()
        ? "expired"
        : `valid until ${shownTime(expiresAt).slice(0, 16)}`

const needed = (verb: string, name: string | undefined): string => {
  if (name === undefined) throw new UsageError(`auth ${verb} needs the id or the name of a key.`)
  return name
}

const unknownKey = (name: string): UsageError => new UsageError(`there is no key ${name}. See deltaflow auth list-keys.`)

const GRACE_HOURS = 24

const rotate: Verb = async (invocation, keys, operand) => {
  const name = needed("rotate-key", operand)
  const grace = Number(textFlag(invocation, "grace") ?? GRACE_HOURS)
  if (!(grace >= 0)) throw new UsageError(`--grace takes hours, not ${JSON.stringify(textFlag(invocation, "grace"))}.`)
  const made = await keys.rotate(name, grace * 3_600_000)
  if (made === undefined) throw unknownKey(name)
  if (!isSet(invocation, "json"))
    invocation.terminal.say(grace === 0 ? "The old key counts no more." : `The old key counts for ${grace} more hours.`)
  return shown(invocation, made)
}

const revoke: Verb = async (invocation, keys, operand) => {
  const name = needed("revoke-key", operand)
  const revoked = await keys.revoke(name)
  if (revoked === undefined) throw unknownKey(name)
  if (isSet(invocation, "json")) invocation.terminal.data(JSON.stringify(asJson(revoked)))
  else invocation.terminal.say(`The key ${revoked.name} (${revoked.id}) counts no more.`)
  return 0
}

const VERBS: Readonly<Record<string, Verb>> = { "create-key": create, "list-keys": list, "rotate-key": rotate, "revoke-key": revoke }
