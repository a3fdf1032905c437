import { describe, expect, test } from "bun:test";
import { EndpointState, endpointStateName } from "../../model/snapshot.ts";
import { HealthWhy } from "../../model/status.ts";
import { effectiveState, type HealthInputs } from "./effective-state.ts";
import { whyText } from "./why-text.ts";

const up = { isUp: true, why: HealthWhy.Rise, asksDrain: false };
const down = { isUp: false, why: HealthWhy.Fall, asksDrain: false };
const drain = { value: "drain", actor: "anna", sinceAt: 3 } as const;
const maint = { value: "maint", actor: "anna", reason: "new disk", sinceAt: 3 } as const;
const inputs: HealthInputs = { isResolved: true, isEjected: false };

const rows: readonly { name: string; inputs: HealthInputs; is: string }[] = [
  { name: "without a check an endpoint is UP", inputs, is: "UP unchecked" },
  {
    name: "without an address it is DOWN",
    inputs: { ...inputs, isResolved: false },
    is: "DOWN unresolved",
  },
  { name: "a check that passes is UP", inputs: { ...inputs, check: up }, is: "UP rise" },
  { name: "a check that fails is DOWN", inputs: { ...inputs, check: down }, is: "DOWN fall" },
  {
    name: "ejection takes an UP endpoint out",
    inputs: { ...inputs, check: up, isEjected: true },
    is: "DOWN ejected",
  },
  {
    name: "checks are the better reason when both say no",
    inputs: { ...inputs, check: down, isEjected: true },
    is: "DOWN fall",
  },
  {
    name: "ejection works without checks",
    inputs: { ...inputs, isEjected: true },
    is: "DOWN ejected",
  },
  {
    name: "fall reached while draining stays DRAIN",
    inputs: { ...inputs, check: down, override: drain },
    is: "DRAIN override",
  },
  {
    name: "MAINT stays whatever checks say",
    inputs: { ...inputs, check: up, isEjected: true, override: maint },
    is: "MAINT override",
  },
  {
    name: "no address and MAINT is MAINT",
    inputs: { isResolved: false, isEjected: false, override: maint },
    is: "MAINT override",
  },
  {
    name: "a check that asks for it is DRAIN",
    inputs: { ...inputs, check: { ...up, asksDrain: true } },
    is: "DRAIN asked",
  },
  {
    name: "ejected or not, who asks to be drained is drained: DRAIN takes nobody into panic",
    inputs: { ...inputs, check: { ...up, asksDrain: true }, isEjected: true },
    is: "DRAIN asked",
  },
  {
    name: "DOWN comes before the wish to be drained",
    inputs: { ...inputs, check: { ...down, asksDrain: true } },
    is: "DOWN fall",
  },
  {
    name: "MAINT comes before the wish to be drained",
    inputs: { ...inputs, check: { ...up, asksDrain: true }, override: maint },
    is: "MAINT override",
  },
];

describe("effective state", () => {
  for (const row of rows) {
    test(row.name, () => {
      const { state, why } = effectiveState(row.inputs, 5);
      expect(`${endpointStateName[state]} ${why}`).toBe(row.is);
    });
  }

  test("since moves with the state, not with the reason", () => {
    const first = effectiveState({ ...inputs, check: up }, 10);
    const same = effectiveState({ ...inputs, check: up }, 20, first);
    expect(same).toBe(first);
    const ejected = effectiveState({ ...inputs, check: up, isEjected: true }, 30, same);
    expect(ejected).toEqual({ state: EndpointState.Down, why: HealthWhy.Ejected, sinceAt: 30 });
    expect(effectiveState({ ...inputs, check: down }, 40, ejected)).toEqual({
      state: EndpointState.Down,
      why: HealthWhy.Fall,
      sinceAt: 30,
    });
  });
});

test("a state that was asked for counts from then, also after a restart", () => {
  expect(effectiveState({ ...inputs, override: maint }, 10).sinceAt).toBe(3);
  const before = effectiveState(inputs, 1);
  expect(effectiveState({ ...inputs, override: maint }, 10, before).sinceAt).toBe(3);
});

describe("reasons in words", () => {
  const refused = { at: 1, isOk: false, evidence: "connect refused", durationMs: 1 };
  const passed = { at: 1, isOk: true, evidence: "status 200", durationMs: 1 };
  for (const [why, failures, check, text] of [
    [HealthWhy.Unchecked, 0, undefined, "not checked"],
    [HealthWhy.Initial, 0, undefined, "no check has finished yet"],
    [HealthWhy.Initial, 1, refused, "initial state, but the last check failed: connect refused"],
    [HealthWhy.Rise, 0, passed, "checks pass"],
    [HealthWhy.Rise, 2, refused, "checks pass, but the last 2 checks failed: connect refused"],
    [HealthWhy.Fall, 3, refused, "3 checks failed: connect refused"],
    [HealthWhy.Fall, 0, passed, "rising: status 200"],
    [HealthWhy.Unresolved, 0, undefined, "the host name does not resolve"],
    [HealthWhy.Ejected, 0, passed, "ejected for 10s at least: 2 resets, 1 timeout, 3 status 5xx"],
    [HealthWhy.Asked, 0, { ...passed, evidence: "status 404" }, "asks to be drained: status 404"],
    [HealthWhy.Override, 3, refused, "by anna: new disk"],
  ] as const) {
    const ejected = { untilMs: 0, durationMs: 10_000, counts: [0, 2, 1, 0, 3, 9] } as const;
    test(text, () => expect(whyText(why, { failures, lastCheck: check, ejected, override: maint })).toBe(text));
  }

  test("no reason given", () => {
    expect(whyText(HealthWhy.Override, { failures: 0, override: drain })).toBe("by anna");
  });
});
