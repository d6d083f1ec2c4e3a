import type { ReportKind, Run } from "./types";

/** More curves than hues can't be told apart, so that many are shown to begin with. */
export const SHOWN_BY_DEFAULT = 8;

/**
 * Which runs are shown: what the user chose for a run holds; of the others, those shown so far
 * stay, and the most recent ones fill up to eight.
 */
export function chooseRuns(
  runs: readonly Run[],
  chosen: Readonly<Record<string, boolean>>,
  shown: ReadonlySet<string>,
): Set<string> {
  const result = new Set<string>();
  const open: Run[] = [];
  for (const run of runs) {
    if (Object.hasOwn(chosen, run.run)) {
      if (chosen[run.run]) result.add(run.run);
    } else if (shown.has(run.run)) result.add(run.run);
    else open.push(run);
  }
  open.sort((a, b) => (b.last_wall_time ?? 0) - (a.last_wall_time ?? 0));
  for (const run of open) if (result.size < SHOWN_BY_DEFAULT) result.add(run.run);
  return result;
}

/** Runs that have something new since the last look, or have gone. */
export function changedRuns(before: readonly Run[], after: readonly Run[]): Set<string> {
  const mark = (run: Run) => JSON.stringify([run.last_step, run.last_wall_time, run.tags]);
  const seen = new Map(before.map((run) => [run.run, mark(run)]));
  const changed = new Set<string>();
  for (const run of after) {
    if (seen.has(run.run) && seen.get(run.run) !== mark(run)) changed.add(run.run);
    seen.delete(run.run);
  }
  for (const gone of seen.keys()) changed.add(gone);
  return changed;
}

/** Runs whose report of a kind was made anew, or that have no more. */
export function changedReports(
  kind: ReportKind,
  before: readonly Run[],
  after: readonly Run[],
): Set<string> {
  const now = new Map(after.map(({ run, reports }) => [run, reports?.[kind]]));
  const changed = before.filter(({ run, reports }) => now.get(run) !== reports?.[kind]);
  return new Set(changed.map(({ run }) => run));
}

export interface WeightRow {
  name: string;
  /** null where no run's manifest knows it. */
  size: number | null;
}

/** The weights of all runs, in the order of their models, with the sizes the manifests name. */
export function weightsOf(runs: readonly Run[]): WeightRow[] {
  const rows = new Map<string, WeightRow>();
  for (const run of runs) {
    const measured = new Set(run.tags.sparsity ?? []);
    for (const { name, size } of run.manifest?.weights ?? []) {
      const row = rows.get(name);
      if (row) row.size ??= size;
      else if (measured.has(name)) rows.set(name, { name, size });
    }
    for (const name of measured) if (!rows.has(name)) rows.set(name, { name, size: null });
  }
  return [...rows.values()];
}

const PREFERRED_METRICS = ["val_accuracy", "val_loss", "accuracy", "loss"];

export function metricsOf(runs: readonly Run[]): string[] {
  return [...new Set(runs.flatMap((run) => run.tags.metrics ?? []))].sort();
}

export function chooseMetric(metrics: readonly string[], wished: string | null): string | null {
  if (wished !== null && metrics.includes(wished)) return wished;
  return PREFERRED_METRICS.find((name) => metrics.includes(name)) ?? metrics[0] ?? null;
}

/** The steps all charts span: from zero to the end of the longest run, as planned or as trained. */
export function stepDomain(runs: readonly Run[]): [number, number] {
  const ends = runs.flatMap((run) => [run.last_step ?? 0, run.manifest?.total_steps ?? 0]);
  return [0, Math.max(1, ...ends)];
}

/** `/…/` is a regular expression; else every word must occur. Case doesn't matter. */
export function matches(name: string, filter: string): boolean {
  const expression = expressionOf(filter);
  if (expression) return expression.test(name);
  const lower = name.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

/** Null if the filter is plain words, or an expression that isn't finished. */
function expressionOf(filter: string): RegExp | null {
  const [, source] = /^\/(.+)\/$/.exec(filter.trim()) ?? [];
  try {
    return source ? new RegExp(source, "i") : null;
  } catch {
    return null;
  }
}
