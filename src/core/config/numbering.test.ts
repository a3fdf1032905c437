import { expect, test } from "bun:test";
import { emptyNumbering, renumber, type Numbering } from "./numbering.ts";

const idle = () => false;

function after(before: Numbering, names: string[], isBusy: (number: number) => boolean = idle): Numbering {
  const result = renumber(before, names, isBusy);
  if (result === undefined) throw new Error("no numbers left");
  return result.numbering;
}

function numbers({ taken }: Numbering): Record<string, string> {
  return Object.fromEntries([...taken].map(([name, { number, generation }]) => [name, `${number}.${generation}`]));
}

test("names get fresh numbers in their order", () => {
  expect(numbers(after(emptyNumbering(3), ["a", "b", "c"]))).toEqual({
    a: "0.0",
    b: "1.0",
    c: "2.0",
  });
});

test("a name that stays keeps its number wherever it stands", () => {
  const first = after(emptyNumbering(9), ["a", "b", "c"]);
  expect(numbers(after(first, ["d", "c", "a"]))).toEqual({ c: "2.0", a: "0.0", d: "3.0" });
});

test("a number that was let go is not used while there are fresh ones, so a name that comes back is a new one", () => {
  const first = after(after(emptyNumbering(9), ["a", "b"]), ["b"]);
  expect(numbers(after(first, ["a", "b"]))).toEqual({ b: "1.0", a: "2.0" });
});

test("without fresh ones the number let go longest ago is used, in a new generation, and is reported", () => {
  const full = after(after(after(emptyNumbering(3), ["a", "b", "c"]), ["b", "c"]), ["c"]);
  const result = renumber(full, ["c", "d"], idle);
  expect(result?.reused).toEqual([0]);
  expect(numbers(result!.numbering)).toEqual({ c: "2.0", d: "0.1" });
  expect(renumber(result!.numbering, ["c", "d", "e"], idle)?.reused).toEqual([1]);
});

test("a busy number is passed over", () => {
  const full = after(after(emptyNumbering(2), ["a", "b"]), []);
  expect(numbers(after(full, ["c"], (number) => number === 0))).toEqual({ c: "1.1" });
});

test("absent where the numbers do not suffice: too many names, or all free ones busy", () => {
  expect(renumber(emptyNumbering(1), ["a", "b"], idle)).toBeUndefined();
  const full = after(after(emptyNumbering(1), ["a"]), []);
  expect(renumber(full, ["b"], () => true)).toBeUndefined();
  expect(renumber(emptyNumbering(0), [], idle)?.reused).toEqual([]);
});
