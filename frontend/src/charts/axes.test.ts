import { describe, expect, it } from "vitest";
import { logRange, logTicks, niceRange, stepTicks, tickLabels, valueTicks } from "./axes";
import { depth, updateSteps } from "./schedule-layer";

describe("a metric's axis", () => {
  it.each([
    [0.943, 0.9927, "94 % 96 % 98 % 100 %"],
    [0.9861, 0.9932, "98.6 % 98.8 % 99.0 % 99.2 % 99.4 %"],
  ])("from %d to %d has the labels %s", (low, high, labels) => {
    const ticks = valueTicks(niceRange(low, high));
    expect(tickLabels(ticks, "share").join(" ").replaceAll("\u2009", " ")).toBe(labels);
  });

  it("holds every range between its ends, with two to four intervals", () => {
    for (let i = 1; i < 500; i++) {
      const [low, high] = [Math.sin(i) * i, Math.sin(i) * i + 10 ** (i % 9) / 1e4];
      const range = niceRange(low, high);
      const ticks = valueTicks(range);
      expect(range[0]).toBeLessThanOrEqual(low + (high - low) * 1e-3);
      expect(range[1]).toBeGreaterThanOrEqual(high - (high - low) * 1e-3);
      expect(ticks.length).toBeGreaterThanOrEqual(3);
      expect(ticks.length).toBeLessThanOrEqual(5);
      expect(ticks[0]).toBeCloseTo(range[0]);
      expect(ticks.at(-1)).toBeCloseTo(range[1]);
    }
  });

  it("survives a flat curve", () => {
    expect(valueTicks(niceRange(0, 0)).length).toBeGreaterThan(2);
    expect(valueTicks(niceRange(0.5, 0.5)).length).toBeGreaterThan(2);
  });
});

it("the step axis ends in the last step, and labels keep apart", () => {
  expect(stepTicks([0, 5760], 500, true)).toEqual([
    0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5760,
  ]);
  expect(stepTicks([0, 960], 150, true)).toEqual([0, 200, 400, 600, 800, 960]);
  expect(stepTicks([1723, 3164], 200, false)).toEqual([1800, 2000, 2200, 2400, 2600, 2800, 3000]);
  expect(stepTicks([0, 2], 0.1, true)).toEqual([0, 1, 2]);
});

it("ticks of mask updates are thinned, but stay true updates, the last one among them", () => {
  const frames = [{ begin: 100, end: 1000, frequency: 10 }];
  expect(updateSteps(frames, [0, 130], 0)).toEqual([100, 110, 120, 130]);
  const thin = updateSteps(frames, [0, 1000], 0.2);
  expect(thin).toEqual([100, 300, 500, 700, 900, 1000]);
  expect(updateSteps([{ begin: 5, end: null, frequency: 10 }], [20, 40], 0)).toEqual([25, 35]);
  expect(updateSteps([{ begin: 0, end: null, frequency: 10 }], [0, 20], 0)).toEqual([10, 20]);
});

it("only ranges that overlap count as lying over each other", () => {
  expect(depth([])).toBe(1);
  expect(depth([10, 20, 30].map((begin) => ({ begin, end: begin + 9 })))).toBe(1);
  expect(depth([10, 20, 30].map((begin) => ({ begin, end: null })))).toBe(3);
});

it("a logarithmic axis spans whole decades", () => {
  expect(logRange(0.03, 2)).toEqual([0.01, 10]);
  expect(logRange(1, 1)).toEqual([1, 10]);
  expect(logTicks([0.1, 10])).toEqual([0.1, 0.2, 0.5, 1, 2, 5, 10]);
  expect(logTicks([1e-8, 10])).toEqual([1e-8, 1e-5, 0.01, 10]);
});
