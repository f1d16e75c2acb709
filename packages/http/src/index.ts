/** The Pipeline API as a web-standard handler. See `createHandler`. */
export { createHandler, type Handler, type HandlerOptions } from "./Handler.ts"
export type { Authenticate, Principal } from "./access.ts"
export { oidc, type OidcOptions, type Role } from "./oidc.ts"
export type { HostPipeline } from "./Catalogue.ts"
export { type Scope, scopes } from "./contract/endpoints.ts"
export { openApiDocument } from "./openApi.ts"
/** What the API takes and gives, as schemas; their types are those of the client, in snake_case. */
export type * as shapes from "./contract/schemas.ts"
