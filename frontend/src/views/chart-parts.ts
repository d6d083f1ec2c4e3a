import type { ScheduleFrames, TargetCurve } from "../charts/model";
import { curveOn, placeOfStep, stepReached } from "../data/axis";
import { readingAt } from "../data/readout";
import { framesOf, type Plan, targetCurve } from "../data/schedule";
import { axis, axisDomain, clockOf, domain, placesOf, stepsPerEpoch } from "../data/store";
import type { Logged, Run } from "../data/types";
import type { FigureRow } from "./figure";

/** What all charts over the axis that the user chose have in common. */

interface Source {
  run: Run;
  color: string;
  plan: Plan | null;
}

export function axisParts() {
  return {
    axis: axis.value,
    domain: axisDomain.value ?? ([0, 1] as const),
    // An epoch ends at one step of all runs, but at one time of each.
    stepsPerEpoch: axis.value === "step" ? stepsPerEpoch.value : null,
  };
}

export function targetParts({ run, color, plan }: Source): TargetCurve[] {
  if (!plan) return [];
  const curve = targetCurve(plan, domain.value[1]);
  if (axis.value === "step") return [{ color, place: curve.step, value: curve.value }];
  const clock = clockOf(run);
  return clock ? [{ color, ...curveOn(clock, curve) }] : [];
}

export function scheduleParts({ run, color, plan }: Source): ScheduleFrames[] {
  const clock = clockOf(run) ?? null;
  if (!plan || (!clock && axis.value !== "step")) return [];
  return framesOf(plan).map((frames) => ({ color, frames, clock }));
}

/** A run's line of the readout: its last point up to a place on the axis, or the last of all. */
export function rowAt(
  { run, color, plan }: Source,
  points: Logged | null | undefined,
  at: number | null,
): FigureRow {
  const places = points && placesOf(run, points);
  if (!points || !places) {
    const reading = readingAt(null, plan, null);
    return { run, color, arrived: points === null, reading, place: null };
  }
  const reading = readingAt(points, plan, at === null ? null : stepReached(points, places, at));
  const place = reading.point && placeOfStep(points, places, reading.point.step);
  return { run, color, arrived: true, reading, place };
}

/** Where the readout stands while there is no cursor. */
export function endOf(rows: readonly FigureRow[]): number | null {
  const ends = rows.flatMap(({ place }) => place ?? []);
  return ends.length > 0 ? Math.max(...ends) : null;
}
