import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Chart } from "../charts/chart";
import { type ChartLook, type ChartModel, pointsIn } from "../charts/model";
import type { StepChart } from "../charts/step-chart";
import { useVisible } from "../charts/use-visible";
import { differenceTo } from "../data/compare";
import { formatDifference, formatStep, isShareMetric, NONE } from "../data/format";
import { readingAt } from "../data/readout";
import { framesOf, totalPlan } from "../data/schedule";
import { cursor, domain, metricTag, runColor, series } from "../data/store";
import { betterOf } from "../data/tradeoff";
import type { Run } from "../data/types";
import { comparedRuns } from "./compared-runs";
import type { FigureRow } from "./figure";
import { MetricChoice } from "./metric-choice";
import { Name } from "./name";
import { ValueReadout } from "./readout";
import { moveCursor } from "./step-keys";
import { LineSwatch } from "./swatch";
import { useWanted } from "./use-wanted";

const LOOK: ChartLook = { axisWidth: 52, unit: "number", ticks: null };

/** The metric minus the baseline's, on the step axis that all charts share. */
export function DifferenceChart({ base, name }: { base: Run; name: string }) {
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
          onKeyDown={(event) => moveCursor(event, chart.current?.steps() ?? [])}
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
