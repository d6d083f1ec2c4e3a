import type { Manifest, Run } from "./types";

/** Steps in an epoch, where all runs agree on it: one grid can't stand for two. */
export function commonEpoch(runs: readonly Run[]): number | null {
  const known = new Set(runs.map(({ manifest }) => (manifest ? epochIn(manifest) : null)));
  const [only] = known;
  return known.size === 1 && only ? only : null;
}

/** Null also where training was resumed within an epoch: the ends of its epochs are no multiples. */
function epochIn({ steps_per_epoch, first_step }: Manifest): number | null {
  const steps = steps_per_epoch ?? 0;
  return steps > 0 && ((first_step ?? 1) - 1) % steps === 0 ? steps : null;
}

/** The epoch that a step belongs to: both count from 1, and the last step of an epoch is its own. */
export function epochOf(step: number, stepsPerEpoch: number): number {
  return Math.max(1, Math.ceil(step / stepsPerEpoch));
}
