/** RFC 9110 §5.6.2: names of methods and header fields. */
export const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 9110 §5.5: a header field's value as it may go on the wire: visible ASCII, with spaces and tabs inside only. */
export const fieldValue = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;
