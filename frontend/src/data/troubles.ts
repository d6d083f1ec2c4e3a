import { dueTarget, finalTarget, type Plan } from "./schedule";
import type { Point } from "./status";
import type { Points } from "./types";

/** What can go wrong with a curve, whatever its schedule says. */

/** The step from which on nothing finite was logged, up to the end; null where the last value is. */
export function notFiniteSince({ step, value }: Points): number | null {
  return step[value.findLastIndex((v) => v !== null) + 1] ?? null;
}

/** Zeros that came back: from the last point before the fall to the lowest one after it. */
export interface Fall {
  from: Point;
  to: Point;
  /** In the end it is as sparse as before. */
  recovered: boolean;
}

/** Curves that don't fall by more than this: the page asks for it whenever any curve arrives. */
const LEVEL = new WeakMap<Points, number>();

/**
 * The deepest fall of a sparsity, beyond what the schedule itself went down meanwhile; null where
 * it is within the tolerance.
 */
export function fallOf(points: Points, plan: Plan | null, tolerance: number): Fall | null {
  const least = tolerance + 1e-6;
  // What doesn't fall at all, and that is nearly everything, needs no schedule to be looked at.
  if ((LEVEL.get(points) ?? Number.POSITIVE_INFINITY) <= least) return null;
  if (!deepest(points, () => 0, least)) {
    LEVEL.set(points, least);
    return null;
  }
  let forgiven = 0;
  let before: number | null = null;
  return deepest(
    points,
    (step) => {
      const due = (plan && dueTarget(plan, step)?.value) ?? null;
      if (due !== null && before !== null) forgiven += Math.max(0, before - due);
      before = due ?? before;
      return forgiven;
    },
    least,
  );
}

function deepest(points: Points, forgiven: (step: number) => number, least: number): Fall | null {
  let top = { step: 0, value: 0, height: Number.NEGATIVE_INFINITY };
  let fall: { from: Point; to: Point; height: number; depth: number } | null = null;
  let height = 0;
  for (const [i, step] of points.step.entries()) {
    const value = points.value[i] ?? null;
    if (value === null) continue;
    height = value + forgiven(step);
    if (height >= top.height - 1e-6) {
      top = { step, value, height: Math.max(height, top.height) };
    } else if (top.height - height > (fall?.depth ?? least)) {
      const from = { step: top.step, value: top.value };
      fall = { from, to: { step, value }, height: top.height, depth: top.height - height };
    }
  }
  return fall && { from: fall.from, to: fall.to, recovered: height > fall.height - least };
}

/** Above this a layer hardly computes anything any more. */
export const NEARLY_DEAD = 0.995;

/** A weight of which next to nothing is left. */
export interface Dead {
  weight: string;
  point: Point;
  size: number | null;
  /** Its schedule wants it so. */
  configured: boolean;
}

export function deadOf(
  weight: string,
  size: number | null,
  point: Point,
  plan: Plan | null,
): Dead | null {
  if (point.value <= NEARLY_DEAD) return null;
  const wanted = plan && finalTarget(plan);
  const configured =
    plan !== null &&
    wanted !== null &&
    wanted > NEARLY_DEAD &&
    point.value <= wanted + plan.tolerance;
  return { weight, point, size, configured };
}
