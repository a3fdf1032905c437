// oxlint-disable-next-line no-control-regex -- these are what is looked for
const movers = /[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Text from outside in a form that cannot move a terminal's cursor or reorder a line: control characters, line and
 * paragraph separators and bidirectional marks become `\u…` escapes.
 */
export function printable(text: string): string {
  return text.replace(movers, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
