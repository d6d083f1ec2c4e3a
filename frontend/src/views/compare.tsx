import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { Chart } from "../charts/chart";
import { type ChartLook, type ChartModel, pointsIn } from "../charts/model";
import type { StepChart } from "../charts/step-chart";
import { useVisible } from "../charts/use-visible";
import {
  againstBaseline,
  type Column,
  type CompareRow,
  compareRow,
  differenceTo,
  nextSort,
  orderMetrics,
  type Sort,
  sortRows,
  weightDifferences,
} from "../data/compare";
import { formatPoints, formatShare, formatStep, isShareMetric, NONE } from "../data/format";
import { readingAt } from "../data/readout";
import { framesOf, totalPlan } from "../data/schedule";
import { matches } from "../data/selection";
import { lastPoint, statusOf } from "../data/status";
import {
  baseline,
  cursor,
  domain,
  latest,
  metric,
  metrics,
  metricTag,
  runColor,
  runs,
  series,
  setZoom,
  shownRuns,
  sparsityTag,
  weightFilter,
} from "../data/store";
import { betterOf, formatDifference, formatMetric } from "../data/tradeoff";
import type { Run, SeriesKey } from "../data/types";
import { TOTAL_TAGS } from "../names";
import { MetricChart } from "./charts";
import { type FigureRow, stepForKey } from "./figure";
import { MetricChoice } from "./metric-choice";
import { Name } from "./name";
import { ValueReadout } from "./readout";
import { LineSwatch } from "./swatch";
import { useWanted } from "./use-wanted";

const LOOK: ChartLook = { axisWidth: 52, unit: "number", ticks: null };
/** Weights listed: those that differ most. */
const LISTED = 20;
/** More runs than this are counted until asked for. */
const SAID = 5;

/** The run that the others are held against; a link may name one that isn't there. */
function baselineRun(): Run | null {
  return runs.value.find((run) => run.run === baseline.value) ?? null;
}

/** The shown runs, and the baseline even where it isn't. */
function comparedRuns(): Run[] {
  const base = baselineRun();
  const shown = shownRuns.value;
  return base && !shown.includes(base) ? [base, ...shown] : [...shown];
}

function latestKeys(run: Run): SeriesKey[] {
  const tags = [
    TOTAL_TAGS.pruned,
    ...(run.tags.sparsity ?? []).map(sparsityTag),
    ...(run.tags.metrics ?? []).map(metricTag),
  ];
  return tags.map((tag) => ({ run: run.run, tag }));
}

function rowOf(run: Run, names: readonly string[]): CompareRow {
  const last = (tag: string) => latest.get({ run: run.run, tag });
  const status = statusOf(run, {
    total: last(TOTAL_TAGS.pruned),
    latest: (weight) => last(sparsityTag(weight)),
    history: () => undefined,
  });
  return compareRow(run, status, names, (name) => last(metricTag(name)));
}

export function Compare() {
  const root = useRef<HTMLDivElement>(null);
  const visible = useVisible(root);
  useWanted(latest, visible, () => comparedRuns().flatMap(latestKeys));
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
          <Table rows={rows.value} base={base} />
          {base && rows.value.length > 1 && <Weights base={base} />}
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
  const said = all.value || others.length <= SAID + 1 ? others : others.slice(0, SAID);
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
            <LineSwatch color={runColor(row.run)} />
            <span class="run-name">{row.run.name}:</span>{" "}
            {againstBaseline(row, baseRow, metric.value).map(({ text, kind }, i) => (
              <span key={i} class={kind}>
                {text}
              </span>
            ))}
          </p>
        ))}
      {baseRow && said.length < others.length && (
        <button
          type="button"
          class="link"
          onClick={() => {
            all.value = true;
          }}
        >
          and {others.length - said.length} more
        </button>
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

/** The metric minus the baseline's, on the step axis that all charts share. */
function DifferenceChart({ base, name }: { base: Run; name: string }) {
  const element = useRef<HTMLElement>(null);
  const chart = useRef<StepChart | null>(null);
  const visible = useVisible(element);
  const tag = metricTag(name);
  const share = isShareMetric(name);
  const scale = share ? 100 : 1;
  // Values are in points already, so that axis and readout agree.
  const format = (value: number) => formatDifference(name, value / scale);

  const logging = useComputed(() =>
    comparedRuns().filter((run) => run.tags.metrics?.includes(name)),
  );
  useWanted(series, visible, () => logging.value.map((run) => ({ run: run.run, tag })));
  const curves = useComputed(() => {
    const reference = series.get({ run: base.run, tag });
    return logging.value.map((run) => {
      const points = series.get({ run: run.run, tag });
      const difference = points && reference ? differenceTo(points, reference) : null;
      const value = difference?.value.map((v) => (v === null ? null : v * scale)) ?? [];
      const arrived = points !== undefined && reference !== undefined;
      return { run, arrived, points: difference && { ...difference, value } };
    });
  });
  const model = useComputed<ChartModel>(() => ({
    curves: curves.value.flatMap(({ run, points }) =>
      points ? [{ run: run.run, color: runColor(run), points }] : [],
    ),
    targets: [],
    frames: logging.value.flatMap((run) => {
      const plan = totalPlan(run.manifest);
      return plan ? framesOf(plan) : [];
    }),
    domain: domain.value,
  }));

  const at = visible ? cursor.value : null;
  const rows: FigureRow[] = curves.value
    .filter(({ run }) => run !== base)
    .map(({ run, arrived, points }) => {
      const reading = readingAt(points, null, at);
      return { run, color: runColor(run), arrived, reading };
    });
  const ends = rows.flatMap(({ reading }) => reading.point?.step ?? []);
  const step = at ?? (ends.length > 0 ? Math.max(...ends) : null);
  const drawn = visible && curves.value.every(({ arrived }) => arrived);

  const reference = series.get({ run: base.run, tag });
  const until = reference?.step.at(-1);
  const beyond = curves.value.some(
    ({ points }) => (points?.step.at(-1) ?? 0) > (until ?? Infinity),
  );
  const said = rows.map(({ run, reading }) =>
    reading.point ? `${run.name} ${format(reading.point.value)}` : `${run.name} ${NONE}`,
  );
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") {
      cursor.value = null;
      setZoom(null);
      return;
    }
    const next = stepForKey(event.key, chart.current?.steps() ?? [], cursor.value);
    if (next === null) return;
    event.preventDefault();
    cursor.value = next;
  };
  return (
    <section>
      <h2>
        <MetricChoice />
        <span class="quiet">
          minus the baseline{"\u2019"}s{share ? ", in points" : ""}; above 0 is{" "}
          {betterOf(name) === "higher" ? "better" : "worse"}
          {beyond && until !== undefined
            ? `; from step ${formatStep(until)} on, minus the baseline\u2019s last value`
            : ""}
        </span>
      </h2>
      {!base.tags.metrics?.includes(name) ? (
        <p class="quiet">
          The baseline does not log {name}: choose another metric, or another baseline.
        </p>
      ) : (
        <figure
          ref={element}
          class="figure difference-chart"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: without focus there are no arrow keys
          tabIndex={0}
          aria-label={`${name} minus that of ${base.name}${step === null ? "" : `; at step ${formatStep(step)}`}: ${said.join("; ")}`}
          data-chart="difference"
          data-points={drawn ? pointsIn(model.value) : undefined}
          onKeyDown={onKeyDown}
          onBlur={() => {
            cursor.value = null;
          }}
        >
          <div class="large">
            {visible ? <Chart model={model} look={LOOK} chart={chart} /> : <div class="chart" />}
            <div>
              <ValueReadout rows={rows} step={step} format={format} />
              <div class="reading quiet">
                <span class="name">
                  <LineSwatch color={runColor(base)} />
                  <Name text={base.name} />
                </span>
                <span class="value">baseline</span>
              </div>
            </div>
          </div>
        </figure>
      )}
    </section>
  );
}

/** The last values of every run, and how far they are from the baseline's. */
function Table({ rows, base }: { rows: readonly CompareRow[]; base: Run | null }) {
  const sort = useSignal<Sort | null>(null);
  const names = orderMetrics(metrics.value);
  const listed = sortRows(rows, sort.value, base?.run ?? null);
  const baseRow = rows.find(({ run }) => run === base) ?? null;
  const head = (column: Column, text: ComponentChildren, number = true) => (
    <Head
      column={column}
      sort={sort.value}
      number={number}
      onSort={(next) => {
        sort.value = next;
      }}
    >
      {text}
    </Head>
  );
  return (
    <section>
      <h2>
        Final values
        {base && (
          <span class="quiet">with the difference to the baseline; of shares in points</span>
        )}
      </h2>
      <div class="scrolling">
        <table class={base ? "with-baseline" : undefined}>
          <thead>
            <tr>
              {head("run", "Run", false)}
              {head("sparsity", "Sparsity")}
              {head("target", "Target")}
              {names.map((name) => head(`metric:${name}`, name))}
              {head("step", "Last step")}
              {head("status", "Status", false)}
            </tr>
          </thead>
          <tbody>
            {listed.map((row) => (
              <Row key={row.run.run} row={row} names={names} base={baseRow} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface HeadProps {
  column: Column;
  sort: Sort | null;
  number: boolean;
  onSort: (sort: Sort | null) => void;
  children: ComponentChildren;
}

function Head({ column, sort, number, onSort, children }: HeadProps) {
  const order = sort?.column === column ? (sort.down ? "descending" : "ascending") : "none";
  return (
    <th scope="col" aria-sort={order} class={number ? "number" : undefined}>
      <button type="button" onClick={() => onSort(nextSort(sort, column))}>
        {children}
        <span aria-hidden="true">{{ ascending: " ↑", descending: " ↓", none: "" }[order]}</span>
      </button>
    </th>
  );
}

function Row({
  row,
  names,
  base,
}: {
  row: CompareRow;
  names: readonly string[];
  base: CompareRow | null;
}) {
  const { run, status } = row;
  const other = base && base !== row ? base : null;
  return (
    <tr data-compare={run.run} class={base === row ? "base" : undefined}>
      <th scope="row" title={run.name}>
        <span class="run">
          <LineSwatch color={runColor(run)} />
          <Name text={run.name} />
          {base === row && <span class="quiet">baseline</span>}
        </span>
      </th>
      <Cell
        column="sparsity"
        value={row.sparsity}
        base={other?.sparsity}
        format={formatShare}
        formatDifference={formatPoints}
      />
      <Cell
        column="target"
        value={row.target}
        base={other?.target}
        format={formatShare}
        formatDifference={formatPoints}
      />
      {names.map((name) => {
        const last = row.metrics[name] ?? null;
        return (
          <Cell
            key={name}
            column={name}
            value={last?.value ?? null}
            base={other?.metrics[name]?.value}
            format={(value) => formatMetric(name, value)}
            formatDifference={(value) => formatDifference(name, value)}
            note={last?.stale ? `not finite after step ${formatStep(last.step)}` : null}
          />
        );
      })}
      <Cell
        column="step"
        value={row.step}
        base={other?.step === row.step ? null : other?.step}
        format={formatStep}
        formatDifference={formatSteps}
      />
      <td class={status.trouble ? "problem" : ""}>{status.text}</td>
    </tr>
  );
}

function formatSteps(difference: number): string {
  return `${difference > 0 ? "+" : "\u2212"}${formatStep(Math.abs(difference))}`;
}

interface CellProps {
  column: string;
  value: number | null;
  base: number | null | undefined;
  format: (value: number) => string;
  formatDifference: (difference: number) => string;
  note?: string | null;
}

function Cell({ column, value, base, format, formatDifference, note = null }: CellProps) {
  return (
    <td class="number" data-column={column}>
      {value === null ? (
        <span class="quiet">{NONE}</span>
      ) : (
        <span data-value="">{format(value)}</span>
      )}
      {value !== null && typeof base === "number" ? (
        <span class="by quiet" data-difference="">
          {formatDifference(value - base)}
        </span>
      ) : (
        <span class="by" />
      )}
      {note && <span class="note problem">{note}</span>}
    </td>
  );
}

/** Where the runs' weights ended at other sparsities than the baseline's. */
function Weights({ base }: { base: Run }) {
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
                  <LineSwatch color={color} />
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
