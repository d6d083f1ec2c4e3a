import { useComputed, useSignal } from "@preact/signals";
import { niceRange } from "../charts/axes";
import { sparsityRange } from "../charts/xy-layout";
import type { XyModel, XyPoint } from "../charts/xy-model";
import { formatStep, isShareMetric } from "../data/format";
import { runColor, runMark } from "../data/store";
import { bandWidth, betterOf, type Sample } from "../data/tradeoff";
import type { Picture } from "./tradeoff-picture";
import { pointOf } from "./tradeoff-point";
import { labelOf, TradeOffReadout } from "./tradeoff-readout";
import { XyFigure } from "./xy-figure";

/** The metric over sparsity, with the readout of the point that is pointed at. */
export function TradeOffChart({ picture }: { picture: Picture }) {
  const point = useSignal<XyPoint | null>(null);
  const whole = useSignal(false);
  const current = useSignal(picture);
  current.value = picture;
  // The curves stay the same ones while the pointer goes from one to another.
  const base = useComputed(() => modelOf(current.value, whole.value));
  const model = useComputed<XyModel>(() => {
    const band = bandAt(current.value, point.value?.run ?? null);
    return { ...base.value, band };
  });
  const here = pointOf(picture, point.value);
  const outside = outsideOf(picture, model.value);
  const samples = picture.rows.reduce((sum, { trail }) => sum + trail.samples.length, 0);

  return (
    <XyFigure
      name="tradeoff"
      label={labelOf(picture, here)}
      points={picture.arrived ? samples : undefined}
      model={model}
      point={point}
      legend={
        <>
          <Key picture={picture} />
          {(outside > 0 || whole.value) && (
            <button
              type="button"
              class="link"
              onClick={() => {
                whole.value = !whole.value;
              }}
            >
              {whole.value ? "Show only what matters" : `Show ${outsideText(outside)}`}
            </button>
          )}
        </>
      }
    >
      <TradeOffReadout picture={picture} here={here} />
    </XyFigure>
  );
}

function outsideText(n: number): string {
  return n === 1 ? "1 more point outside" : `${formatStep(n)} more points outside`;
}

/** What the marks mean: only those that are there. */
function Key({ picture }: { picture: Picture }) {
  const { front, finals, rows } = picture;
  return (
    <>
      {front.size > 0 && finals.length > 1 && (
        <span>
          <span aria-hidden="true">◆</span> end, on the Pareto front
        </span>
      )}
      {(front.size < finals.length || finals.length === 1) && (
        <span>
          <span aria-hidden="true">{finals.length === 1 ? "◆" : "○"}</span> end of a run
        </span>
      )}
      {rows.some(({ verdict }) => verdict?.left) && (
        <span>
          <span aria-hidden="true">❘</span> last within the tolerance
        </span>
      )}
      <span>
        <span aria-hidden="true">┈</span> best at that sparsity or more
      </span>
    </>
  );
}

function modelOf(picture: Picture, whole: boolean): Omit<XyModel, "band"> {
  const { rows, metric, range, front } = picture;
  const share = isShareMetric(metric);
  const [low, high] = (whole ? range?.all : range?.focus) ?? [0, 1];
  const [from, to] = niceRange(low, high);
  const sparsities = rows.flatMap(({ trail }) => trail.samples.map(({ sparsity }) => sparsity));
  return {
    curves: rows.map(({ run, trail, verdict }) => ({
      run: run.run,
      name: run.name,
      color: runColor(run),
      mark: runMark(run),
      samples: trail.samples,
      final: trail.final,
      onFront: front.has(run.run),
      last: verdict?.left ? verdict.last : null,
    })),
    envelope: picture.corners,
    x: sparsityRange(sparsities),
    // No accuracy is above one.
    y: [from, share && high <= 1 ? Math.min(1, to) : to],
    unit: share ? "share" : "number",
  };
}

/** The band of one run says something, those of ten cover the chart. */
function bandAt({ rows, metric, tolerance }: Picture, pointed: string | null): XyModel["band"] {
  const row = rows.find(({ run }) => run.run === pointed) ?? (rows.length === 1 ? rows[0] : null);
  if (!row?.verdict) return null;
  const {
    run,
    verdict: { best },
  } = row;
  const width = bandWidth(best.value, tolerance);
  const down = betterOf(metric) === "higher";
  return {
    low: down ? best.value - width : best.value,
    high: down ? best.value : best.value + width,
    color: runColor(run),
  };
}

function outsideOf({ rows }: Picture, { y: [from, to] }: XyModel): number {
  const out = ({ value }: Sample) => value < from || value > to;
  return rows.reduce((sum, { trail }) => sum + trail.samples.filter(out).length, 0);
}
