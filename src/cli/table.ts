import { type Colour, type Paint } from "./colour.ts";

export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** Columns with the highest number go first where the terminal is too narrow; absent: never. */
  readonly dropOrder?: number;
  /** Gets what room is left and is cut with `…`; at most one column. */
  readonly isFlexible?: boolean;
}

export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

/** Least room for the flexible column before another column is dropped for it: enough for the usual reason. */
const flexibleMin = 34;
const gap = "  ";

/**
 * Lines of a table: titles, then rows. `width` in characters; undefined: as wide as it takes. Every row has a cell for
 * every column.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
  paint: Paint,
): readonly string[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]?.text.length ?? 0)));
  const kept = keptColumns(columns, widths, width);
  const flexible = kept.find((i) => columns[i]?.isFlexible === true);
  if (flexible !== undefined && width !== undefined) {
    const others = kept.reduce((sum, i) => sum + (i === flexible ? 0 : widths[i]! + gap.length), 0);
    widths[flexible] = Math.max(Math.min(widths[flexible]!, flexibleMin), Math.min(widths[flexible]!, width - others));
  }
  const line = (cells: readonly Cell[]): string => {
    const parts = kept.map((i, place) => {
      const { text, colour } = cells[i] ?? { text: "" };
      const cut = cutTo(text, widths[i]!);
      const space = " ".repeat(widths[i]! - cut.length);
      const painted = colour === undefined ? cut : paint(colour, cut);
      if (columns[i]?.align === "right") return space + painted;
      return place === kept.length - 1 ? painted : painted + space;
    });
    return parts.join(gap).trimEnd();
  };
  return [line(columns.map(({ title }) => ({ text: title, colour: "dim" }))), ...rows.map(line)];
}

/** `text`, or its beginning with `…` where it is longer than `width`. */
export function cutTo(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function keptColumns(
  columns: readonly Column[],
  widths: readonly number[],
  width: number | undefined,
): readonly number[] {
  let kept = columns.map((_, i) => i);
  if (width === undefined) return kept;
  const least = (i: number): number =>
    columns[i]?.isFlexible === true ? Math.min(widths[i]!, flexibleMin) : widths[i]!;
  for (;;) {
    const needed = kept.reduce((sum, i) => sum + least(i) + gap.length, -gap.length);
    if (needed <= width) return kept;
    let drop: number | undefined;
    for (const i of kept) {
      const order = columns[i]?.dropOrder;
      if (order !== undefined && (drop === undefined || order > (columns[drop]?.dropOrder ?? 0))) drop = i;
    }
    if (drop === undefined) return kept;
    const dropped = drop;
    kept = kept.filter((i) => i !== dropped);
  }
}
