import { formatPoints, formatShare, formatStep, NONE } from "./format";
import { beginOf, type DueTarget, dueTarget, type Plan } from "./schedule";
import { differenceAt, isOff, lastPoint, type Point } from "./status";
import type { Points } from "./types";

/** What one curve says at the cursor: its last point up to there, against what was due then. */
export interface Reading {
  point: Point | null;
  plan: Plan | null;
  due: DueTarget | null;
  difference: number | null;
  off: boolean;
}

export function readingAt(
  points: Points | null | undefined,
  plan: Plan | null,
  step: number | null,
): Reading {
  const point = points ? lastPoint(points, step ?? Number.POSITIVE_INFINITY) : null;
  const due = plan && point && dueTarget(plan, point.step);
  const difference = plan && point && differenceAt(plan, point);
  return { point, plan, due, difference, off: plan !== null && isOff(plan, difference) };
}

/** The readout's words for a reading. */
export interface ReadingText {
  measured: string;
  /** "target at", "target from", or why there is none. */
  label: string;
  /** The step that the label speaks of. */
  due: string;
  target: string;
  difference: string;
}

export function textOfReading(reading: Reading, format: (value: number) => string): ReadingText {
  const { point, plan, due, difference } = reading;
  const measured = point ? format(point.value) : NONE;
  if (!plan) return { measured, label: "no schedule", due: "", target: NONE, difference: NONE };
  if (!due || difference === null) {
    const due = formatStep(beginOf(plan));
    return { measured, label: "target from", due, target: NONE, difference: NONE };
  }
  return {
    measured,
    label: "target at",
    due: formatStep(due.step),
    target: formatShare(due.value),
    difference: formatPoints(difference),
  };
}
