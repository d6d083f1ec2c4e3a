import type { Theme } from "./colors";
import { type DueTarget, dueTarget, firstIndexAbove, type Plan } from "./schedule";
import { isOff } from "./status";
import type { Points, Schedule } from "./types";

/** The heat map's numbers: a row of cells for each weight, their place on the step axis, their colours. */

/** What the colours say: the measured sparsity, or how far it is from the schedule. */
export type HeatColor = "sparsity" | "difference";

export interface HeatSource {
  weight: string;
  plan: Plan | null;
  /** undefined: on its way; null: not in the log. */
  points: Points | null | undefined;
}

export interface HeatRow extends HeatSource {
  /** The logged steps, ascending. Rows that were logged together share the list itself. */
  steps: readonly number[];
  /** What is coloured, one number a step; NaN where there is nothing to colour. */
  cells: Float32Array;
}

const NO_STEPS: readonly number[] = [];

export function heatRows(sources: readonly HeatSource[], color: HeatColor): HeatRow[] {
  const targets = new TargetCache();
  return sources.map((source) => {
    const { points, plan } = source;
    const steps = points?.step ?? NO_STEPS;
    const cells = new Float32Array(steps.length).fill(Number.NaN);
    const due = points && plan && color === "difference" ? targets.of(plan, points.step) : null;
    if (points && (due || color === "sparsity")) {
      points.value.forEach((value, i) => {
        if (value !== null) cells[i] = value - (due ? (due[i] as number) : 0);
      });
    }
    return { ...source, steps, cells };
  });
}

/** A thousand weights mostly share a few schedules and one list of steps: each pair counts once. */
class TargetCache {
  private known = new Map<Schedule, Map<readonly number[], Float64Array>>();

  of(plan: Plan, steps: readonly number[]): Float64Array {
    const schedule = plan.parts[0]?.schedule;
    const bySteps = (schedule && this.known.get(schedule)) ?? new Map();
    if (schedule) this.known.set(schedule, bySteps);
    let targets = bySteps.get(steps);
    if (!targets) {
      targets = Float64Array.from(steps, (step) => dueTarget(plan, step)?.value ?? Number.NaN);
      bySteps.set(steps, targets);
    }
    return targets;
  }
}

/** How many cells have a colour. */
export function countCells(rows: readonly HeatRow[]): number {
  let count = 0;
  for (const { cells } of rows) for (const cell of cells) if (!Number.isNaN(cell)) count++;
  return count;
}

export interface HeatCell {
  row: HeatRow;
  index: number;
}

/** The cell of a row that is drawn at a step: the nearest. Without a step, the last one. */
export function cellAt(row: HeatRow, step: number | null): HeatCell | null {
  const index = step === null ? row.steps.length - 1 : nearestIndex(row.steps, step);
  return index < 0 ? null : { row, index };
}

/** Index of the entry nearest to `x` in a sorted list; -1 if the list is empty. */
export function nearestIndex(sorted: readonly number[], x: number): number {
  const above = firstIndexAbove(sorted, x);
  const [before, after] = [sorted[above - 1], sorted[above]];
  if (before === undefined) return after === undefined ? -1 : above;
  return after === undefined || x - before <= after - x ? above - 1 : above;
}

export interface CellReading {
  step: number;
  measured: number | null;
  due: DueTarget | null;
  difference: number | null;
  off: boolean;
}

/** A cell's numbers, whatever it is coloured by. */
export function readCell({ row, index }: HeatCell): CellReading {
  const step = row.steps[index] as number;
  const measured = row.points?.value[index] ?? null;
  const due = row.plan && dueTarget(row.plan, step);
  const difference = due && measured !== null ? measured - due.value : null;
  return { step, measured, due, difference, off: row.plan !== null && isOff(row.plan, difference) };
}

/** The cell that is furthest from its schedule, of the rows of differences; null if none is off. */
export function furthest(rows: readonly HeatRow[]): HeatCell | null {
  let found: HeatCell | null = null;
  let most = 0;
  for (const row of rows) {
    row.cells.forEach((cell, index) => {
      if (!row.plan || !(Math.abs(cell) > most) || !isOff(row.plan, cell)) return;
      most = Math.abs(cell);
      found = { row, index };
    });
  }
  return found;
}

/** The lowest and the highest of the last values, of the rows of sparsities; null if there is none. */
export function extremes(rows: readonly HeatRow[]): { low: HeatCell; high: HeatCell } | null {
  let [low, high]: (HeatCell | null)[] = [null, null];
  for (const row of rows) {
    const index = row.cells.findLastIndex((cell) => !Number.isNaN(cell));
    if (index < 0) continue;
    const cell = row.cells[index] as number;
    if (!low || cell < numberIn(low)) low = { row, index };
    if (!high || cell > numberIn(high)) high = { row, index };
  }
  return low && high ? { low, high } : null;
}

export function numberIn({ row, index }: HeatCell): number {
  return row.cells[index] as number;
}

/** A cell at either end of a row still gets this many columns to itself. */
const END_COLUMNS = 3;

/**
 * Which cell each column of pixels shows, by its index; -1 for none. A column that steps fall into
 * shows the last of them; any other one the nearest step, so that a cell reaches half way to its
 * neighbours, and beyond the first and the last logged step as far as on their other side.
 */
export function columnsOf(
  steps: readonly number[],
  [from, to]: readonly [number, number],
  width: number,
): Int32Array {
  const columns = new Int32Array(Math.max(0, width)).fill(-1);
  const last = steps.length - 1;
  if (last < 0) return columns;
  const at = (index: number) => steps[index] as number;
  const perColumn = (to - from) / width;
  const reach = (index: number, other: number) =>
    Math.max(END_COLUMNS * perColumn, Math.abs(at(index) - (steps[other] ?? at(index))) / 2);
  const [start, end] = [at(0) - reach(0, 1), at(last) + reach(last, last - 1)];
  // Of the steps before the column's right edge, the last.
  let index = firstIndexAbove(steps, from) - 1;
  if (index >= 0 && at(index) === from) index--;
  for (let column = 0; column < width; column++) {
    const left = from + column * perColumn;
    const right = column === width - 1 ? to + perColumn / 2 : left + perColumn;
    while (index < last && at(index + 1) < right) index++;
    if (index >= 0 && at(index) >= left) columns[column] = index;
    else {
      const middle = left + perColumn / 2;
      if (middle < start || middle > end) continue;
      const after = index < last && (index < 0 || at(index + 1) - middle < middle - at(index));
      columns[column] = after ? index + 1 : index;
    }
  }
  return columns;
}

const [LEAST_ROW, MOST_ROW] = [3, 28];
/** Rows at least this high have a name each; below, one name stands for several rows. */
export const NAMED_ROW = 10;
const NAME_PITCH = 24;

/** Rows fill the room that is there, in whole pixels; where that would be too low, the page scrolls. */
export function rowHeightFor(rows: number, room: number): number {
  return Math.min(MOST_ROW, Math.max(LEAST_ROW, Math.floor(room / Math.max(1, rows))));
}

/** Each how-manieth row has its name beside it. */
export function nameEvery(rowHeight: number): number {
  return rowHeight >= NAMED_ROW ? 1 : Math.ceil(NAME_PITCH / rowHeight);
}

export interface Scale {
  low: number;
  high: number;
  /** Evenly spaced, as #rrggbb, to be mixed in sRGB: as CSS does in a gradient. */
  stops: readonly string[];
}

/**
 * More sparsity stands out more from the page: darker on light, lighter on dark, so that lightness
 * alone tells the order. The difference is nothing at all in the middle, orange below and blue
 * above, which stay apart for colour-blind people.
 */
const STOPS: Record<HeatColor, Record<Theme, readonly string[]>> = {
  sparsity: {
    light: ["#e6f3ea", "#b5dfc8", "#74c5b3", "#47a3ab", "#377fa2", "#3a5b98", "#3b3870", "#231a35"],
    dark: ["#1d1a26", "#33305a", "#3b4d8f", "#36709f", "#3592a8", "#4fb8ab", "#92d9b6", "#e2f7e8"],
  },
  difference: {
    light: [
      "#6b2c00",
      "#b35806",
      "#e8953f",
      "#f8d3a3",
      "#f1f2f4",
      "#b5d5ee",
      "#5ea3d6",
      "#1c6cad",
      "#083a6b",
    ],
    dark: [
      "#ffd9a3",
      "#ffab4f",
      "#c9761d",
      "#7a5230",
      "#3f4246",
      "#345c80",
      "#3a8cca",
      "#7cc4ff",
      "#d3ebff",
    ],
  },
};

/** A range that small differences are seen in, too. */
const LIMITS = [0.05, 0.1, 0.2, 0.5, 1];

export function scaleOf(color: HeatColor, rows: readonly HeatRow[], theme: Theme): Scale {
  const stops = STOPS[color][theme];
  if (color === "sparsity") return { low: 0, high: 1, stops };
  let most = 0;
  for (const { cells } of rows)
    for (const cell of cells) if (Math.abs(cell) > most) most = Math.abs(cell);
  // Values are float32: just over a limit is still on it.
  const high = LIMITS.find((limit) => most <= limit + 1e-6) ?? 1;
  return { low: -high, high, stops };
}

/** An odd number, so that the middle of a scale is one of them. */
export const LEVELS = 255;

/** The colours from one end of a scale to the other, as pixels of a canvas. */
export function colorTable(stops: readonly string[]): Uint32Array {
  const channels = stops.map((stop) =>
    [1, 3, 5].map((i) => Number.parseInt(stop.slice(i, i + 2), 16)),
  );
  // Bytes have one order everywhere; words don't.
  const bytes = new Uint8ClampedArray(LEVELS * 4);
  for (let level = 0; level < LEVELS; level++) {
    const place = (level / (LEVELS - 1)) * (stops.length - 1);
    const before = Math.min(Math.floor(place), stops.length - 2);
    const [a, b] = [channels[before], channels[before + 1]] as [number[], number[]];
    for (let i = 0; i < 3; i++) {
      const [from, to] = [a[i], b[i]] as [number, number];
      bytes[level * 4 + i] = from + (to - from) * (place - before);
    }
    bytes[level * 4 + 3] = 255;
  }
  return new Uint32Array(bytes.buffer);
}

/** Which of a scale's colours a value has. */
export function levelOf(value: number, { low, high }: Scale): number {
  const level = ((value - low) / (high - low)) * (LEVELS - 1);
  // A million times for one picture: comparisons cost less than Math's functions.
  if (level <= 0) return 0;
  return level >= LEVELS - 1 ? LEVELS - 1 : (level + 0.5) | 0;
}
