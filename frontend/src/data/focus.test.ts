import { describe, expect, it } from "vitest";
import { points } from "./fixtures";
import { focusOf, outsideOf, within } from "./focus";

describe("the differences to show", () => {
  const flat = Array.from({ length: 20 }, (_, i): [number, number] => [i + 10, (i % 5) / 100]);
  it("are all of them where they lie together", () => {
    expect(focusOf([points(...flat)], [0])).toBeNull();
    expect(focusOf([points([1, 0], [2, 0])], [0])).toBeNull();
    expect(focusOf([points([1, null])], [0])).toBeNull();
  });
  it("leave out the few that lie far from the rest, and count them", () => {
    const curve = points([1, -3], [2, null], ...flat);
    const [low, high] = focusOf([curve], [0]) as [number, number];
    expect(low).toBeCloseTo(-0.02);
    expect(high).toBeCloseTo(0.04);
    expect(outsideOf([curve], [low, high])).toBe(1);
  });
  it("always hold the baseline and where a run ended", () => {
    const curve = points(
      ...flat.map(([step, value]): [number, number] => [step, value + 9]),
      [40, 12],
    );
    const early = points([1, 400]);
    const range = focusOf([{ step: [1, ...curve.step], value: [400, ...curve.value] }], [0]);
    expect(range?.[0]).toBeLessThanOrEqual(0);
    expect(range?.[1]).toBeGreaterThanOrEqual(12);
    expect(range?.[1]).toBeLessThan(400);
    expect(focusOf([curve, early], [0])).toBeNull();
  });
});

it("needs no value that must not be missed", () => {
  const metric = points([1, 0.2], [2, 0.97], [3, 0.98], ...pairs(4, 14, 0.98), [15, 0.985]);
  const [low, high] = focusOf([metric]) as [number, number];
  expect(low).toBeGreaterThan(0.9);
  expect(high).toBeCloseTo(0.985);
  expect(outsideOf([metric], [low, high])).toBe(1);
});

it("is of the points in sight", () => {
  const all = points([1, 9], [5, 1], [10, 2], [20, 3]);
  expect(within(all, null)).toBe(all);
  expect(within(all, [5, 10])).toEqual(points([5, 1], [10, 2]));
  expect(within(all, [30, 40])).toEqual(points());
});

function pairs(from: number, to: number, value: number): [number, number][] {
  return Array.from({ length: to - from + 1 }, (_, i) => [from + i, value]);
}
