/** Header of a request whose body a parser of the host has read: what is left is not what was signed. */
export const PARSED_HEADER = "x-deltaflow-parsed-body"
