import type { Frame } from "../data/schedule";
import type { Points } from "../data/types";
import type { Unit } from "./axes";

/** What a chart draws. Colours are resolved already; everything else follows from the theme. */
export interface ChartModel {
  curves: Curve[];
  targets: TargetCurve[];
  frames: Frame[];
  domain: readonly [number, number];
}

export interface Curve {
  run: string;
  color: string;
  points: Points;
  /** What is drawn in their place: smoothed. */
  drawn?: Points;
}

export interface TargetCurve {
  color: string;
  step: number[];
  value: number[];
}

/** How it is drawn: the same chart serves large and small. Its size is the stylesheet's matter. */
export interface ChartLook {
  axisWidth: number;
  unit: Unit;
  /** Fixed ticks of an axis from 0 to 1; null: the axis follows the values. */
  ticks: number[] | null;
  /** A logarithmic axis, if no value forbids it. */
  log?: boolean;
}

/** Measured points that a chart of this model draws. */
export function pointsIn(model: ChartModel): number {
  let count = 0;
  for (const { points } of model.curves) for (const v of points.value) if (v !== null) count++;
  return count;
}
