import { firstIndexAbove } from "./schedule";
import { lastPoint } from "./status";
import type { Points } from "./types";

/** Which values a chart shows, where a few lie far from the rest. */

/** A chart may be so much higher than what most of its points need before the rest is cut off. */
const ROOM = 3;
const MARGIN = 0.5;

/**
 * The values to show: those of most points, where the runs ended, and what must not be missed; null:
 * all of them. A few at the beginning, far from everything else, would press flat what the question
 * is about.
 */
export function focusOf(
  curves: readonly Points[],
  always: readonly number[] = [],
): [number, number] | null {
  const values = finite(curves).sort((a, b) => a - b);
  const [least, most] = [values[0], values.at(-1)];
  if (least === undefined || most === undefined) return null;
  const quantile = (q: number) => values[Math.round(q * (values.length - 1))] as number;
  const ends = curves.flatMap((points) => lastPoint(points)?.value ?? []);
  const low = Math.min(quantile(0.1), ...always, ...ends);
  const high = Math.max(quantile(0.9), ...always, ...ends);
  const width = high - low;
  if (width === 0 || most - least <= ROOM * width) return null;
  const [from, to] = [low - MARGIN * width, high + MARGIN * width];
  return [Math.min(low, Math.max(least, from)), Math.max(high, Math.min(most, to))];
}

/** How many points lie outside of a range. */
export function outsideOf(curves: readonly Points[], [low, high]: readonly [number, number]) {
  // What lies on the edge but for rounding can be seen.
  const slack = 1e-3 * (high - low);
  return finite(curves).filter((value) => value < low - slack || value > high + slack).length;
}

function finite(curves: readonly Points[]): number[] {
  return curves.flatMap(({ value }) => value.filter((v) => v !== null));
}

/** The points within a range of steps. */
export function within(points: Points, range: readonly [number, number] | null): Points {
  if (!range) return points;
  const [from, to] = [
    points.step.findIndex((s) => s >= range[0]),
    firstIndexAbove(points.step, range[1]),
  ];
  const cut = <T>(column: T[]) => (from < 0 ? [] : column.slice(from, to));
  return { step: cut(points.step), value: cut(points.value) };
}
