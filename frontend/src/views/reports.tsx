import type { ComponentChildren } from "preact";
import type { Reported } from "../data/compression";
import { isUnreadable, type Unreadable } from "../data/reports";
import type { SeriesCache } from "../data/series";
import { shownRuns } from "../data/store";
import type { ReportKind, Run, SeriesKey } from "../data/types";

/** What the views of reports have in common. */

export function hasReport(kind: ReportKind) {
  return ({ reports }: Run) => reports?.[kind] !== undefined;
}

export function reportKey(run: Run, kind: ReportKind): SeriesKey {
  return { run: run.run, tag: kind };
}

interface Found<T> {
  /** Shown runs that have such a report, and what is in it. */
  reports: Reported<T>[];
  broken: Reported<Unreadable>[];
  arrived: boolean;
}

/** Reads signals. */
export function reportsOf<T extends object>(
  cache: SeriesCache<T | Unreadable>,
  kind: ReportKind,
  runs: readonly Run[],
): Found<T> {
  const found: Found<T> = { reports: [], broken: [], arrived: true };
  for (const run of runs) {
    const report = cache.get(reportKey(run, kind));
    if (!report) found.arrived = false;
    else if (isUnreadable(report)) found.broken.push({ run, report });
    else found.reports.push({ run, report });
  }
  return found;
}

export function Broken({ broken }: { broken: readonly Reported<Unreadable>[] }) {
  return broken.map(({ run, report }) => (
    <p key={run.run} class="notice problem">
      The report of <bdi>{run.name}</bdi> can&rsquo;t be shown: {report.unreadable}
    </p>
  ));
}

/** What a report says holds for the run as it was then. */
export function Outdated({ run, kind }: { run: Run; kind: ReportKind }) {
  const made = run.reports?.[kind] ?? Number.POSITIVE_INFINITY;
  if (made >= (run.last_wall_time ?? 0)) return null;
  return <span class="quiet"> This was measured before the training went on.</span>;
}

/** In place of the view where no shown run has such a report. */
export function NoReport({ children }: { children: ComponentChildren }) {
  if (shownRuns.value.length === 0) return <p class="headline">Choose a run on the left.</p>;
  return <p class="headline">{children}</p>;
}
