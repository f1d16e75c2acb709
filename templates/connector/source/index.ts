/**
 * Rows of `acme-orders`.
 *
 * Delivery: at least once. Order: by id, oldest first. Deletes: none.
 */
export { acmeOrdersSource } from "./source.ts"
