/** Stands for a service: the tax of a country, in percent. */
const TAXES: Readonly<Record<string, number>> = { DE: 19, FR: 20 }

export const taxOf = async (country: string): Promise<number> => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  return TAXES[country] ?? 0
}
