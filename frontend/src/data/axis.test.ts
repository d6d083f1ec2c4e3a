import { describe, expect, it } from "vitest";
import {
  between,
  clockFrom,
  curveOn,
  forward,
  placesOn,
  spanOn,
  stepReached,
  timeDomain,
} from "./axis";
import { logged, points, run } from "./fixtures";
import type { Logged } from "./types";

/** Logged each 10 steps: the first 20 took a second each, then came a pause, and slower steps. */
const paused = logged([10, 0, 1000], [20, 0.1, 1010], [30, 0.2, 1500], [40, null, 1600]);
const clockOn = (axis: "relative" | "wall", log: Logged = paused) => {
  const clock = clockFrom(axis, log);
  if (!clock) throw new Error("no clock");
  return clock;
};

describe("a run's time", () => {
  it("counts from its first point, or is the clock's", () => {
    expect(clockOn("relative").place).toEqual([0, 10, 500, 600]);
    expect(clockOn("wall").place).toEqual([1000, 1010, 1500, 1600]);
    // A tag that begins later has the run's beginning, not its own.
    const late = logged([20, 1, 1010], [40, 2, 1600.5]);
    expect(placesOn("relative", late, 1000)).toEqual([10, 600.5]);
    expect(placesOn("step", late, 1000)).toEqual([20, 40]);
  });

  it("never goes back, and no two points have the same", () => {
    const now = 1_795_201_103.25;
    const times = forward([now, now + 2, now - 3600, now + 2, now + 3]);
    for (let i = 1; i < times.length; i++)
      expect(times[i] as number).toBeGreaterThan(times[i - 1] as number);
    expect(times[2]).toBeCloseTo(now + 2, 4);
    expect(times[4]).toBe(now + 3);
  });

  it("is known between two points on a straight line, and beyond the ends not at all", () => {
    const { step, place } = clockOn("relative");
    expect([10, 15, 25, 40].map((s) => between(step, place, s))).toEqual([0, 5, 255, 600]);
    expect([9, 41].map((s) => between(step, place, s))).toEqual([null, null]);
    expect(between([], [], 1)).toBeNull();
  });

  it("has come to the step that was logged last", () => {
    const { place } = clockOn("relative");
    expect([-1, 0, 9.9, 10, 700].map((at) => stepReached(paused, place, at))).toEqual([
      -1, 10, 10, 20, 40,
    ]);
  });
});

describe("a schedule over time", () => {
  const clock = clockOn("relative");

  it("is bent where the run's own pace changes, and ends with its log", () => {
    const { place, value } = curveOn(clock, points([0, 0], [25, 0.5], [100, 0.5]));
    expect(place).toEqual([0, 10, 255, 500, 600]);
    expect(value).toEqual([0.2, 0.4, 0.5, 0.5, 0.5]);
  });

  it("that begins later has nothing before that", () => {
    expect(curveOn(clock, points([25, 0.5], [100, 0.5])).place).toEqual([255, 500, 600]);
    expect(curveOn(clock, points([50, 0], [100, 0.5])).place).toEqual([]);
  });

  it.each([
    [0, null, { begin: 0, end: 600 }],
    [15, 25, { begin: 5, end: 255 }],
    [0, 9, null],
    [41, null, null],
    [30, 5000, { begin: 500, end: 600 }],
  ])("from step %s to %s is a range as far as the log goes", (begin, end, span) => {
    expect(spanOn(clock, { begin, end })).toEqual(span);
  });
});

it("the axis goes from the first point to the last thing that any run wrote", () => {
  const short = clockOn("relative", logged([1, 0, 5000], [2, 0, 5003]));
  const one = { run: run("a", { last_wall_time: 1700 }), clock: clockOn("relative") };
  const two = { run: run("b", { last_wall_time: 0 }), clock: short };
  const waiting = { run: run("c", { last_wall_time: 9000 }), clock: undefined };
  expect(timeDomain("relative", [one, two, waiting])).toEqual([0, 700]);
  const walls = [one, { ...two, clock: clockOn("wall", logged([1, 0, 5000], [2, 0, 5003])) }];
  walls[0] = { ...one, clock: clockOn("wall") };
  expect(timeDomain("wall", walls)).toEqual([1000, 5003]);
  expect(timeDomain("relative", [waiting])).toBeNull();
  const single = clockOn("relative", logged([1, 0, 77]));
  expect(timeDomain("relative", [{ run: run("d"), clock: single }])).toEqual([0, 1]);
});
