/** The API as OpenAPI 3.1. What makes it is loaded by the call. */
export const openApiDocument = async (): Promise<Readonly<Record<string, unknown>>> => {
  const module = await import("./contract/api.ts")
  return module.openApiDocument()
}
