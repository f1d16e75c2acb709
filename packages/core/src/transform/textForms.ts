/** Forms that text can be asked to have. None of the patterns can take longer than the text is long. */
import { isIPv4, isIPv6 } from "node:net"
import { parseDate, parseTimestamp } from "../model/Temporal.ts"

export const textForms = ["email", "uri", "uuid", "date", "date-time", "ipv4", "ipv6", "hostname"] as const

export type TextForm = (typeof textForms)[number]

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const DATE = /^\d{4}-\d\d-\d\d$/
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/
const MAILBOX = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}$/
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/

const isHostname = (text: string): boolean => text.length <= 253 && text.split(".").every((label) => LABEL.test(label))

/** As browsers take it in a form, with a dot in the domain. */
const isEmail = (text: string): boolean => {
  const at = text.lastIndexOf("@")
  if (at < 1) return false
  const mailbox = text.slice(0, at)
  const domain = text.slice(at + 1)
  return (
    MAILBOX.test(mailbox) &&
    !mailbox.startsWith(".") &&
    !mailbox.endsWith(".") &&
    !mailbox.includes("..") &&
    domain.includes(".") &&
    isHostname(domain)
  )
}

/** Whether the text has the form. */
export const matchesForm = (text: string, form: TextForm): boolean => {
  switch (form) {
    case "email":
      return isEmail(text)
    case "uri":
      return SCHEME.test(text) && !/\s/.test(text) && URL.canParse(text)
    case "uuid":
      return UUID.test(text)
    case "date":
      return DATE.test(text) && parseDate(text) !== undefined
    case "date-time":
      return DATE_TIME.test(text) && parseTimestamp(text.toUpperCase(), true) !== undefined
    case "ipv4":
      return isIPv4(text)
    case "ipv6":
      return isIPv6(text)
    case "hostname":
      return isHostname(text)
  }
}
