import { describe, expect, it } from "vitest";
import { assignHues, HUES, PALETTE, type Theme } from "./colors";

describe("hues", () => {
  const names = Array.from({ length: 8 }, (_, i) => `run-${i}`);

  it("differ as long as there are enough, whatever the order of the runs", () => {
    const hues = assignHues(names, {});
    expect(new Set(Object.values(hues)).size).toBe(HUES);
    expect(assignHues([...names].reverse(), {})).toEqual(hues);
  });

  it("stay with their run when others come or go", () => {
    const before = assignHues(["b", "c"], {});
    expect(assignHues(["a", "b", "c", "d"], before)).toMatchObject(before);
  });

  it("are shared evenly beyond eight, and survive nonsense in the storage", () => {
    const hues = assignHues([...names, "i", "j", "k", "l", "m", "n", "o", "p"], {
      "run-0": 99,
      i: -1,
    });
    const uses = Array.from({ length: HUES }, (_, hue) =>
      Object.values(hues).filter((h) => h === hue),
    );
    expect(uses.every((used) => used.length === 2)).toBe(true);
  });
});

type Rgb = [number, number, number];

/** How each kind of sight sees linear RGB (Machado et al. 2009, severity 1). */
const SIGHTS: Record<string, number[]> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  deuteranopia: [0.367, 0.861, -0.228, 0.28, 0.673, 0.047, -0.012, 0.043, 0.969],
  protanopia: [0.152, 1.053, -0.205, 0.115, 0.786, 0.099, -0.004, -0.048, 1.052],
};

function linear(hex: string): Rgb {
  return [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

function seen([r, g, b]: Rgb, sight: number[]): Rgb {
  return [0, 3, 6].map((i) =>
    Math.max(0, (sight[i] ?? 0) * r + (sight[i + 1] ?? 0) * g + (sight[i + 2] ?? 0) * b),
  ) as Rgb;
}

function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122 * r + 0.5363 * g + 0.0514 * b);
  const m = Math.cbrt(0.2119 * r + 0.6807 * g + 0.1074 * b);
  const s = Math.cbrt(0.0883 * r + 0.2817 * g + 0.63 * b);
  return [
    0.2105 * l + 0.7936 * m - 0.0041 * s,
    1.978 * l - 2.4286 * m + 0.4506 * s,
    0.0259 * l + 0.7828 * m - 0.8087 * s,
  ];
}

function contrast(one: string, other: string): number {
  const light = [one, other].map((hex) => {
    const [r, g, b] = linear(hex);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  }) as [number, number];
  return Math.max(...light) / Math.min(...light);
}

describe.each([
  ["light", "#ffffff"],
  ["dark", "#303030"],
] as [Theme, string][])("the %s palette", (theme, page) => {
  it("stands out from the page", () => {
    for (const hue of PALETTE[theme]) expect(contrast(hue, page)).toBeGreaterThan(3);
  });

  it.each(Object.keys(SIGHTS))("stays apart for %s", (sight) => {
    const labs = PALETTE[theme].map((hex) => oklab(seen(linear(hex), SIGHTS[sight] as number[])));
    for (const [i, a] of labs.entries()) {
      for (const b of labs.slice(i + 1)) {
        expect(Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])).toBeGreaterThan(0.1);
      }
    }
  });
});
