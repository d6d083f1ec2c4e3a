import { useComputed } from "@preact/signals";
import type { ChartLook } from "../charts/model";
import { formatNumber, formatShare, formatStep, isShareMetric } from "../data/format";
import { totalPlan, weightPlan } from "../data/schedule";
import { smoothingWeight } from "../data/smooth";
import {
  filteredWeights,
  metric,
  metricTag,
  scale,
  shownRuns,
  smooth,
  sparsityTag,
  weightFilter,
  weights,
} from "../data/store";
import { TAG_PREFIXES, TOTAL_TAGS } from "../names";
import { StepFigure } from "./figure";
import { MetricChoice } from "./metric-choice";
import { Name } from "./name";
import { ScheduleReadout, SmallReadout, SmallSummary, ValueReadout } from "./readout";

const TOTAL_NAME = TOTAL_TAGS.pruned.slice(TAG_PREFIXES.sparsity_total.length);
const AXIS_WIDTH = 52;
const TOTAL_LOOK: ChartLook = {
  axisWidth: AXIS_WIDTH,
  unit: "share",
  ticks: [0, 0.25, 0.5, 0.75, 1],
};
const WEIGHT_LOOK: ChartLook = { axisWidth: 44, unit: "share", ticks: [0, 0.5, 1] };
const ACCURACY_LOOK: ChartLook = { axisWidth: AXIS_WIDTH, unit: "share", ticks: null };
const METRIC_LOOK: ChartLook = { axisWidth: AXIS_WIDTH, unit: "number", ticks: null };
const LOG_LOOK: ChartLook = { ...METRIC_LOOK, log: true };

const smoothing = () => smoothingWeight(smooth.value);

const formatAccuracy = (value: number) => formatShare(value, 2);

export function TotalChart() {
  const hasTotal = useComputed(() =>
    shownRuns.value.some((run) => run.tags.sparsity_total?.includes(TOTAL_NAME)),
  );
  if (!hasTotal.value && weights.value.length === 0) return null;
  return (
    <section>
      <h2>Model sparsity</h2>
      {hasTotal.value ? (
        <StepFigure
          kind="total"
          subject="Model sparsity"
          tag={TOTAL_TAGS.pruned}
          has={(run) => run.tags.sparsity_total?.includes(TOTAL_NAME) ?? false}
          planOf={(run) => totalPlan(run.manifest)}
          look={TOTAL_LOOK}
          format={formatShare}
        >
          {(rows, { at, chart }) => (
            <div class="large">
              {chart}
              <ScheduleReadout rows={rows} at={at} format={formatShare} />
            </div>
          )}
        </StepFigure>
      ) : (
        <p class="quiet">
          The logs of the shown runs hold no total, only the sparsity of each weight.
        </p>
      )}
    </section>
  );
}

export function MetricChart() {
  const name = metric.value;
  if (name === null) return null;
  const share = isShareMetric(name);
  const format = share ? formatAccuracy : formatNumber;
  const log = scale.value === "log";
  return (
    <section>
      <h2>
        <MetricChoice />
        <MetricControls log={log} />
      </h2>
      <StepFigure
        key={`${log} ${name}`}
        kind="metric"
        subject={name}
        tag={metricTag(name)}
        has={(run) => run.tags.metrics?.includes(name) ?? false}
        planOf={(run) => totalPlan(run.manifest)}
        look={log ? LOG_LOOK : share ? ACCURACY_LOOK : METRIC_LOOK}
        smoothing={smoothing}
        format={format}
      >
        {(rows, { at, chart }) => (
          <div class="large">
            {chart}
            <ValueReadout rows={rows} at={at} format={format} />
          </div>
        )}
      </StepFigure>
    </section>
  );
}

function MetricControls({ log }: { log: boolean }) {
  const amount = smoothing();
  return (
    <span class="controls">
      <label>
        Smoothing
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value={amount}
          onInput={(event) => {
            const { value } = event.currentTarget;
            smooth.value = Number(value) > 0 ? value : null;
          }}
        />
        <span class="amount">{amount > 0 ? amount.toFixed(2) : "off"}</span>
      </label>
      <label>
        <input
          type="checkbox"
          checked={log}
          onChange={(event) => {
            scale.value = event.currentTarget.checked ? "log" : null;
          }}
        />
        Log scale
      </label>
    </span>
  );
}

export function WeightCharts() {
  const shown = filteredWeights.value;
  const all = weights.value.length;
  if (all === 0) return null;
  return (
    <section>
      <h2>
        Layers
        {shown.length < all && (
          <span class="quiet">
            {" "}
            {formatStep(shown.length)} of {formatStep(all)} weights{" "}
            <button
              type="button"
              class="link"
              onClick={() => {
                weightFilter.value = "";
              }}
            >
              Show all
            </button>
          </span>
        )}
      </h2>
      <div class="grid">
        {shown.map((weight) => (
          <WeightChart key={weight.name} weight={weight.name} />
        ))}
      </div>
    </section>
  );
}

/** A weight's sparsity over its schedule: one of many small charts, or large, with a readout beside it. */
export function WeightChart({ weight: name, large = false }: { weight: string; large?: boolean }) {
  return (
    <StepFigure
      kind="weight"
      weight={name}
      subject={`Sparsity of ${name}`}
      tag={sparsityTag(name)}
      has={(run) => run.tags.sparsity?.includes(name) ?? false}
      planOf={(run) => weightPlan(run.manifest, name)}
      look={large ? TOTAL_LOOK : WEIGHT_LOOK}
      format={formatShare}
    >
      {(rows, { at, chart, visible }) =>
        (large || visible) && (
          <>
            <div class="title">
              <span class="name" title={name}>
                <Name text={name} />
              </span>
              {!large && <SmallSummary rows={rows} format={formatShare} />}
            </div>
            {!large && <SmallReadout rows={rows} format={formatShare} />}
            {large ? (
              <div class="large">
                {chart}
                <ScheduleReadout rows={rows} at={at} format={formatShare} />
              </div>
            ) : (
              chart
            )}
          </>
        )
      }
    </StepFigure>
  );
}
