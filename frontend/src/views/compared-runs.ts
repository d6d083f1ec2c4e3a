import { baseline, runs, shownRuns } from "../data/store";
import type { Run } from "../data/types";

/** The run that the others are held against; a link may name one that isn't there. */
export function baselineRun(): Run | null {
  return runs.value.find((run) => run.run === baseline.value) ?? null;
}

/** The shown runs, and the baseline even where it isn't. */
export function comparedRuns(): Run[] {
  const base = baselineRun();
  const shown = shownRuns.value;
  return base && !shown.includes(base) ? [base, ...shown] : [...shown];
}
