import type { Part } from "../data/parts";
import { metricTag, series, shownRuns, tolerance as typedTolerance } from "../data/store";
import {
  betterOf,
  type Corner,
  envelope,
  type Final,
  finalsOf,
  join,
  judge,
  paretoFront,
  type Tolerance,
  type Trail,
  toleranceOf,
  totalOf,
  type Verdict,
  valueRange,
} from "../data/tradeoff";
import { sentenceOf } from "../data/tradeoff-sentences";
import type { Run } from "../data/types";
import { TOTAL_TAGS } from "../names";

export interface Row {
  run: Run;
  trail: Trail;
  verdict: Verdict | null;
}

/** All that the view says, computed from what has arrived. */
export interface Picture {
  metric: string;
  tolerance: Tolerance;
  rows: Row[];
  corners: Corner[];
  finals: Final[];
  front: Set<string>;
  range: ReturnType<typeof valueRange>;
  /** Runs that log the metric, but no total sparsity. */
  unknown: Run[];
  /** Runs that don't log the metric. */
  silent: Run[];
  arrived: boolean;
}

/** Reads signals: it is painted again when series arrive or choices change. */
export function paint(name: string | null): Picture | null {
  if (name === null) return null;
  const better = betterOf(name);
  const tolerance = toleranceOf(name, typedTolerance.value);
  const logging = shownRuns.value.filter((run) => run.tags.metrics?.includes(name));
  const known = logging.filter((run) => totalOf(run) !== "unknown");
  let arrived = true;
  const rows = known.map((run) => {
    const values = series.get({ run: run.run, tag: metricTag(name) });
    const dense = totalOf(run) === "zero";
    const total = dense ? null : series.get({ run: run.run, tag: TOTAL_TAGS.pruned });
    if (values === undefined || total === undefined) arrived = false;
    const nothing = { run: run.run, samples: [], final: null };
    // Without its total, a run that prunes must not look like a dense one.
    const trail = values && (dense || total) ? join(run.run, values, total ?? null) : nothing;
    return { run, trail, verdict: judge(trail, better, tolerance) };
  });
  const trails = rows.map(({ trail }) => trail);
  const corners = envelope(trails, better);
  const finals = finalsOf(trails);
  const verdicts = rows.map(({ verdict }) => verdict);
  return {
    metric: name,
    tolerance,
    rows,
    corners,
    finals,
    front: paretoFront(finals, better),
    range: valueRange(trails, corners, verdicts, tolerance),
    unknown: logging.filter((run) => totalOf(run) === "unknown"),
    silent: shownRuns.value.filter((run) => !logging.includes(run)),
    arrived,
  };
}

/** What sparsity cost the metric of a run, in words; that it broke off may be `told` already. */
export function costOf(
  { run, trail, verdict }: Row,
  { metric, tolerance }: Picture,
  told = false,
): Part[] {
  const prunes = totalOf(run) !== "zero";
  return sentenceOf(trail, verdict, tolerance, { metric, prunes, training: isTraining(run), told });
}

function isTraining(run: Run): boolean {
  const total = run.manifest?.total_steps ?? null;
  return total !== null && (run.last_step ?? 0) < total;
}
