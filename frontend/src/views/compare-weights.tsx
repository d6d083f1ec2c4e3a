import { useComputed } from "@preact/signals";
import { weightDifferences } from "../data/compare";
import { formatPoints, formatShare, formatStep } from "../data/format";
import { matches } from "../data/selection";
import { lastPoint } from "../data/status";
import { latest, runColor, runMark, sparsityTag, weightFilter } from "../data/store";
import type { Run } from "../data/types";
import { comparedRuns } from "./compared-runs";
import { Name } from "./name";
import { LineSwatch } from "./swatch";

/** Weights listed: those that differ most. */
const LISTED = 20;

/** Where the runs' weights ended at other sparsities than the baseline's. */
export function WeightDifferences({ base }: { base: Run }) {
  const found = useComputed(() => {
    const filtered = (run: Run): Run => {
      const sparsity = (run.tags.sparsity ?? []).filter((w) => matches(w, weightFilter.value));
      return { ...run, tags: { ...run.tags, sparsity } };
    };
    return weightDifferences(comparedRuns().map(filtered), base, (run, weight) => {
      const points = latest.get({ run: run.run, tag: sparsityTag(weight) });
      return (points && lastPoint(points)?.value) ?? null;
    });
  });
  const { differing, same, missing } = found.value;
  const byRun = new Map(comparedRuns().map((run) => [run.run, run]));
  const several = byRun.size > 2;
  const listed = differing.slice(0, LISTED);
  const notes = [
    listed.length < differing.length
      ? `the ${LISTED} largest of ${formatStep(differing.length)} differences`
      : null,
    same > 0 && differing.length > 0 ? `${formatStep(same)} as in the baseline` : null,
    missing > 0 ? `${formatStep(missing)} not in the baseline` : null,
  ].filter((note) => note !== null);
  return (
    <section class="weights">
      <h2>
        Weights
        <span class="quiet">
          final sparsity against the baseline{"\u2019"}s, in points
          {notes.length > 0 && `; ${notes.join("; ")}`}
        </span>
      </h2>
      {differing.length === 0 && (
        <p class="quiet">
          {same > 0
            ? "All weights are as sparse as in the baseline."
            : "No weight can be compared: the runs have none in common with the baseline."}
        </p>
      )}
      <ul>
        {listed.map(({ run, weight, value, base: from, difference }) => {
          const color = runColor(byRun.get(run) ?? base);
          return (
            <li key={`${run} ${weight}`} data-weight-difference={weight} data-run={run}>
              <span class="name" title={weight}>
                <Name text={weight} />
              </span>
              {several && (
                <span class="name quiet" title={byRun.get(run)?.name}>
                  <LineSwatch color={color} mark={runMark(byRun.get(run) ?? base)} />
                  <Name text={byRun.get(run)?.name ?? run} />
                </span>
              )}
              <Bar difference={difference} color={color} />
              <span class="value" data-difference="">
                {formatPoints(difference)}
              </span>
              <span class="value quiet">
                {formatShare(value)} instead of {formatShare(from)}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** From the middle to the right: sparser; to the left: denser. */
function Bar({ difference, color }: { difference: number; color: string }) {
  const width = `${Math.abs(difference) * 50}%`;
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ background: color, width, [difference > 0 ? "left" : "right"]: "50%" }} />
    </span>
  );
}
