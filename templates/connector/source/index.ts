/**
 * Orders of the Acme shop.
 *
 * Delivery: at least once. Order: by number, oldest first. Deletes: none.
 */
export { acmeOrdersSource } from "./source.ts"
