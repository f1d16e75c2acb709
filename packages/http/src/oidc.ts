/**
 * Tokens of an OpenID Connect issuer in place of keys: JWTs, checked by the package `jose` against the issuer's own key set
 * (https://openid.net/specs/openid-connect-discovery-1_0.html).
 */
import type { Authenticate } from "./access.ts"
import { bearerOf } from "./access.ts"
import type { Scope } from "./contract/endpoints.ts"

export type Role = "viewer" | "editor" | "admin"

export interface OidcOptions {
  /** As it stands in tokens: `https://login.example.com/`. Its key set is found below it. */
  readonly issuer: string
  /** What tokens must be for: the name of this API at the issuer, or several. */
  readonly audience: string | ReadonlyArray<string>
  /** Signatures that are taken. Default RS256 and ES256; never `none`, and never a secret that both sides know. */
  readonly algorithms?: ReadonlyArray<string>
  /** Claim with the roles, as a text or a list; dots lead inside: `realm_access.roles`. Default `roles`. */
  readonly roleClaim?: string
  /** Value of the claim: role here. Who has none of them may do nothing. */
  readonly roleMapping: Readonly<Record<string, Role>>
  /** Milliseconds that clocks may differ. Default 30,000. */
  readonly clockTolerance?: number
  /** Where the keys are, for an issuer without a discovery document. */
  readonly jwksUri?: string
}

const scopesOf: Readonly<Record<Role, ReadonlyArray<Scope>>> = {
  viewer: ["pipelines:read"],
  editor: ["pipelines:read", "pipelines:run", "pipelines:write"],
  admin: ["admin"],
}

const ASYMMETRIC = /^(RS|PS|ES)(256|384|512)$|^EdDSA$|^Ed25519$/

/** For `auth` of `createHandler`. Throws where the options cannot be right. */
export const oidc = (options: OidcOptions): Authenticate => {
  const { issuer, audience, algorithms = ["RS256", "ES256"], clockTolerance = 30_000 } = options
  if (!/^https?:\/\//.test(issuer))
    throw new TypeError(`oidc: issuer is no address: ${JSON.stringify(issuer)}. Give it as it stands in tokens.`)
  const weak = algorithms.find((algorithm) => !ASYMMETRIC.test(algorithm))
  if (weak !== undefined)
    throw new TypeError(`oidc: the algorithm ${weak} is not safe here. Use those with a public key, such as RS256 and ES256.`)
  const keys = new KeySet(options)
  return async (request) => {
    const token = bearerOf(request)
    if (token === undefined || token.split(".").length !== 3) return undefined
    const { jwtVerify } = await import("jose")
    try {
      const { payload } = await jwtVerify(token, await keys.get(), {
        issuer,
        audience: typeof audience === "string" ? audience : [...audience],
        algorithms: [...algorithms],
        clockTolerance: clockTolerance / 1000,
        requiredClaims: ["exp", "sub"],
      })
      return { id: `${issuer} ${payload.sub}`, scopes: rolesOf(payload, options).flatMap((role) => scopesOf[role]) }
    } catch (error) {
      // An issuer that is away is no wrong token: whoever asks is told to come again.
      if (isAway(error)) throw error
      return undefined
    }
  }
}

const isAway = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "ERR_JWKS_TIMEOUT" || error.code === "ERR_JOSE_GENERIC" || error instanceof IssuerAway)

/** The issuer's keys cannot be had now. */
export class IssuerAway extends Error {
  override readonly name = "IssuerAway"
  readonly code = "ISSUER_AWAY"
}

const rolesOf = (claims: Readonly<Record<string, unknown>>, { roleClaim = "roles", roleMapping }: OidcOptions): ReadonlyArray<Role> => {
  const path = Object.hasOwn(claims, roleClaim) ? [roleClaim] : roleClaim.split(".")
  const found = path.reduce<unknown>(
    (value, part) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined,
    claims,
  )
  const names: ReadonlyArray<unknown> = Array.isArray(found) ? found : typeof found === "string" ? found.split(" ") : []
  return names.flatMap((name) => (typeof name === "string" && Object.hasOwn(roleMapping, name) ? [roleMapping[name]!] : []))
}

type Keys = ReturnType<typeof import("jose").createRemoteJWKSet>

/** Found by the first token; keys that are not known are looked for again, at most twice a minute. */
class KeySet {
  private readonly options: OidcOptions
  private keys: Promise<Keys> | undefined

  constructor(options: OidcOptions) {
    this.options = options
  }

  async get(): Promise<Keys> {
    this.keys ??= this.load()
    try {
      return await this.keys
    } catch (error) {
      this.keys = undefined
      throw error
    }
  }

  private async load(): Promise<Keys> {
    const { createRemoteJWKSet } = await import("jose")
    return createRemoteJWKSet(new URL(this.options.jwksUri ?? (await this.discovered())), {
      timeoutDuration: ANSWER_MS,
      cooldownDuration: COOLDOWN_MS,
    })
  }

  private async discovered(): Promise<string> {
    const address = `${this.options.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) })
      const { jwks_uri: found } = (await response.json()) as { readonly jwks_uri?: unknown }
      if (typeof found === "string" && URL.canParse(found)) return found
    } catch (cause) {
      throw new IssuerAway(`${address} cannot be read`, { cause })
    }
    throw new IssuerAway(`${address} names no keys`)
  }
}

const ANSWER_MS = 5000
const COOLDOWN_MS = 30_000
