import type { Sample } from "../data/tradeoff";
import { niceRange } from "./axes";
import type { XyCurve, XyPoint } from "./xy-model";

/** Where things go in the chart of a metric over sparsity. */

/** A tick of the sparsity axis needs so much room, in pixels. */
const TICK_SPACE = 64;

/** The sparsities to show: from zero, unless all of them are far from it. */
export function sparsityRange(sparsities: readonly number[]): [number, number] {
  const low = sparsities.reduce((a, b) => Math.min(a, b), 1);
  const high = sparsities.reduce((a, b) => Math.max(a, b), 0);
  if (high <= 0) return [0, 1];
  const [from, to] = niceRange(low < high / 2 || low === high ? 0 : low, high);
  return [Math.max(0, from), Math.min(1, to)];
}

export function shareTicks([from, to]: readonly [number, number], width: number): number[] {
  const increments = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5];
  const fits = (i: number) => (i / (to - from)) * width >= TICK_SPACE;
  const increment = increments.find(fits) ?? 1;
  const first = Math.ceil(from / increment - 1e-6);
  const last = Math.floor(to / increment + 1e-6);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * increment).toPrecision(12)),
  );
}

/** The sample nearest to a place among those in view. */
export function nearestSample(
  curves: readonly Pick<XyCurve, "run" | "samples">[],
  distance: (sample: Sample) => number,
): XyPoint | null {
  let nearest: XyPoint | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const { run, samples } of curves) {
    for (const sample of samples) {
      const far = distance(sample);
      if (far >= least) continue;
      least = far;
      nearest = { run, step: sample.step };
    }
  }
  return nearest;
}

/** Left and right along a curve, up and down to the same step of the next; null: not such a key. */
export function nextPoint(
  key: string,
  all: readonly Pick<XyCurve, "run" | "samples">[],
  from: XyPoint | null,
): XyPoint | null {
  const curves = all.filter(({ samples }) => samples.length > 0);
  const [first] = curves;
  if (!first) return null;
  const at = curves.find(({ run }) => run === from?.run);
  const curve = at ?? first;
  const { samples } = curve;
  const here = at ? samples.findIndex(({ step }) => step === from?.step) : -1;
  const along = (i: number) => {
    const sample = samples[Math.min(samples.length - 1, Math.max(0, i))] as Sample;
    return { run: curve.run, step: sample.step };
  };
  const across = (by: number) => {
    const next = curves[(curves.indexOf(curve) + by + curves.length) % curves.length] ?? first;
    const step = here < 0 ? Number.POSITIVE_INFINITY : (samples[here] as Sample).step;
    const sample = next.samples.findLast((s) => s.step <= step) ?? (next.samples[0] as Sample);
    return { run: next.run, step: sample.step };
  };
  switch (key) {
    case "ArrowLeft":
      return along((here < 0 ? samples.length : here) - 1);
    case "ArrowRight":
      return along((here < 0 ? samples.length : here) + 1);
    case "Home":
      return along(0);
    case "End":
      return along(samples.length - 1);
    case "ArrowDown":
      return across(here < 0 ? 0 : 1);
    case "ArrowUp":
      return across(-1);
    default:
      return null;
  }
}

const LABEL_HEIGHT = 14;

export interface Label {
  x: number;
  y: number;
  width: number;
}

/**
 * Where labels go that want to be at these places: those that would cover another move up or down,
 * by at most two lines; null for those that find no room.
 */
export function placeLabels(
  wanted: readonly Label[],
  [top, bottom]: readonly [number, number],
): (Label | null)[] {
  const taken: Label[] = [];
  const free = (label: Label) =>
    label.y >= top &&
    label.y <= bottom &&
    taken.every(
      (other) =>
        Math.abs(other.y - label.y) >= LABEL_HEIGHT ||
        other.x + other.width <= label.x ||
        label.x + label.width <= other.x,
    );
  return wanted.map((label) => {
    for (const lines of [0, 1, -1, 2, -2]) {
      const moved = { ...label, y: label.y + lines * LABEL_HEIGHT };
      if (!free(moved)) continue;
      taken.push(moved);
      return moved;
    }
    return null;
  });
}
