import { expect, it } from "vitest";
import { points } from "./fixtures";
import { smoothed, smoothingWeight } from "./smooth";

it("a smoothed curve is the weighted mean of what came before", () => {
  const raw = points([1, 4], [2, null], [3, 1], [4, 1]);
  const { step, value } = smoothed(raw, 0.5);
  expect(step).toEqual(raw.step);
  expect(value[0]).toBe(4);
  expect(value[1]).toBeNull();
  expect(value[2]).toBeCloseTo((4 * 0.5 + 1) / 1.5, 12);
  expect(value[3]).toBeCloseTo((4 * 0.25 + 0.5 + 1) / 1.75, 12);
  expect(smoothed(raw, 0).value).toBe(raw.value);
});

it("a constant stays itself, however much it is smoothed", () => {
  for (const v of smoothed(points([1, 0.7], [2, 0.7], [9, 0.7]), 0.99).value)
    expect(v).toBeCloseTo(0.7, 12);
});

it.each([
  [null, 0],
  ["0.6", 0.6],
  ["1", 0],
  ["-1", 0],
  ["x", 0],
])("smoothing %j is %d", (text, weight) => {
  expect(smoothingWeight(text)).toBe(weight);
});
