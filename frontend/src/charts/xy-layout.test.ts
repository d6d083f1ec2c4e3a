import { describe, expect, it } from "vitest";
import { nearestSample, nextPoint, placeLabels, shareTicks, sparsityRange } from "./xy-layout";

describe("the sparsity axis", () => {
  it("begins at zero, and ends on a tick after the sparsest", () => {
    expect(sparsityRange([0, 0.3, 0.875])).toEqual([0, 1]);
    expect(sparsityRange([0, 0.38])).toEqual([0, 0.4]);
    expect(sparsityRange([0.5])[0]).toBe(0);
    expect(sparsityRange([0.5])[1]).toBeCloseTo(0.6);
  });
  it("is whole where nothing is pruned, and never goes beyond one", () => {
    expect(sparsityRange([0, 0])).toEqual([0, 1]);
    expect(sparsityRange([])).toEqual([0, 1]);
    expect(sparsityRange([0, 1])).toEqual([0, 1]);
  });
  it("is close up where all runs are sparse", () => {
    const [from, to] = sparsityRange([0.9, 0.99]);
    expect(from).toBeGreaterThan(0.8);
    expect(to).toBe(1);
  });
  it("has as many ticks as there is room for", () => {
    expect(shareTicks([0, 1], 800)).toHaveLength(11);
    expect(shareTicks([0, 1], 400)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(shareTicks([0.9, 1], 800)[0]).toBe(0.9);
    expect(shareTicks([0, 1], 10)).toEqual([0, 1]);
  });
});

describe("the nearest sample", () => {
  const at = (step: number, sparsity: number) => ({ step, sparsity, value: 0, gap: false });
  const curves = [
    { run: "a", samples: [at(1, 0), at(2, 0.5)] },
    { run: "b", samples: [at(7, 0.45)] },
  ];
  it("is the one with the least distance of all curves", () => {
    expect(nearestSample(curves, (s) => Math.abs(s.sparsity - 0.4))).toEqual({ run: "b", step: 7 });
  });
  it("is none where all are out of view", () => {
    expect(nearestSample(curves, () => Number.POSITIVE_INFINITY)).toBeNull();
    expect(nearestSample([], () => 0)).toBeNull();
  });
});

describe("the keys", () => {
  const at = (step: number) => ({ step, sparsity: 0, value: 0, gap: false });
  const curves = [
    { run: "none", samples: [] },
    { run: "a", samples: [at(1), at(2), at(5)] },
    { run: "b", samples: [at(2), at(4)] },
  ];
  const a = (step: number) => ({ run: "a", step });
  it("move along a curve, and stop at its ends", () => {
    expect(nextPoint("ArrowLeft", curves, null)).toEqual(a(5));
    expect(nextPoint("ArrowLeft", curves, a(5))).toEqual(a(2));
    expect(nextPoint("ArrowLeft", curves, a(1))).toEqual(a(1));
    expect(nextPoint("ArrowRight", curves, a(5))).toEqual(a(5));
    expect(nextPoint("Home", curves, a(5))).toEqual(a(1));
    expect(nextPoint("End", curves, a(1))).toEqual(a(5));
  });
  it("move to the same step of the next curve, or the last before it", () => {
    expect(nextPoint("ArrowDown", curves, null)).toEqual(a(5));
    expect(nextPoint("ArrowDown", curves, a(5))).toEqual({ run: "b", step: 4 });
    expect(nextPoint("ArrowUp", curves, a(1))).toEqual({ run: "b", step: 2 });
    expect(nextPoint("ArrowDown", curves, { run: "b", step: 4 })).toEqual(a(2));
  });
  it("do nothing else", () => {
    expect(nextPoint("Enter", curves, a(1))).toBeNull();
    expect(nextPoint("ArrowLeft", [], null)).toBeNull();
  });
});

describe("labels", () => {
  const label = (y: number, x = 0) => ({ x, y, width: 50 });
  it("stay where they are while there is room", () => {
    expect(placeLabels([label(20), label(40), label(20, 60)], [0, 100])).toEqual([
      label(20),
      label(40),
      label(20, 60),
    ]);
  });
  it("make way for each other, and stay away without room", () => {
    const placed = placeLabels([label(20), label(20), label(20), label(20)], [0, 40]);
    expect(placed.map((l) => l?.y ?? null)).toEqual([20, 34, 6, null]);
  });
});
