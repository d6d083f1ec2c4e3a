import { describe, expect, it } from "vitest";
import { manifest, points, ramp, weight } from "./fixtures";
import {
  cellAt,
  colorTable,
  columnsOf,
  countCells,
  extremes,
  furthest,
  type HeatSource,
  heatRows,
  LEVELS,
  levelOf,
  nameEvery,
  nearestIndex,
  readCell,
  rowHeightFor,
  scaleOf,
} from "./heat";
import { weightPlan } from "./schedule";
import type { Points } from "./types";

/** From 0 at step 10 to 80 % at step 50, with an update every 10 steps. */
const LOG = manifest(
  [weight("a", 1000), weight("b", 1000), weight("free", 1000, null)],
  [ramp(10, 50, 0.8)],
);

function source(name: string, values: Points | null | undefined): HeatSource {
  return { weight: name, plan: weightPlan(LOG, name), points: values };
}

const A = points([5, 0], [25, 0.2], [35, null], [45, 0.6], [60, 0.7]);

describe("the cells of a row", () => {
  it("are the measured values, or nothing where there is a gap", () => {
    const [row] = heatRows([source("a", A)], "sparsity");
    expect([...(row?.cells ?? [])].map((cell) => Number(cell.toFixed(3)))).toEqual([
      0,
      0.2,
      Number.NaN,
      0.6,
      0.7,
    ]);
    expect(countCells(row ? [row] : [])).toBe(4);
  });

  it("are differences to what was due, nothing before the first update or without a schedule", () => {
    const rows = heatRows([source("a", A), source("free", A)], "difference");
    const [a, free] = rows.map(({ cells }) => [...cells].map((cell) => Number(cell.toFixed(3))));
    expect(a).toEqual([Number.NaN, 0, Number.NaN, 0, -0.1]);
    expect(free?.every(Number.isNaN)).toBe(true);
  });

  it("are none while the values are on their way, and where nothing was logged", () => {
    const rows = heatRows([source("a", undefined), source("b", null)], "sparsity");
    expect(rows.map(({ cells }) => cells.length)).toEqual([0, 0]);
    expect(rows.map((row) => cellAt(row, 3))).toEqual([null, null]);
  });

  it("say the same numbers, whatever they are coloured by", () => {
    for (const color of ["sparsity", "difference"] as const) {
      const [row] = heatRows([source("a", A)], color);
      const read = (step: number | null) => {
        const cell = row && cellAt(row, step);
        return cell && readCell(cell);
      };
      expect(read(44)).toMatchObject({ step: 45, measured: 0.6, due: { step: 40 }, off: false });
      expect(read(36)).toMatchObject({ step: 35, measured: null, difference: null, off: false });
      expect(read(0)).toMatchObject({ step: 5, measured: 0, due: null, difference: null });
      expect(read(null)).toMatchObject({ step: 60, due: { step: 50, value: 0.8 }, off: true });
      expect(read(null)?.difference).toBeCloseTo(-0.1);
    }
  });
});

it("what is furthest off is found where it is first so far off", () => {
  const late = points([25, 0.2], [45, 0.2], [55, 0.4], [60, 0.4]);
  const found = furthest(heatRows([source("a", A), source("b", late)], "difference"));
  expect([found?.row.weight, found?.row.steps[found.index]]).toEqual(["b", 45]);
  const fine = points([25, 0.2], [45, 0.603]);
  expect(furthest(heatRows([source("a", fine)], "difference"))).toBeNull();
});

it("the lowest and highest last values are those before a gap at the end", () => {
  const b = points([5, 0.9], [25, 0.3], [35, null]);
  const ends = extremes(heatRows([source("a", A), source("b", b)], "sparsity"));
  expect([ends?.low.row.weight, ends?.low.index]).toEqual(["b", 1]);
  expect([ends?.high.row.weight, ends?.high.index]).toEqual(["a", 4]);
  expect(extremes(heatRows([source("a", undefined)], "sparsity"))).toBeNull();
});

describe("the columns", () => {
  it("show the nearest step, and nothing far from the first and the last", () => {
    const columns = [...columnsOf([4, 8], [0, 20], 20)];
    expect(columns.join(" ")).toBe("-1 0 0 0 0 0 1 1 1 1 1 -1 -1 -1 -1 -1 -1 -1 -1 -1");
  });

  it("show the last of the steps that fall into them", () => {
    const steps = Array.from({ length: 1000 }, (_, i) => i);
    expect([...columnsOf(steps, [0, 1000], 4)]).toEqual([249, 499, 749, 999]);
  });

  it("show every step where there is room for each", () => {
    const steps = Array.from({ length: 97 }, (_, i) => 10 * i + 10);
    const columns = columnsOf(steps, [0, 970], 640);
    expect(new Set(columns)).toEqual(new Set([-1, ...steps.keys()]));
    expect(columns.at(-1)).toBe(96);
    expect([...columns].every((index, i) => i === 0 || index >= (columns[i - 1] as number))).toBe(
      true,
    );
  });

  it("show only what is in view", () => {
    const steps = Array.from({ length: 101 }, (_, i) => i);
    expect([...columnsOf(steps, [40, 50], 10)]).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 50]);
    expect([...columnsOf([10], [0, 100], 10)]).toEqual([0, 0, 0, 0, -1, -1, -1, -1, -1, -1]);
    expect([...columnsOf([10, 90], [40, 60], 4)]).toEqual([0, 0, 1, 1]);
    expect([...columnsOf([], [0, 10], 3)]).toEqual([-1, -1, -1]);
    expect(columnsOf([1], [0, 10], 0).length).toBe(0);
  });
});

it("finds the nearest step", () => {
  expect([-1, 1, 2, 2.1, 9].map((x) => nearestIndex([1, 3], x))).toEqual([0, 0, 0, 1, 1]);
  expect(nearestIndex([], 1)).toBe(-1);
});

it("rows are as high as the room allows, and have a name each where that fits", () => {
  expect([1, 40, 300, 1000].map((rows) => rowHeightFor(rows, 520))).toEqual([28, 13, 3, 3]);
  expect([28, 10, 9, 3].map(nameEvery)).toEqual([1, 1, 3, 8]);
});

describe("the scale of differences", () => {
  const limit = (value: number) => {
    const rows = heatRows([source("a", points([60, value]))], "difference");
    const { low, high } = scaleOf("difference", rows, "light");
    expect(low).toBe(-high);
    return high;
  };
  it("is symmetrical, and never narrower than five points", () => {
    expect([0.8, 0.75, 0.74, 0.9, 0.4, 0].map(limit)).toEqual([0.05, 0.05, 0.1, 0.1, 0.5, 1]);
  });
});

/** CIE lightness of one pixel, as light as it is for everyone. */
function lightness(pixel: number): number {
  const [r, g, b] = new Uint8Array(Uint32Array.of(pixel).buffer);
  const [lr, lg, lb] = [r, g, b].map((c = 0) => {
    const share = c / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 116 * Math.cbrt(0.2126 * lr + 0.7152 * lg + 0.0722 * lb) - 16;
}

describe.each(["light", "dark"] as const)("the colours on a %s page", (theme) => {
  const sign = theme === "light" ? -1 : 1;
  const table = (color: "sparsity" | "difference") => [
    ...colorTable(scaleOf(color, [], theme).stops),
  ];

  it("tell sparsity by lightness alone, in even steps", () => {
    const levels = table("sparsity").map((pixel) => sign * lightness(pixel));
    const tenths = Array.from({ length: 10 }, (_, i) => {
      const at = (share: number) => levels[Math.round(share * (LEVELS - 1))] as number;
      return at((i + 1) / 10) - at(i / 10);
    });
    expect(levels.every((level, i) => i === 0 || level > (levels[i - 1] as number) - 0.2)).toBe(
      true,
    );
    expect(Math.min(...tenths)).toBeGreaterThan(4);
  });

  it("grow stronger to both sides of the schedule", () => {
    const levels = table("difference").map((pixel) => sign * lightness(pixel));
    const middle = (LEVELS - 1) / 2;
    const [below, above] = [levels.slice(0, middle + 1).reverse(), levels.slice(middle)];
    for (const side of [below, above])
      expect(side.every((level, i) => i === 0 || level > (side[i - 1] as number) - 0.2)).toBe(true);
  });

  it("are warm below and cold above: that contrast stays for most colour-blind people", () => {
    const warmth = (pixel: number) => {
      const [r = 0, , b = 0] = new Uint8Array(Uint32Array.of(pixel).buffer);
      return r - b;
    };
    const pixels = table("difference");
    const at = (value: number) =>
      warmth(pixels[levelOf(value, { low: -1, high: 1, stops: [] })] as number);
    for (const share of [0.25, 0.5, 0.75, 1]) {
      expect(at(-share)).toBeGreaterThan(40);
      expect(at(share)).toBeLessThan(-40);
    }
    expect(Math.abs(at(0))).toBeLessThan(10);
  });
});

it("values beyond a scale have its last colour", () => {
  const scale = { low: -0.05, high: 0.05, stops: [] };
  expect([-1, -0.05, 0, 0.05, 1].map((value) => levelOf(value, scale))).toEqual([
    0, 0, 127, 254, 254,
  ]);
});
