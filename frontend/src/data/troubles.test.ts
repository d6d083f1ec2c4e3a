import { describe, expect, it } from "vitest";
import { constant, manifest, points, ramp, weight } from "./fixtures";
import { weightPlan } from "./schedule";
import { deadOf, fallOf, notFiniteSince } from "./troubles";
import type { Schedule } from "./types";

const planOf = (schedule: Schedule) =>
  weightPlan(manifest([weight("a/kernel", 1000)], [schedule]), "a/kernel");

it.each([
  ["its last value is finite", points([1, null], [2, 0.5]), null],
  ["it broke off", points([1, 0.5], [2, null], [3, 0.4], [7, null], [9, null]), 7],
  ["it never was", points([4, null], [5, null]), 4],
  ["there is no point", points(), null],
])("a metric is not finite since a step: %s", (_, logged, step) => {
  expect(notFiniteSince(logged)).toBe(step);
});

describe("weights that revived", () => {
  const plan = planOf(ramp(0, 100, 0.8));
  const fall = (...pairs: [number, number | null][]) => fallOf(points(...pairs), plan, 0.005);

  it("are found where sparsity fell, from the last point before to the lowest after", () => {
    expect(fall([10, 0.2], [90, 0.8], [100, 0.8], [110, 0.5], [120, 0.3], [130, 0.35])).toEqual({
      from: { step: 100, value: 0.8 },
      to: { step: 120, value: 0.3 },
      recovered: false,
    });
  });

  it("are found where it fell little by little, and across gaps", () => {
    expect(fall([1, 0.8], [2, 0.797], [3, null], [4, 0.794], [5, 0.791])).toMatchObject({
      from: { step: 1 },
      to: { step: 5 },
    });
  });

  it("may have been pruned again", () => {
    expect(fall([1, 0.8], [2, 0.3], [3, 0.8])?.recovered).toBe(true);
    expect(fall([1, 0.8], [2, 0.3], [3, 0.7])?.recovered).toBe(false);
  });

  it("are none within the tolerance, nor where sparsity only grows", () => {
    expect(fall([1, 0.8], [2, 0.795], [3, 0.8])).toBeNull();
    expect(fall([1, 0], [50, 0.4], [100, 0.8])).toBeNull();
    expect(fall()).toBeNull();
  });

  it("are none where the schedule itself goes down, but what goes beyond it counts", () => {
    const down: Schedule = {
      begin_step: 1,
      end_step: 100,
      frequency: 10,
      target: { step: [1, 50, 51, 100], value: [0.8, 0.8, 0.5, 0.5] },
    };
    const wanted: [number, number][] = [
      [41, 0.8],
      [50, 0.8],
      [51, 0.5],
      [100, 0.5],
    ];
    expect(fallOf(points(...wanted), planOf(down), 0.005)).toBeNull();
    expect(fallOf(points(...wanted, [101, 0.2]), planOf(down), 0.005)).toMatchObject({
      from: { step: 100, value: 0.5 },
      to: { step: 101, value: 0.2 },
    });
    expect(fallOf(points(...wanted), null, 0.005)).toMatchObject({ to: { step: 51 } });
  });
});

describe("a weight of which next to nothing is left", () => {
  const at = (value: number) => ({ step: 9, value });
  const dead = (value: number, target: number) =>
    deadOf("a", 1000, at(value), planOf(constant(1, null, target)));

  it("is dead above 99.5 %, not at it", () => {
    expect(dead(0.995, 0.5)).toBeNull();
    expect(dead(0.996, 0.5)).toMatchObject({ weight: "a", size: 1000, configured: false });
    expect(deadOf("a", null, at(1), null)?.configured).toBe(false);
  });

  it("is as configured where its schedule wants no less", () => {
    expect(dead(0.998, 0.998)?.configured).toBe(true);
    expect(dead(1, 0.996)?.configured).toBe(true);
    expect(deadOf("a", 9000, at(0.9999), planOf(constant(1, null, 0.99)))?.configured).toBe(false);
  });
});
