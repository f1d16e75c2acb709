/**
 * Orders into the Acme shop's inbox: a folder with one file of JSON lines per load.
 *
 * Delivery: at least once. Order: as given. Deletes: none.
 */
export { acmeOrdersDestination } from "./destination.ts"
