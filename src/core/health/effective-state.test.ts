import { describe, expect, test } from "bun:test";
import { EndpointState, endpointStateName } from "../../model/snapshot.ts";
import { HealthWhy } from "../../model/status.ts";
import { effectiveState, type HealthInputs } from "./effective-state.ts";
import { whyText } from "./why-text.ts";

const up = { isUp: true, why: HealthWhy.Rise };
const down = { isUp: false, why: HealthWhy.Fall };
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
    inputs: { ...inputs, check: down, override: EndpointState.Drain },
    is: "DRAIN override",
  },
  {
    name: "MAINT stays whatever checks say",
    inputs: { ...inputs, check: up, isEjected: true, override: EndpointState.Maint },
    is: "MAINT override",
  },
  {
    name: "no address and MAINT is MAINT",
    inputs: { isResolved: false, isEjected: false, override: EndpointState.Maint },
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
    [HealthWhy.Ejected, 0, passed, "ejected after failed exchanges"],
    [HealthWhy.Override, 3, refused, "set by an operator"],
  ] as const) {
    test(text, () => expect(whyText(why, failures, check)).toBe(text));
  }
});
