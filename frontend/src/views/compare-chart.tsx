import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Chart } from "../charts/chart";
import type { ChartLook, ChartModel } from "../charts/model";
import type { StepChart } from "../charts/step-chart";
import { useSight } from "../charts/use-visible";
import { differenceTo } from "../data/compare";
import { formatDifference, formatStep, isShareMetric, NONE } from "../data/format";
import { totalPlan } from "../data/schedule";
import {
  axis,
  clockKeys,
  cursor,
  metricTag,
  placesOf,
  runColor,
  runMark,
  series,
} from "../data/store";
import { placeWords } from "../data/time";
import { betterOf } from "../data/tradeoff";
import type { Run } from "../data/types";
import { axisParts, endOf, rowAt, scheduleParts } from "./chart-parts";
import { comparedRuns } from "./compared-runs";
import { FocusNote, useFocus } from "./focus";
import { CHART_HELP } from "./help";
import { MetricChoice } from "./metric-choice";
import { Name } from "./name";
import { ValueReadout } from "./readout";
import { leaveCursor, moveCursor } from "./step-keys";
import { LineSwatch } from "./swatch";
import { useWanted } from "./use-wanted";

/** No difference is in sight, always. */
const HOLD = [0];
const LOOK: ChartLook = { axisWidth: 52, unit: "number", ticks: null };

/** The metric minus the baseline's, on the axis that all charts share. */
export function DifferenceChart({ base, name }: { base: Run; name: string }) {
  const element = useRef<HTMLElement>(null);
  const chart = useRef<StepChart | null>(null);
  const { near: visible, seen } = useSight(element);
  const tag = metricTag(name);
  const share = isShareMetric(name);
  const scale = share ? 100 : 1;
  // Values are in points already, so that axis and readout agree.
  const format = (value: number) => formatDifference(name, value / scale);

  const logging = useComputed(() =>
    comparedRuns().filter((run) => run.tags.metrics?.includes(name)),
  );
  useWanted(series, visible, () => {
    const all = logging.value;
    return [...all.map(({ run }) => ({ run, tag })), ...clockKeys(all)];
  });
  const curves = useComputed(() => {
    const reference = series.get({ run: base.run, tag });
    return logging.value.map((run) => {
      const points = series.get({ run: run.run, tag });
      const difference = points && reference ? differenceTo(points, reference) : null;
      const value = difference?.value.map((v) => (v === null ? null : v * scale)) ?? [];
      const arrived = points !== undefined && reference !== undefined;
      return { run, arrived, points: points && difference && { ...points, value } };
    });
  });
  // Apart from what follows the zoom.
  const placed = useComputed(() =>
    curves.value.flatMap(({ run, points }) => {
      const places = points && placesOf(run, points);
      if (!points || !places) return [];
      return [{ run: run.run, color: runColor(run), mark: runMark(run), points, places }];
    }),
  );
  const others = useComputed(() =>
    placed.value.flatMap(({ run, points, places }) =>
      run === base.run ? [] : [{ ...points, step: places }],
    ),
  );
  const focus = useFocus(others, HOLD);
  const model = useComputed<ChartModel>(() => ({
    curves: placed.value,
    complete: curves.value.every(({ arrived }) => arrived),
    targets: [],
    schedules: logging.value.flatMap((run) =>
      scheduleParts({ run, color: runColor(run), plan: totalPlan(run.manifest) }),
    ),
    ...axisParts(),
    range: focus.range.value,
  }));

  const at = visible ? cursor.value : null;
  const rows = curves.value
    .filter(({ run }) => run.run !== base.run)
    .map(({ run, points }) => rowAt({ run, color: runColor(run), plan: null }, points, at));
  const place = at ?? endOf(rows);
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
          aria-describedby={CHART_HELP}
          aria-label={`${name} minus that of ${base.name}${place === null ? "" : `; at ${placeWords(axis.value, place)}`}: ${said.join("; ")}`}
          data-chart="difference"
          onKeyDown={(event) => moveCursor(event, chart.current?.places() ?? [])}
          onFocusOut={leaveCursor}
        >
          <div class="large">
            <div>
              {visible ? (
                <Chart model={model} look={LOOK} chart={chart} seen={seen} />
              ) : (
                <div class="chart" />
              )}
              <FocusNote focus={focus} />
            </div>
            <div>
              <ValueReadout rows={rows} at={place} format={format} />
              <div class="reading quiet">
                <span class="name">
                  <LineSwatch color={runColor(base)} mark={runMark(base)} />
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
