/** Colours by meaning are chosen where they are used; these are the eight that every terminal has. */
export type Colour = "green" | "red" | "yellow" | "bold" | "dim";

/** Wraps text for a terminal, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string;

const codes: Readonly<Record<Colour, readonly [number, number]>> = {
  green: [32, 39],
  red: [31, 39],
  yellow: [33, 39],
  bold: [1, 22],
  dim: [2, 22],
};

/** No colours without a terminal, with NO_COLOR set to anything (no-color.org), or on a terminal that says it is dumb. */
export function paintFor(options: {
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Paint {
  const { isTerminal, env } = options;
  const noColor = env["NO_COLOR"];
  if (!isTerminal || (noColor !== undefined && noColor !== "") || env["TERM"] === "dumb") return plain;
  return (colour, text) => `\u001b[${codes[colour][0]}m${text}\u001b[${codes[colour][1]}m`;
}

export const plain: Paint = (_, text) => text;
