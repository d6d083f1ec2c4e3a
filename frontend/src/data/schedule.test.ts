import { describe, expect, it } from "vitest";
import { constant, manifest, ramp, weight } from "./fixtures";
import {
  beginOf,
  dueTarget,
  endOf,
  finalTarget,
  framesOf,
  isScheduled,
  lastDueUpdate,
  type Plan,
  targetAt,
  targetCurve,
  totalPlan,
  weightPlan,
} from "./schedule";
import type { Schedule } from "./types";

/** 20 % at 60 (where the ramp is cut, its last update at 50), 40 % at 80, 80 % from 200 on. */
const joined: Schedule = {
  begin_step: 0,
  end_step: null,
  frequency: 25,
  phases: [
    { begin_step: 0, end_step: 50, frequency: 25 },
    { begin_step: 60, end_step: 60, frequency: 1 },
    { begin_step: 80, end_step: 95, frequency: 10 },
    { begin_step: 200, end_step: null, frequency: 50 },
  ],
  target: { step: [0, 59, 60, 79, 80, 199, 200], value: [0, 0.1, 0.2, 0.2, 0.4, 0.4, 0.8] },
};

const planOf = (schedule: Schedule): Plan => ({ parts: [{ size: 10, schedule }], tolerance: 0.01 });

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

  it("cannot happen at step 0, since training counts from 1", () => {
    expect(lastDueUpdate(constant(0, null, 0.5), 9)).toBeNull();
    expect(lastDueUpdate(constant(0, null, 0.5), 10)).toBe(10);
    expect(lastDueUpdate(constant(0, 0, 0.5), 100)).toBeNull();
    expect(dueTarget(planOf(constant(0, null, 0.5)), 9)).toBeNull();
    expect(beginOf(planOf(constant(0, null, 0.5)))).toBe(10);
    expect(beginOf(planOf(constant(0, 7, 0.5)))).toBe(7);
    expect(beginOf(planOf(constant(20, 40, 0.5)))).toBe(20);
  });

  it.each([
    [24, null],
    [25, 25],
    [59, 50],
    [60, 60],
    [79, 60],
    [94, 90],
    [95, 95],
    [199, 95],
    [200, 200],
    [260, 250],
  ])("of several phases: at step %i the last one due was at %s", (step, due) => {
    expect(lastDueUpdate(joined, step)).toBe(due);
  });

  it("are told by begin, end and frequency where a manifest has no phases", () => {
    for (const phases of [null, []]) {
      expect(lastDueUpdate({ ...ramp(200, 355, 0.8, 50), phases }, 320)).toBe(300);
    }
  });

  it("are drawn phase by phase", () => {
    expect(framesOf(planOf(joined))).toEqual([
      [
        { begin: 0, end: 50, frequency: 25 },
        { begin: 60, end: 60, frequency: 1 },
        { begin: 80, end: 95, frequency: 10 },
        { begin: 200, end: null, frequency: 50 },
      ],
    ]);
    expect(framesOf(planOf(constant(3, null, 0.5)))).toEqual([
      [{ begin: 3, end: null, frequency: 10 }],
    ]);
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

  it("of several phases is that of the last update, also where one was cut", () => {
    expect(dueTarget(planOf(joined), 59)).toEqual({ step: 50, value: expect.closeTo(5 / 59) });
    expect(dueTarget(planOf(joined), 60)).toEqual({ step: 60, value: 0.2 });
    expect([beginOf(planOf(joined)), endOf(planOf(joined))]).toEqual([25, 200]);
    expect(finalTarget(planOf(joined))).toBe(0.8);
  });

  it("without an end leads to what the last update within the training brings", () => {
    const settles = {
      ...constant(5, null, 0),
      target: { step: [5, 48, 500], value: [0, 0.8, 0.8] },
    };
    expect([endOf(planOf(settles)), finalTarget(planOf(settles))]).toEqual([55, 0.8]);
    const rises = { ...constant(5, null, 0), target: { step: [5, 105], value: [0, 0.5] } };
    expect([endOf(planOf(rises)), finalTarget(planOf(rises))]).toEqual([105, 0.5]);
    expect(endOf(planOf(constant(5, null, 0.5)))).toBe(5);
    expect(endOf(planOf(constant(0, null, 0.5)))).toBe(10);
  });

  it("does not exist where nothing is scheduled", () => {
    expect(totalPlan(null)).toBeNull();
    expect(weightPlan(manifest([weight("a/kernel", 10, null)], []), "a/kernel")).toBeNull();
    expect(weightPlan(manifest([], []), "gone/kernel")).toBeNull();
  });

  it("does not exist where the log does not tell the target", () => {
    const unknown = { ...constant(5, 100, 0.5), target: { step: [], value: [] } };
    const log = manifest(
      [weight("a/kernel", 10, 0), weight("b/kernel", 10, 1)],
      [constant(5, 100, 0.5), unknown],
    );
    expect(weightPlan(log, "a/kernel")).not.toBeNull();
    expect(weightPlan(log, "b/kernel")).toBeNull();
    expect(totalPlan(log)).toBeNull();
    expect([isScheduled(log), isScheduled(manifest([weight("a/kernel", 10, null)], []))]).toEqual([
      true,
      false,
    ]);
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
  const channels = { ...weight("c/kernel", 320), pattern: { type: "channel", count: 8 } as const };
  expect(weightPlan(manifest([channels], [constant(0, 10, 0.5)]), "c/kernel")?.tolerance).toBe(
    1 / 8,
  );
});
