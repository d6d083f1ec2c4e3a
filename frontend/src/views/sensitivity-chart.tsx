import { type Signal, useComputed, useSignal } from "@preact/signals";
import { niceRange } from "../charts/axes";
import { sparsityRange } from "../charts/xy-layout";
import type { XyModel, XyPoint } from "../charts/xy-model";
import { PALETTE } from "../data/colors";
import { csvTable } from "../data/csv";
import {
  count,
  formatChange,
  formatMetric,
  formatShare,
  formatStep,
  isShareMetric,
} from "../data/format";
import type { Sensitivity } from "../data/reports";
import { type Question, type SensitivityRow, shortNames, widthOf } from "../data/sensitivity";
import { theme } from "../data/store";
import { extent, type Sample } from "../data/tradeoff";
import { Tools } from "./figure-tools";
import { Name } from "./name";
import { Pair } from "./pair";
import { XyFigure } from "./xy-figure";

/** Around the baseline, in widths of the tolerance: what is near to it. */
const NEAR = { within: 2, beyond: 6 };

/** The most fragile weights have hues, the others are drawn behind them; null: no hue. */
export function colorOfRank(rank: number): string | null {
  return PALETTE[theme.value][rank] ?? null;
}

interface Props {
  report: Sensitivity;
  rows: readonly SensitivityRow[];
  question: Question;
  point: Signal<XyPoint | null>;
}

/** The metric over the sparsity of each weight alone. */
export function SensitivityChart({ report, rows, question, point }: Props) {
  const near = useSignal(false);
  const current = useSignal({ report, rows, question });
  current.value = { report, rows, question };
  const model = useComputed(() => modelOf(current.value, near.value, point.value?.run ?? null));
  const { metric } = question;
  const row = rows.find(({ curve }) => curve.weight === point.value?.run) ?? null;
  const here = row && point.value ? { row, at: point.value.step } : null;
  const samples = model.value.curves.reduce((sum, curve) => sum + curve.samples.length, 0);
  const subject = `${metric} against the sparsity of each weight`;
  return (
    <XyFigure
      name="sensitivity"
      label={labelOf(subject, rows.length, question, here)}
      points={samples}
      model={model}
      point={point}
      legend={
        <>
          <span>
            <span aria-hidden="true">─</span> the model as it was
          </span>
          <span>
            <span aria-hidden="true">❘</span> last within the tolerance
          </span>
          {rows.length > PALETTE.light.length && (
            <span>grey: {count(rows.length - PALETTE.light.length, "less fragile weight")}</span>
          )}
          <button
            type="button"
            class="link"
            onClick={() => {
              near.value = !near.value;
            }}
          >
            {near.value ? "Show all" : "Show only what is near the tolerance"}
          </button>
        </>
      }
      tools={(figure) => (
        <Tools
          subject={subject}
          canvas={() => figure.current?.querySelector("canvas")}
          legend={() =>
            model.value.curves.flatMap(({ run, color, faint }) =>
              faint ? [] : { name: run, color },
            )
          }
          table={() => tableOf(rows, metric)}
        />
      )}
    >
      <Readout report={report} question={question} here={here} />
    </XyFigure>
  );
}

interface Here {
  row: SensitivityRow;
  at: number;
}

function samplesOf({ curve, values }: SensitivityRow): Sample[] {
  const samples: Sample[] = [];
  let gap = false;
  values.forEach((value, step) => {
    const sparsity = curve.sparsity[step] ?? 0;
    if (value !== null) samples.push({ step, sparsity, value, gap });
    gap = value === null;
  });
  return samples;
}

function modelOf(shown: Omit<Props, "point">, near: boolean, pointed: string | null): XyModel {
  const { rows, question } = shown;
  const all = rows.map((row) => ({ row, samples: samplesOf(row) }));
  const samples = all.flatMap((one) => one.samples);
  const { y, band, line } = rangeOf(shown, samples, near);
  const hues = PALETTE[theme.value];
  const names = shortNames(rows.map(({ curve }) => curve.weight));
  return {
    curves: all.map(({ row: { curve, values, last }, samples }, rank) => ({
      run: curve.weight,
      name: names[rank] ?? curve.weight,
      color: hues[rank % hues.length] as string,
      samples,
      // The name stands where the curve ends, or leaves the chart.
      final: samples.findLast(({ value }) => value >= y[0] && value <= y[1]) ?? null,
      onFront: null,
      last: last < values.length - 1 ? (samples.find(({ step }) => step === last) ?? null) : null,
      faint: curve.weight !== pointed && colorOfRank(rank) === null,
    })),
    envelope: [],
    x: sparsityRange(samples.map(({ sparsity }) => sparsity)),
    y,
    unit: isShareMetric(question.metric) ? "share" : "number",
    band: band && { ...band, color: hues[0] },
    line,
  };
}

/** The values to show, with the baseline and what is within the tolerance of it. */
function rangeOf(
  { report, question }: Omit<Props, "point">,
  samples: readonly Sample[],
  near: boolean,
): { y: [number, number]; band: { low: number; high: number } | null; line: number | null } {
  const line = report.baseline.get(question.metric) ?? null;
  const values = samples.map(({ value }) => value);
  if (line === null) return { y: niceRange(...extent([0, ...values])), band: null, line };
  const width = widthOf(report, question);
  const [below, above] = report.lower.has(question.metric) ? [0, width] : [width, 0];
  const { within, beyond } = NEAR;
  const [deep, high] = below > 0 ? [beyond, within] : [within, beyond];
  const [from, to] = near
    ? niceRange(line - deep * width, line + high * width)
    : niceRange(...extent([...values, line - below, line + above]));
  // No accuracy is above one.
  const most = isShareMetric(question.metric) && values.every((value) => value <= 1) ? 1 : to;
  return { y: [from, Math.min(most, to)], band: { low: line - below, high: line + above }, line };
}

function labelOf(
  subject: string,
  weights: number,
  { metric }: Question,
  here: Here | null,
): string {
  const what = `${subject}, ${count(weights, "weight")}`;
  if (!here) return `${what}; arrow keys move along the points`;
  const { curve, values } = here.row;
  const value = values[here.at] ?? null;
  const said = value === null ? "not finite" : formatMetric(metric, value);
  return `${what}; ${curve.weight} at ${formatShare(curve.sparsity[here.at] ?? 0)}: ${metric} ${said}`;
}

function Readout({
  report,
  question: { metric },
  here,
}: {
  report: Sensitivity;
  question: Question;
  here: Here | null;
}) {
  const { curve, values } = here?.row ?? {};
  const value = here ? (values?.[here.at] ?? null) : null;
  const baseline = report.baseline.get(metric) ?? null;
  const [asked, got] = here ? [curve?.target[here.at], curve?.sparsity[here.at]] : [];
  const share = (one: number | undefined) => (one === undefined ? null : formatShare(one));
  return (
    <div class="readout">
      <div class="point">
        <div class="name" data-readout="weight" title={curve?.weight}>
          {curve ? (
            <Name text={curve.weight} />
          ) : (
            <span class="quiet">Point at the chart, or use ← →</span>
          )}
        </div>
        <Pair kind="size" label="size" value={curve ? formatStep(curve.size) : null} />
        <Pair kind="asked" label="sparsity asked for" value={share(asked)} />
        <Pair kind="sparsity" label="sparsity it got" value={share(got)} />
        <Pair
          kind="metric"
          label={metric}
          value={value === null ? null : formatMetric(metric, value)}
        />
        <Pair
          kind="difference"
          label="from the model as it was"
          value={value === null || baseline === null ? null : formatChange(metric, value, baseline)}
        />
        <Pair
          kind="suggested"
          label="suggested"
          value={here ? formatShare(here.row.suggested) : null}
        />
      </div>
      <h3>As it was</h3>
      <Pair
        kind="baseline"
        label={metric}
        value={baseline === null ? null : formatMetric(metric, baseline)}
      />
    </div>
  );
}

function tableOf(rows: readonly SensitivityRow[], metric: string): string {
  return csvTable(
    ["weight", "pattern", "target", "sparsity", metric],
    rows.flatMap(({ curve, values }) =>
      curve.target.map((target, i) => [
        curve.weight,
        curve.pattern,
        target,
        curve.sparsity[i] ?? null,
        values[i] ?? null,
      ]),
    ),
  );
}
