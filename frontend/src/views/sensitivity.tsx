import { useSignal } from "@preact/signals";
import type { XyPoint } from "../charts/xy-model";
import {
  formatChange,
  formatDifference,
  formatMetric,
  formatShare,
  formatStep,
} from "../data/format";
import type { Sensitivity } from "../data/reports";
import { matches } from "../data/selection";
import {
  patternsOf,
  pythonOf,
  type Question,
  type SensitivityRow,
  sensitivityRows,
  sensitivitySentence,
  togetherOf,
} from "../data/sensitivity";
import {
  metricAmong,
  pattern as patternWish,
  sensitivity,
  shownRuns,
  tolerance as typedTolerance,
  weightFilter,
} from "../data/store";
import { toleranceOf } from "../data/tradeoff";
import type { Run } from "../data/types";
import { CopyButton } from "./copy-button";
import { MetricChoice } from "./metric-choice";
import { Name } from "./name";
import { type ReportColumn, ReportTable } from "./report-table";
import { Broken, hasReport, NoReport, Outdated, reportKey, reportsOf } from "./reports";
import { chosenRun, RunChoice } from "./run-choice";
import { colorOfRank, SensitivityChart } from "./sensitivity-chart";
import { Parts } from "./sentence";
import { LineSwatch } from "./swatch";
import { ToleranceField } from "./tolerance-field";
import { useWanted } from "./use-wanted";

const KIND = "sensitivity";

/** Which weights of a run could take more. */
export function SensitivityView() {
  const having = () => shownRuns.value.filter(hasReport(KIND));
  const run = chosenRun(having());
  useWanted(sensitivity, true, () => {
    const one = chosenRun(having());
    return one ? [reportKey(one, KIND)] : [];
  });
  if (!run) {
    return (
      <NoReport>
        No shown run has a report of its sensitivity. Give <code>sensitivity</code> the run&rsquo;s{" "}
        <code>log_dir</code>, or show another run.
      </NoReport>
    );
  }
  const { reports, broken, arrived } = reportsOf(sensitivity, KIND, [run]);
  return (
    <div class="sensitivity" data-arrived={arrived ? "" : undefined}>
      {!arrived && <p class="headline quiet">Reading the report…</p>}
      <Broken broken={broken} />
      {reports.map(({ report }) => (
        <Report key={run.run} run={run} among={having()} report={report} />
      ))}
    </div>
  );
}

interface Props {
  run: Run;
  among: readonly Run[];
  report: Sensitivity;
}

function Report({ run, among, report }: Props) {
  const point = useSignal<XyPoint | null>(null);
  const names = [...report.baseline.keys()];
  const metric = metricAmong(names) ?? "";
  const patterns = patternsOf(report);
  const pattern =
    [patternWish.value, "element", ...patterns].find((one) => one && patterns.includes(one)) ??
    null;
  const question: Question = { metric, tolerance: toleranceOf(metric, typedTolerance.value) };
  const rows = sensitivityRows(report, question, pattern);
  const shown = rows.filter(({ curve }) => matches(curve.weight, weightFilter.value));
  const { unit } = question.tolerance;
  return (
    <>
      <div class="headline">
        <p data-sentence={run.run}>
          <Parts parts={sensitivitySentence(report, rows, question)} />
          <Outdated run={run} kind={KIND} />
        </p>
        <p class="notice quiet">
          Each weight was pruned alone, in one shot, and {metric} measured on{" "}
          {formatStep(report.samples)} samples. Together they suffer more: train towards these.
        </p>
      </div>
      <section>
        <h2>
          {names.length > 1 ? <MetricChoice names={names} name={metric} /> : metric}
          <span class="quiet">
            against sparsity; {report.lower.has(metric) ? "lower" : "higher"} is better
          </span>
          {among.length > 1 && <RunChoice run={run} label="Run of the report" among={among} />}
          {patterns.length > 1 && <PatternChoice patterns={patterns} pattern={pattern} />}
          <ToleranceField
            tolerance={question.tolerance}
            words={
              unit === "points" ? "points from the model as it was" : "% of the model as it was"
            }
          />
        </h2>
        <SensitivityChart report={report} rows={shown} question={question} point={point} />
      </section>
      <ReportTable
        label={`Sensitivity of the weights of ${run.name}`}
        heading={
          <>
            Suggested sparsity
            <CopyButton
              words="Copy as Python"
              field="The suggestions as Python; copy them from here"
              text={() => pythonOf(rows, question)}
            />
          </>
        }
        columns={columnsOf(report, shown, question)}
        rows={shown}
        idOf={({ curve }) => curve.weight}
        onPoint={(row) => {
          point.value = row && { run: row.curve.weight, step: Math.max(0, row.last) };
        }}
      />
    </>
  );
}

function PatternChoice({ patterns, pattern }: { patterns: string[]; pattern: string | null }) {
  return (
    <label class="quiet">
      Pattern{" "}
      <select
        class="metric-choice"
        value={pattern ?? ""}
        onChange={(event) => {
          patternWish.value = event.currentTarget.value;
        }}
      >
        {patterns.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

function columnsOf(
  report: Sensitivity,
  rows: readonly SensitivityRow[],
  { metric }: Question,
): [ReportColumn<SensitivityRow>, ...ReportColumn<SensitivityRow>[]] {
  const ranks = new Map(rows.map((row, rank) => [row, rank]));
  const baseline = report.baseline.get(metric) ?? null;
  const at = (row: SensitivityRow, i: number) => row.values[i] ?? null;
  const show = (value: number | null) =>
    value === null ? null : (
      <>
        {formatMetric(metric, value)}{" "}
        <span class="by quiet">
          {baseline === null ? "" : formatChange(metric, value, baseline)}
        </span>
      </>
    );
  return [
    {
      name: "weight",
      head: "Weight",
      key: ({ curve }) => curve.weight,
      show: (row) => (
        <span class="whose">
          <LineSwatch color={colorOfRank(ranks.get(row) ?? 0) ?? "var(--field)"} />
          <Name text={row.curve.weight} />
        </span>
      ),
      text: true,
    },
    {
      name: "size",
      head: "Size",
      key: ({ curve }) => curve.size,
      show: ({ curve }) => formatStep(curve.size),
      total: (all) => formatStep(all.reduce((sum, { curve }) => sum + curve.size, 0)),
    },
    {
      name: "fragility",
      head: "Mean change",
      key: ({ fragility }) => fragility,
      show: ({ fragility }) =>
        Number.isFinite(fragility)
          ? formatDifference(metric, report.lower.has(metric) ? fragility : -fragility)
          : null,
    },
    {
      name: "suggested",
      head: "Suggested",
      key: ({ suggested }) => suggested,
      show: ({ suggested }) => (suggested > 0 ? formatShare(suggested) : "dense"),
      total: (all) => formatShare(togetherOf(all)),
    },
    {
      name: "there",
      head: `${metric} there`,
      key: (row) => at(row, row.last),
      show: (row) => show(at(row, row.last)),
    },
    {
      name: "worst",
      head: "Worst",
      key: (row) => at(row, row.worst),
      show: (row) => show(at(row, row.worst)) ?? "not finite",
    },
    {
      name: "worst_at",
      head: "at",
      key: ({ curve, worst }) => curve.target[worst] ?? null,
      show: ({ curve, worst }) => formatShare(curve.target[worst] ?? 0),
    },
  ];
}
