import { describe, expect, it } from "vitest";
import { lineWidth, thinned } from "./trace";

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

  it("is that of a line for curves, steps and a single fall", () => {
    expect(
      lineWidth(
        over(300, (i) => 100 * Math.sin(i / 200)),
        1.75,
        1,
      ),
    ).toBe(1.75);
    expect(
      lineWidth(
        over(300, (i) => Math.floor(i / 20) * 3),
        1.75,
        1,
      ),
    ).toBe(1.75);
    expect(
      lineWidth(
        over(300, (i) => (i < 500 ? 0 : 150)),
        1.75,
        1,
      ),
    ).toBe(1.75);
    expect(lineWidth([{ x: [3], y: [4] }], 1.75, 1)).toBe(1.75);
    expect(lineWidth([{ x: [], y: [] }], 1.75, 1)).toBe(1.75);
  });

  it("is narrow for noise, and grows evenly as one zooms into it", () => {
    const noise = (zoom: number) =>
      lineWidth(
        over(1000 * zoom, (i) => (i % 2) * 6),
        1.75,
        1,
      );
    expect(noise(1)).toBe(1);
    expect(noise(2)).toBeCloseTo(1.375);
    expect(noise(4)).toBe(1.75);
  });

  it("is one for all parts of a curve", () => {
    const [whole] = over(300, (i) => 100 * Math.sin(i / 200));
    expect(lineWidth([whole ?? { x: [], y: [] }, { x: [400, 401], y: [0, 150] }], 1.75, 1)).toBe(
      1.75,
    );
  });
});
