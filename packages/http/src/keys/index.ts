/** Keys of the API, for commands and hosts that make and revoke them. */
export { ApiKeys, KeyError, type KeyInfo, type KeyOptions, type NewKey } from "./ApiKeys.ts"
export { type Scope, scopes } from "../contract/endpoints.ts"
