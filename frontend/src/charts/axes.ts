import { formatNumber, formatShare } from "../data/format";

/** Ticks and their labels. */

export type Unit = "share" | "number";

/** The smallest of 1, 2, 5, 10, ... (times a power of ten) that is at least `least`. */
export function niceIncrement(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  // The factor is compared with some slack: 0.2 / 0.1 is not quite 2.
  const factor = [1, 2, 5, 10].find((f) => f * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

const METRIC_INTERVALS = 4;

/** A range that begins and ends on a tick and holds all values. */
export function niceRange(low: number, high: number): [number, number] {
  if (!(high > low)) {
    const around = Math.abs(low) * 0.1 || 1;
    return niceRange(low - around, high + around);
  }
  // Values that touch a tick by rounding alone need no further interval.
  const slack = 1e-6;
  let increment = niceIncrement((high - low) / METRIC_INTERVALS);
  for (;;) {
    const from = Math.floor(low / increment + slack);
    const to = Math.ceil(high / increment - slack);
    if (to - from <= METRIC_INTERVALS) return [from * increment, to * increment];
    increment = niceIncrement(increment * 1.5);
  }
}

/** The ticks of a range that `niceRange` made. */
export function valueTicks([low, high]: readonly [number, number]): number[] {
  return ticksBetween(low, high, niceIncrement(((high - low) / METRIC_INTERVALS) * (1 - 1e-6)));
}

/** The whole decades that hold all values. */
export function logRange(low: number, high: number): [number, number] {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  return [10 ** from, 10 ** Math.max(to, from + 1)];
}

/** Powers of ten; between two or three of them also their doubles and halves. */
export function logTicks([low, high]: readonly [number, number]): number[] {
  const [from, to] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const every = Math.max(1, Math.ceil((to - from) / METRIC_INTERVALS));
  const factors = to - from <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = from; power <= to; power += every)
    for (const factor of factors) if (factor === 1 || power < to) ticks.push(factor * 10 ** power);
  return ticks.map((tick) => Number(tick.toPrecision(12)));
}

export function tickLabels(ticks: readonly number[], unit: Unit): string[] {
  if (unit === "number") return ticks.map(formatNumber);
  const increment = (ticks[1] ?? 1) - (ticks[0] ?? 0);
  const digits = Math.max(0, -Math.floor(Math.log10(increment * 100) + 1e-9));
  return ticks.map((tick) => formatShare(tick, Math.min(digits, 4)));
}

/**
 * Whole steps to label. With `last` the end of the range is one of them, and those too near to it
 * give way.
 */
export function stepTicks(
  [from, to]: readonly [number, number],
  space: number,
  last: boolean,
): number[] {
  const ticks = ticksBetween(from, to, Math.max(1, niceIncrement(space)));
  if (!last) return ticks;
  return [...ticks.filter((tick) => to - tick >= space * 0.8), to];
}

function ticksBetween(from: number, to: number, increment: number): number[] {
  const first = Math.ceil(from / increment - 1e-6);
  const count = Math.floor(to / increment + 1e-6) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) =>
    // Without rounding, 3 * 0.1 is 0.30000000000000004.
    Number(((first + i) * increment).toPrecision(12)),
  );
}
