import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { useVisible } from "../charts/use-visible";
import { againstBaseline, type CompareRow, compareRow, orderMetrics } from "../data/compare";
import { currentStatus, historyKeys, latestKeys } from "../data/known";
import { baseline, latest, metric, metrics, metricTag, series } from "../data/store";
import type { Run } from "../data/types";
import { MetricChart } from "./charts";
import { DifferenceChart } from "./compare-chart";
import { CompareTable } from "./compare-table";
import { WeightDifferences } from "./compare-weights";
import { baselineRun, comparedRuns } from "./compared-runs";
import { firstOf, More, Parts, Who } from "./sentence";
import { useWanted } from "./use-wanted";

/** More runs than this are counted until asked for. */
const SAID = 5;

function rowOf(run: Run, names: readonly string[]): CompareRow {
  const last = (name: string) => latest.get({ run: run.run, tag: metricTag(name) });
  return compareRow(run, currentStatus(run), names, last);
}

export function Compare() {
  const root = useRef<HTMLDivElement>(null);
  const visible = useVisible(root);
  useWanted(latest, visible, () => comparedRuns().flatMap(latestKeys));
  useWanted(series, visible, () => comparedRuns().flatMap(historyKeys));
  const rows = useComputed(() => {
    const names = orderMetrics(metrics.value);
    return comparedRuns().map((run) => rowOf(run, names));
  });
  const base = baselineRun();
  return (
    <div ref={root} class="compare">
      {rows.value.length === 0 ? (
        <p class="headline">Choose a run on the left.</p>
      ) : (
        <>
          <Words rows={rows.value} base={base} />
          {base && metric.value !== null && rows.value.length > 1 ? (
            <DifferenceChart key={`${metric.value} ${base.run}`} base={base} name={metric.value} />
          ) : (
            <MetricChart />
          )}
          <CompareTable rows={rows.value} base={base} />
          {base && rows.value.length > 1 && <WeightDifferences base={base} />}
        </>
      )}
    </div>
  );
}

/** Which run is the baseline, and how the others differ from it. */
function Words({ rows, base }: { rows: readonly CompareRow[]; base: Run | null }) {
  const all = useSignal(false);
  const baseRow = rows.find(({ run }) => run === base);
  const others = rows.filter(({ run }) => run !== base);
  const said = all.value ? others : firstOf(others, SAID);
  return (
    <div class="headline several">
      <p class="summary">
        Baseline <BaselineChoice base={base} />
        {base === null && rows.length > 1 && (
          <span class="quiet"> Choose the run that the others are held against.</span>
        )}
      </p>
      {rows.length === 1 && (
        <p class="quiet">There is only one run to compare: show another on the left.</p>
      )}
      {baseRow &&
        said.map((row) => (
          <p key={row.run.run} data-sentence={row.run.run}>
            <Who run={row.run} />
            <Parts parts={againstBaseline(row, baseRow, metric.value)} />
          </p>
        ))}
      {baseRow && said.length < others.length && (
        <More
          count={others.length - said.length}
          onShow={() => {
            all.value = true;
          }}
        />
      )}
    </div>
  );
}

function BaselineChoice({ base }: { base: Run | null }) {
  return (
    <select
      class="metric-choice"
      aria-label="Baseline"
      value={base?.run ?? ""}
      onChange={(event) => {
        baseline.value = event.currentTarget.value || null;
      }}
    >
      <option value="">none</option>
      {comparedRuns().map((run) => (
        <option key={run.run} value={run.run}>
          {run.name}
        </option>
      ))}
    </select>
  );
}
