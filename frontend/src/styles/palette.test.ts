import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PALETTE, type Theme } from "../data/colors";
import { type HeatColor, scaleOf } from "../data/heat";

/** The contrast of all that is drawn on a canvas, which no tool for accessibility looks into. */

type Rgb = [number, number, number];

/** How each kind of sight sees linear RGB (Machado et al. 2009, severity 1). */
const SIGHTS: Record<string, number[]> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  deuteranopia: [0.367, 0.861, -0.228, 0.28, 0.673, 0.047, -0.012, 0.043, 0.969],
  protanopia: [0.152, 1.053, -0.205, 0.115, 0.786, 0.099, -0.004, -0.048, 1.052],
};

/** Of #rrggbb or #rrggbbaa, from 0 to 255. */
function channels(hex: string): [...Rgb, number] {
  const parts = [1, 3, 5, 7].map((i) => Number.parseInt(hex.slice(i, i + 2) || "ff", 16));
  return parts as [...Rgb, number];
}

function linear(hex: string): Rgb {
  const rgb = channels(hex).slice(0, 3);
  return rgb.map((c) =>
    c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
  ) as Rgb;
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

/** A colour with an opacity, as it looks on a page. */
function over(page: string, hex: string, opacity = (channels(hex)[3] ?? 255) / 255): string {
  const below = channels(page);
  const mixed = channels(hex).slice(0, 3);
  const bytes = mixed.map((c, i) => Math.round(c * opacity + (below[i] ?? 0) * (1 - opacity)));
  return `#${bytes.map((c) => c.toString(16).padStart(2, "0")).join("")}`;
}

const BASE = readFileSync(new URL("base.css", import.meta.url), "utf8");

function inks(selector: string): Record<string, string> {
  const block = BASE.slice(BASE.indexOf(`${selector} {`)).split("}")[0] ?? "";
  return Object.fromEntries(
    [...block.matchAll(/--([a-z]+): (#[0-9a-f]+);/g)].map(([, name, hex]) => [name, hex]),
  );
}

describe.each([
  ["light", ":root"],
  ["dark", ':root[data-theme="dark"]'],
] as [Theme, string][])("in the %s theme", (theme, selector) => {
  const ink = inks(selector) as Record<string, string>;
  const page = ink.page as string;
  const grounds = { page, hover: ink.hover as string, band: over(page, ink.band as string) };

  it.each(["ink", "muted", "accent", "problem"])("text in %s can be read", (name) => {
    for (const ground of Object.values(grounds))
      expect(contrast(ink[name] as string, ground)).toBeGreaterThanOrEqual(4.5);
  });

  it("the ticks of updates and the edges of fields stand out", () => {
    expect(contrast(ink.tick as string, page)).toBeGreaterThanOrEqual(3);
  });

  it.each(PALETTE[theme])("a curve in %s stands out from all that it lies on", (hue) => {
    for (const ground of [...Object.values(grounds), over(page, hue, 0.1)])
      expect(contrast(hue, ground)).toBeGreaterThanOrEqual(3);
  });

  it.each(Object.keys(SIGHTS))("the hues stay apart for %s", (sight) => {
    const labs = PALETTE[theme].map((hex) => oklab(seen(linear(hex), SIGHTS[sight] as number[])));
    for (const [i, a] of labs.entries()) {
      for (const b of labs.slice(i + 1)) {
        expect(Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])).toBeGreaterThan(0.1);
      }
    }
  });

  it.each([
    ["sparsity", 0],
    ["difference", 4],
  ] as [HeatColor, number][])(
    "the heat map's colours of %s differ the more from nothing, the further they are",
    (color, nothing) => {
      const { stops } = scaleOf(color, [], theme);
      for (const way of [stops.slice(nothing), stops.slice(0, nothing + 1).reverse()]) {
        if (way.length === 1) continue;
        const contrasts = way.map((stop) => contrast(stop, way[0] as string));
        expect(contrasts).toEqual([...contrasts].sort((a, b) => a - b));
        expect(contrasts.at(-1)).toBeGreaterThanOrEqual(4.5);
        expect(contrast(way.at(-1) as string, page)).toBeGreaterThanOrEqual(3);
      }
    },
  );
});
