import type { Run } from "./types";

/** Steps in an epoch, where all runs agree on it: one grid can't stand for two. */
export function commonEpoch(runs: readonly Run[]): number | null {
  const known = new Set(runs.map(({ manifest }) => manifest?.steps_per_epoch ?? null));
  const [only] = known;
  return known.size === 1 && only ? only : null;
}

/** The epoch that a step belongs to: both count from 1, and the last step of an epoch is its own. */
export function epochOf(step: number, stepsPerEpoch: number): number {
  return Math.max(1, Math.ceil(step / stepsPerEpoch));
}
