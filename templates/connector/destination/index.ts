/**
 * Rows into `acme-orders`: here, a file with one JSON object per line.
 *
 * Delivery: idempotent, since a load replaces the file as a whole. Order: as given. Deletes: with the file.
 */
export { acmeOrdersDestination } from "./destination.ts"
