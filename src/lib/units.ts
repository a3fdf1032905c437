/**
 * Numbers with units as people write them: `500ms`, `32KiB`, `20/s`, `1KiB/s`, `20%`. A unit is always required (a bare
 * `5` says nothing about what was meant), decimals are allowed as long as the result is a whole number of the base unit.
 */

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Milliseconds, or undefined where `text` is no duration (units ms, s, m, h). */
export function parseDuration(text: string): number | undefined {
  return parseWithUnit(text, durationUnits);
}

/** Bytes, or undefined where `text` is no size (units B, KiB, MiB, GiB). */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, sizeUnits);
}

/** Bytes per second, from a size with `/s`. */
export function parseByteRate(text: string): number | undefined {
  return text.endsWith("/s") ? parseSize(text.slice(0, -2)) : undefined;
}

/** Events per second, from `20/s`; decimals are kept (`0.5/s`). */
export function parseRate(text: string): number | undefined {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?)\/s$/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** A fraction, from `20%`; decimals are kept (`0.1%`). */
export function parseShare(text: string): number | undefined {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?)%$/.exec(text);
  // Divided once, so that 20% is the same number as the literal 0.2.
  return match === null ? undefined : Number(match[1]) / 100;
}

/** The shortest exact form: 1500 is `1500ms`, 2000 is `2s`, 0 is `0s`. */
export function formatDuration(ms: number): string {
  return formatWithUnit(ms, durationUnits, "s");
}

/** The shortest exact form: 32768 is `32KiB`, 0 is `0B`. */
export function formatSize(bytes: number): string {
  return formatWithUnit(bytes, sizeUnits, "B");
}

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?)([A-Za-z]+)$/.exec(text);
  if (match === null) return undefined;
  const [, digits = "", name = ""] = match;
  const unit = Object.hasOwn(units, name) ? units[name] : undefined;
  if (unit === undefined) return undefined;
  const value = Number(digits) * unit;
  // 0.1s is 100 ms, 0.3KiB is no number of bytes; rounding only mends what binary fractions add (1.1s).
  const whole = Math.round(value);
  return Math.abs(value - whole) < 1e-6 && Number.isSafeInteger(whole) ? whole : undefined;
}

function formatWithUnit(value: number, units: Readonly<Record<string, number>>, zeroUnit: string): string {
  if (value === 0) return `0${zeroUnit}`;
  let best = "";
  for (const [name, unit] of Object.entries(units)) if (value % unit === 0) best = `${value / unit}${name}`;
  return best;
}
