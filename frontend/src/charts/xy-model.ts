import type { Corner, Sample } from "../data/tradeoff";
import type { Unit } from "./axes";

/** What the chart of a metric over sparsity draws. */
export interface XyModel {
  curves: XyCurve[];
  envelope: readonly Corner[];
  x: readonly [number, number];
  y: readonly [number, number];
  unit: Unit;
  /** The tolerance band of the run in question. */
  band: { low: number; high: number; color: string } | null;
  /** A value that all curves are held against. */
  line?: number | null;
}

export interface XyCurve {
  run: string;
  name: string;
  color: string;
  /** What it carries besides its colour; 0: nothing. */
  mark?: number;
  samples: readonly Sample[];
  final: Sample | null;
  /** Null: there is no front, and the end is not marked. */
  onFront: boolean | null;
  /** The last one within the tolerance, where the curve goes on after it. */
  last: Sample | null;
  /** Behind the others, without a name. */
  faint?: boolean;
}

export interface XyPoint {
  run: string;
  step: number;
}
