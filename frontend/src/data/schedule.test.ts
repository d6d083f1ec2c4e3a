import { describe, expect, it } from "vitest";
import { constant, manifest, ramp, weight } from "./fixtures";
import {
  dueTarget,
  endOf,
  finalTarget,
  lastDueUpdate,
  type Plan,
  targetAt,
  targetCurve,
  totalPlan,
  weightPlan,
} from "./schedule";

describe("mask updates", () => {
  const schedule = ramp(200, 355, 0.8, 50);

  it.each([
    [0, null],
    [199, null],
    [200, 200],
    [249, 200],
    [250, 250],
    [354, 350],
    [355, 355],
    [9999, 355],
  ])("at step %i the last one due was at %s", (step, due) => {
    expect(lastDueUpdate(schedule, step)).toBe(due);
  });

  it("go on for ever without an end step", () => {
    expect(lastDueUpdate(constant(3, null, 0.5), 1_000_004)).toBe(1_000_003);
  });
});

describe("the target", () => {
  it("is the line between samples, constant after the last, and absent before begin", () => {
    const schedule = ramp(100, 200, 0.8);
    expect(targetAt(schedule, 99)).toBeNull();
    expect(targetAt(schedule, 100)).toBe(0);
    expect(targetAt(schedule, 150)).toBeCloseTo(0.4);
    expect(targetAt(schedule, 200)).toBe(0.8);
    expect(targetAt(schedule, 5000)).toBe(0.8);
    expect(targetAt(constant(100, 200, 0.5), 100)).toBe(0.5);
  });

  it("of a total is the mean by size, each weight at its own last update", () => {
    const two = manifest(
      [weight("a/kernel", 300, 0), weight("b/kernel", 100, 1), weight("free/kernel", 999, null)],
      [ramp(0, 100, 0.8), constant(55, 100, 0.4)],
    );
    const plan = totalPlan(two) as Plan;
    // b has not begun: its target counts as 0.
    expect(dueTarget(plan, 54)).toEqual({ step: 50, value: expect.closeTo(0.3) });
    expect(dueTarget(plan, 58)).toEqual({ step: 55, value: expect.closeTo(0.4) });
    expect(finalTarget(plan)).toBeCloseTo(0.7);
    expect(endOf(plan)).toBe(100);
  });

  it("does not exist where nothing is scheduled", () => {
    expect(totalPlan(null)).toBeNull();
    expect(weightPlan(manifest([weight("a/kernel", 10, null)], []), "a/kernel")).toBeNull();
    expect(weightPlan(manifest([], []), "gone/kernel")).toBeNull();
  });

  it("is drawn from begin on, with an upright jump where a weight begins later", () => {
    const two = manifest(
      [weight("a/kernel", 100, 0), weight("b/kernel", 100, 1)],
      [constant(10, 100, 0.5), constant(50, 100, 0.5)],
    );
    expect(targetCurve(totalPlan(two) as Plan, 100)).toEqual({
      step: [10, 49, 50, 100],
      value: [0.25, 0.25, 0.5, 0.5],
    });
  });
});

it("tolerates what the weight's own grain forces", () => {
  const tiny = manifest([weight("a/kernel", 50)], [constant(0, 10, 0.5)]);
  expect(weightPlan(tiny, "a/kernel")?.tolerance).toBe(1 / 50);
  const blocks = {
    ...weight("b/kernel", 320),
    pattern: { type: "block", height: 4, width: 4 } as const,
  };
  expect(weightPlan(manifest([blocks], [constant(0, 10, 0.5)]), "b/kernel")?.tolerance).toBe(0.05);
});
