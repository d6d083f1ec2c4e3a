import type { Axis, Clock } from "../data/axis";
import type { Frame } from "../data/schedule";
import type { Points } from "../data/types";
import type { Unit } from "./axes";

/** What a chart draws. Colours are resolved already; everything else follows from the theme. */
export interface ChartModel {
  curves: Curve[];
  targets: TargetCurve[];
  schedules: ScheduleFrames[];
  axis: Axis;
  domain: readonly [number, number];
  /** Whether all curves that it will draw have arrived. */
  complete: boolean;
  /** For the grid of epochs; null where there is none. */
  stepsPerEpoch: number | null;
  /** The values to show; without it all of them. */
  range?: readonly [number, number] | undefined;
}

/** Range and updates of a schedule, of a run or of some of its weights. */
export interface ScheduleFrames {
  color: string;
  frames: Frame[];
  /** On an axis of time: when its run was where. */
  clock: Clock | null;
}

export interface Curve {
  run: string;
  color: string;
  /** Told apart by more than the colour: 0 is a plain line. */
  mark: number;
  points: Points;
  /** Where they lie on the axis. */
  places: number[];
  /** What is drawn in their place: smoothed. */
  drawn?: Points;
}

export interface TargetCurve {
  color: string;
  place: number[];
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
export function pointsIn(model: Pick<ChartModel, "curves">): number {
  let count = 0;
  for (const { points } of model.curves) for (const v of points.value) if (v !== null) count++;
  return count;
}
