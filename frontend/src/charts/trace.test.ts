import { describe, expect, it } from "vitest";
import { type Line, lineWidth, thinned } from "./trace";

const every = (n: number) => Array.from({ length: n }, (_, i) => i);

/** How far the line through the kept points is from those left out, in pixels up or down. */
function missed(x: number[], y: number[], kept: number[]): number {
  let most = 0;
  kept.forEach((to, n) => {
    const from = kept[n - 1] ?? to;
    for (let i = from + 1; i < to; i++) {
      const part =
        ((x[i] as number) - (x[from] as number)) / ((x[to] as number) - (x[from] as number));
      const line = (y[from] as number) + part * ((y[to] as number) - (y[from] as number));
      most = Math.max(most, Math.abs(line - (y[i] as number)));
    }
  });
  return most;
}

describe("a thinned line", () => {
  it("has few points where it is straight or smooth, and goes by all that it leaves out", () => {
    const x = every(1000).map((i) => i * 0.7);
    expect(
      thinned(
        x,
        x.map(() => 5),
      ),
    ).toEqual([0, 999]);
    const smooth = x.map((at) => 200 * (1 - at / 700) ** 3);
    const kept = thinned(x, smooth);
    expect(kept.length).toBeLessThan(60);
    expect(missed(x, smooth, kept)).toBeLessThanOrEqual(0.1 + 1e-9);
  });

  it("keeps both ends of a jump, also of one straight up", () => {
    const y = every(100).map((i) => (i < 50 ? 0 : 80));
    expect(thinned(every(100), y)).toEqual([0, 49, 50, 99]);
    expect(thinned([0, 10, 10, 20], [0, 0, 9, 9])).toEqual([0, 1, 2, 3]);
  });

  it("leaves noise as it is while it can be seen, and then its ends and extremes", () => {
    const y = every(1000).map((i) => (i % 2) * 50 + Math.sin(i) * 20);
    expect(thinned(every(1000), y).length).toBeGreaterThan(950);
    const tight = every(1000).map((i) => i / 100);
    const kept = thinned(tight, y);
    expect(kept.length).toBeLessThanOrEqual(40);
    for (let column = 0; column < 10; column++) {
      const all = y.slice(column * 100, column * 100 + 100);
      const left = kept.filter((i) => Math.floor(i / 100) === column).map((i) => y[i]);
      expect(left).toContain(Math.max(...all));
      expect(left).toContain(Math.min(...all));
    }
    expect([kept[0], kept.at(-1)]).toEqual([0, 999]);
  });

  it("is what it was where there is little", () => {
    expect(thinned([], [])).toEqual([]);
    expect(thinned([3], [4])).toEqual([0]);
    expect(thinned([3, 3], [4, 5])).toEqual([0, 1]);
  });
});

describe("a line's width", () => {
  const over = (length: number, y: (i: number) => number) => {
    const all = every(1000);
    return [{ x: all.map((i) => (i * length) / 999), y: all.map(y) }];
  };
  const widthOf = (lines: readonly Line[]) => lineWidth(lines, 1.75, 1);

  it("is that of a line for curves, steps and a single fall", () => {
    expect(widthOf(over(300, (i) => 20 * Math.sin(i / 50)))).toBe(1.75);
    expect(widthOf(over(300, (i) => Math.floor(i / 5) * 3))).toBe(1.75);
    expect(widthOf(over(300, (i) => (i < 500 ? 0 : 150)))).toBe(1.75);
    expect(widthOf([{ x: [3], y: [4] }])).toBe(1.75);
    expect(widthOf([])).toBe(1.75);
  });

  it("is narrow for noise, however low, and grows evenly as one zooms into it", () => {
    const noise = (zoom: number) => widthOf(over(999 * zoom, (i) => (i % 2) * 2));
    expect(noise(1)).toBe(1);
    expect(noise(3)).toBeCloseTo(1, 2);
    expect(noise(4.36)).toBeCloseTo(1.375, 2);
    expect(noise(8)).toBe(1.75);
  });

  it("is narrow where few turns go far", () => {
    const far = (y: number) => widthOf(over(300, (i) => (Math.floor(i / 50) % 2) * y));
    expect(far(5)).toBe(1.75);
    expect(far(100)).toBe(1);
  });

  it("is one for all parts of a curve", () => {
    const calm = over(300, (i) => 100 * Math.sin(i / 200));
    expect(widthOf([...calm, { x: [400, 401, 402, 403], y: [0, 9, 0, 9] }])).toBe(1.75);
  });
});
