import { describe, expect, it } from "vitest";
import { moved, type Range, selected, zoomed } from "./zooming";

const WHOLE: Range = [0, 1000];

describe("zooming", () => {
  it("keeps the place under the pointer where it is", () => {
    const [from, to] = zoomed([0.1, 0.9], 0.3, 0.5, [0, 1], false) as Range;
    expect([from, to]).toEqual([expect.closeTo(0.2), expect.closeTo(0.6)]);
    expect((0.3 - from) / (to - from)).toBeCloseTo((0.3 - 0.1) / 0.8);
  });

  it("changes something with each turn of the wheel, also among few steps", () => {
    let range: Range = WHOLE;
    for (let i = 0; i < 200; i++) {
      const next = zoomed(range, 500, 0.98, WHOLE, true) as Range;
      if (next[0] === range[0] && next[1] === range[1]) break;
      range = next;
    }
    expect(range[1] - range[0]).toBeLessThanOrEqual(4);
    const steps: number[] = [];
    for (let next: Range | null = range; next; next = zoomed(next, 500, 1.02, WHOLE, true))
      steps.push(next[1] - next[0]);
    expect(new Set(steps).size).toBe(steps.length);
  });

  it("ends at the whole axis, and is none then", () => {
    expect(zoomed([10, 990], 500, 1.5, WHOLE, true)).toBeNull();
    expect(zoomed([0, 400], 0, 2, WHOLE, true)).toEqual([0, 800]);
    expect(zoomed(WHOLE, 500, 2, WHOLE, true)).toBeNull();
    expect(zoomed([0, 1], 0, 0.5, [0, 1], true)).toBeNull();
  });
});

it("moving along keeps the width, and stays on the axis", () => {
  expect(moved([100, 300], 50.4, WHOLE, true)).toEqual([150, 350]);
  expect(moved([100, 300], -500, WHOLE, true)).toEqual([0, 200]);
  expect(moved([0.1, 0.3], 5, [0, 1], false)).toEqual([expect.closeTo(0.8), expect.closeTo(1)]);
});

it("what is dragged over holds whole steps, and is wide enough to be meant", () => {
  expect(selected([10.2, 19.5], WHOLE, true)).toEqual([10, 20]);
  expect(selected([10.2, 11.5], WHOLE, true)).toBeNull();
  expect(selected([0.2, 0.5], [0, 1], false)).toEqual([0.2, 0.5]);
});
