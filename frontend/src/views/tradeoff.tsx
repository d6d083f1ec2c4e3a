import { effect, type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { niceRange } from "../charts/axes";
import { useVisible } from "../charts/use-visible";
import { sparsityRange, XyChart, type XyModel, type XyPoint } from "../charts/xy-chart";
import { formatShare, formatStep, isShareMetric, NONE } from "../data/format";
import {
  metric,
  metricTag,
  runColor,
  series,
  shownRuns,
  theme,
  tolerance as typedTolerance,
} from "../data/store";
import {
  bandWidth,
  beatenBy,
  beatenText,
  bestFrom,
  betterOf,
  type Corner,
  envelope,
  type Final,
  finalsOf,
  formatDifference,
  formatMetric,
  frontSentence,
  join,
  judge,
  paretoFront,
  type Sample,
  sentenceOf,
  type Tolerance,
  type Trail,
  toleranceOf,
  totalOf,
  type Verdict,
  valueRange,
} from "../data/tradeoff";
import type { Run } from "../data/types";
import { TOTAL_TAGS } from "../names";
import { MetricChoice } from "./metric-choice";
import { Name } from "./name";
import { LineSwatch } from "./swatch";
import { useWanted } from "./use-wanted";

/** More runs than this are counted until asked for. */
const SAID = 5;

interface Row {
  run: Run;
  trail: Trail;
  verdict: Verdict | null;
}

/** All that the view says, computed from what has arrived. */
interface Picture {
  metric: string;
  tolerance: Tolerance;
  rows: Row[];
  corners: Corner[];
  finals: Final[];
  front: Set<string>;
  range: ReturnType<typeof valueRange>;
  /** Runs that log the metric, but no total sparsity. */
  unknown: Run[];
  /** Runs that don't log the metric. */
  silent: Run[];
  arrived: boolean;
}

export function TradeOff() {
  const root = useRef<HTMLDivElement>(null);
  const visible = useVisible(root);
  const picture = useComputed(() => paint(metric.value));
  useWanted(series, visible, () => {
    const name = metric.value;
    if (name === null) return [];
    return shownRuns.value.flatMap((run) => {
      const own = { run: run.run, tag: metricTag(name) };
      const total = { run: run.run, tag: TOTAL_TAGS.pruned };
      if (!run.tags.metrics?.includes(name) || totalOf(run) === "unknown") return [];
      return totalOf(run) === "logged" ? [own, total] : [own];
    });
  });
  return (
    <div ref={root} class="tradeoff">
      <Content picture={picture.value} />
    </div>
  );
}

function paint(name: string | null): Picture | null {
  if (name === null) return null;
  const better = betterOf(name);
  const tolerance = toleranceOf(name, typedTolerance.value);
  const logging = shownRuns.value.filter((run) => run.tags.metrics?.includes(name));
  const known = logging.filter((run) => totalOf(run) !== "unknown");
  let arrived = true;
  const rows = known.map((run) => {
    const values = series.get({ run: run.run, tag: metricTag(name) });
    const dense = totalOf(run) === "zero";
    const total = dense ? null : series.get({ run: run.run, tag: TOTAL_TAGS.pruned });
    if (values === undefined || total === undefined) arrived = false;
    const nothing = { run: run.run, samples: [], final: null };
    // Without its total, a run that prunes must not look like a dense one.
    const trail = values && (dense || total) ? join(run.run, values, total ?? null) : nothing;
    return { run, trail, verdict: judge(trail, better, tolerance) };
  });
  const trails = rows.map(({ trail }) => trail);
  const corners = envelope(trails, better);
  const finals = finalsOf(trails);
  const verdicts = rows.map(({ verdict }) => verdict);
  return {
    metric: name,
    tolerance,
    rows,
    corners,
    finals,
    front: paretoFront(finals, better),
    range: valueRange(trails, corners, verdicts, tolerance),
    unknown: logging.filter((run) => totalOf(run) === "unknown"),
    silent: shownRuns.value.filter((run) => !logging.includes(run)),
    arrived,
  };
}

function Content({ picture }: { picture: Picture | null }) {
  if (shownRuns.value.length === 0) return <p class="headline">Choose a run on the left.</p>;
  if (picture === null) {
    return (
      <p class="headline">
        The shown runs log no metric to hold against sparsity. Give <code>model.fit</code> the
        callback <code>PruningSummaries</code>, and the model a metric such as accuracy.
      </p>
    );
  }
  return (
    <>
      <Words picture={picture} />
      <section>
        <Heading picture={picture} />
        {picture.rows.some(({ trail }) => trail.samples.length > 0) && (
          <Figure key={picture.metric} picture={picture} />
        )}
      </section>
    </>
  );
}

/** What sparsity cost, in words. */
function Words({ picture }: { picture: Picture }) {
  const all = useSignal(false);
  if (!picture.arrived) return <p class="headline quiet">Reading the log…</p>;
  const { rows, finals, tolerance, unknown, silent } = picture;
  const single = shownRuns.value.length === 1;
  const fits = all.value || rows.length <= SAID + 1;
  const said = fits ? rows : rows.slice(0, SAID);
  const names = new Map(rows.map(({ run }) => [run.run, run.name]));
  const front = frontSentence(picture.metric, finals, (run) => names.get(run) ?? run);
  return (
    <div class={single ? "headline" : "headline several"} data-arrived="">
      {front && (
        <p class="summary" data-front="">
          <Parts parts={front} />
        </p>
      )}
      {said.map(({ run, trail, verdict }) => (
        <p key={run.run} data-sentence={run.run}>
          {!single && <Who run={run} />}
          <Parts
            parts={sentenceOf(trail, verdict, tolerance, {
              metric: picture.metric,
              prunes: totalOf(run) !== "zero",
              training: isTraining(run),
            })}
          />
          <Beaten run={run} picture={picture} names={names} />
        </p>
      ))}
      {said.length < rows.length && (
        <button
          type="button"
          class="link"
          onClick={() => {
            all.value = true;
          }}
        >
          and {rows.length - said.length} more
        </button>
      )}
      {unknown.map((run) => (
        <p key={run.run} class="notice quiet">
          <bdi>{run.name}</bdi> is not in the chart: its log holds no total sparsity, only that of
          each weight.
        </p>
      ))}
      {silent.length > 0 && <Silent runs={silent} metric={picture.metric} />}
    </div>
  );
}

function Silent({ runs, metric }: { runs: readonly Run[]; metric: string }) {
  const [first] = runs;
  return (
    <p class="notice quiet">
      {runs.length === 1 ? <bdi>{first?.name}</bdi> : `${runs.length} of the shown runs`}
      {runs.length === 1 ? " does" : " do"} not log {metric}; choose another metric to see
      {runs.length === 1 ? " it" : " them"}.
    </p>
  );
}

function Who({ run }: { run: Run }) {
  return (
    <>
      <LineSwatch color={runColor(run)} />
      <span class="run-name">{run.name}:</span>{" "}
    </>
  );
}

function Parts({ parts }: { parts: readonly { text: string; kind: string }[] }) {
  return parts.map(({ text, kind }, i) => (
    <span key={i} class={kind}>
      {text}
    </span>
  ));
}

function Beaten({
  run,
  picture,
  names,
}: {
  run: Run;
  picture: Picture;
  names: ReadonlyMap<string, string>;
}) {
  const own = picture.finals.find((final) => final.run === run.run);
  const by = own && beatenBy(own, picture.finals, betterOf(picture.metric));
  if (!own || !by) return null;
  return (
    <span class="quiet">
      {" Not on the front: "}
      <span>{beatenText(picture.metric, own, by, names.get(by.run) ?? by.run)}</span>.
    </span>
  );
}

function isTraining(run: Run): boolean {
  const total = run.manifest?.total_steps ?? null;
  return total !== null && (run.last_step ?? 0) < total;
}

function Heading({ picture }: { picture: Picture }) {
  const { tolerance, metric } = picture;
  return (
    <h2>
      <MetricChoice />
      <span class="quiet">against total sparsity; {betterOf(metric)} is better</span>
      <label class="tolerance quiet">
        Tolerance
        <input
          type="number"
          min="0"
          step="any"
          value={typedTolerance.value ?? tolerance.amount}
          onInput={(event) => {
            typedTolerance.value = event.currentTarget.value;
          }}
          onBlur={() => {
            // An empty field stands for the usual tolerance: let it be seen.
            if (!typedTolerance.value) typedTolerance.value = null;
          }}
        />
        {tolerance.unit === "points" ? "points from the best" : "% of the best"}
      </label>
    </h2>
  );
}

function Figure({ picture }: { picture: Picture }) {
  const element = useRef<HTMLElement>(null);
  const point = useSignal<XyPoint | null>(null);
  const whole = useSignal(false);
  const current = useSignal(picture);
  current.value = picture;
  const model = useComputed(() => modelOf(current.value, whole.value, point.value?.run ?? null));
  const here = pointOf(picture, point.value);
  const outside = outsideOf(picture, model.value);
  const samples = picture.rows.reduce((sum, { trail }) => sum + trail.samples.length, 0);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target !== element.current) return;
    if (event.key === "Escape") point.value = null;
    const next = pointForKey(event.key, picture, point.value);
    if (!next) return;
    event.preventDefault();
    point.value = next;
  };
  return (
    <figure
      ref={element}
      class="figure xy"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: without focus there are no arrow keys
      tabIndex={0}
      aria-label={labelOf(picture, here)}
      data-chart="tradeoff"
      data-points={picture.arrived ? samples : undefined}
      onKeyDown={onKeyDown}
      onBlur={() => {
        point.value = null;
      }}
    >
      <div class="large">
        <div>
          <Canvas model={model} point={point} />
          <p class="key quiet">
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
          </p>
        </div>
        <Readout picture={picture} here={here} />
      </div>
    </figure>
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

function Canvas({
  model,
  point,
}: {
  model: ReadonlySignal<XyModel>;
  point: Signal<XyPoint | null>;
}) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const chart = new XyChart(element, {
      onPoint: (next) => {
        point.value = next;
      },
    });
    const resize = () => chart.resize(element.clientWidth, element.clientHeight);
    const size = new ResizeObserver(resize);
    size.observe(element);
    resize();
    const stops = [
      effect(() => chart.setModel(model.value)),
      effect(() => chart.setPoint(point.value)),
      effect(() => {
        theme.value;
        chart.redraw();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      size.disconnect();
      chart.destroy();
    };
  }, [model, point]);
  return <div class="chart" ref={host} aria-hidden="true" />;
}

function modelOf(picture: Picture, whole: boolean, pointed: string | null): XyModel {
  const { rows, metric, range, front, tolerance } = picture;
  const share = isShareMetric(metric);
  const [low, high] = (whole ? range?.all : range?.focus) ?? [0, 1];
  const [from, to] = niceRange(low, high);
  // The band of one run says something, those of ten cover the chart.
  const banded =
    rows.find(({ run }) => run.run === pointed) ?? (rows.length === 1 ? rows[0] : null);
  const sparsities = rows.flatMap(({ trail }) => trail.samples.map(({ sparsity }) => sparsity));
  return {
    curves: rows.map(({ run, trail, verdict }) => ({
      run: run.run,
      name: run.name,
      color: runColor(run),
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
    band: banded?.verdict ? bandOf(banded, banded.verdict, metric, tolerance) : null,
  };
}

function bandOf({ run }: Row, { best }: Verdict, metric: string, tolerance: Tolerance) {
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

interface Here {
  row: Row;
  sample: Sample;
}

/** The point that the readout speaks of; after a reload it may be gone. */
function pointOf({ rows }: Picture, point: XyPoint | null): Here | null {
  const row = point && rows.find(({ run }) => run.run === point.run);
  const sample = row?.trail.samples.find(({ step }) => step === point?.step);
  return row && sample ? { row, sample } : null;
}

/** Left and right along a run, up and down to the same step of the next; null: not such a key. */
function pointForKey(key: string, picture: Picture, from: XyPoint | null): XyPoint | null {
  const rows = picture.rows.filter(({ trail }) => trail.samples.length > 0);
  const [first] = rows;
  if (!first) return null;
  const here = pointOf(picture, from);
  const row = here?.row ?? first;
  const { samples } = row.trail;
  const at = here ? samples.indexOf(here.sample) : samples.length;
  const along = (i: number) => {
    const sample = samples[Math.min(samples.length - 1, Math.max(0, i))] as Sample;
    return { run: row.run.run, step: sample.step };
  };
  const across = (by: number) => {
    const next = rows[(rows.indexOf(row) + by + rows.length) % rows.length] as Row;
    const step = here?.sample.step ?? Number.POSITIVE_INFINITY;
    const { samples } = next.trail;
    const sample = samples.findLast((s) => s.step <= step) ?? (samples[0] as Sample);
    return { run: next.run.run, step: sample.step };
  };
  switch (key) {
    case "ArrowLeft":
      return along(at - 1);
    case "ArrowRight":
      return along(at + 1);
    case "Home":
      return along(0);
    case "End":
      return along(samples.length - 1);
    case "ArrowDown":
      return across(here ? 1 : 0);
    case "ArrowUp":
      return across(-1);
    default:
      return null;
  }
}

function labelOf(picture: Picture, here: Here | null): string {
  const { metric, rows, corners } = picture;
  const runs = `${rows.length} ${rows.length === 1 ? "run" : "runs"}`;
  const what = `${metric} against total sparsity, ${runs}`;
  if (!here) return `${what}; arrow keys move along the points`;
  const { row, sample } = here;
  const best = bestFrom(corners, sample.sparsity);
  const more = best
    ? `; best at that sparsity or more ${formatMetric(metric, best.sample.value)}`
    : "";
  return `${what}; ${row.run.name} at step ${formatStep(sample.step)}: sparsity ${formatShare(sample.sparsity)}, ${metric} ${formatMetric(metric, sample.value)}${more}`;
}

/** Beside the chart: the point nearest to the cursor, and where each run ended. */
function Readout({ picture, here }: { picture: Picture; here: Here | null }) {
  const { metric, corners, rows } = picture;
  const best = here && bestFrom(corners, here.sample.sparsity);
  const toBest = here?.row.verdict && here.sample.value - here.row.verdict.best.value;
  const say = (kind: string, label: string, value: string | null) => (
    <div class="pair">
      <span class="quiet words">{label}</span>
      <span class="value" data-readout={kind}>
        {value ?? NONE}
      </span>
    </div>
  );
  return (
    <div class="readout">
      <div class="point">
        <div class="name" data-readout="run" title={here?.row.run.name}>
          {here ? (
            <>
              <LineSwatch color={runColor(here.row.run)} />
              <Name text={here.row.run.name} />
            </>
          ) : (
            <span class="quiet">Point at the chart, or use ← →</span>
          )}
        </div>
        {say("step", "step", here && formatStep(here.sample.step))}
        {say("sparsity", "sparsity", here && formatShare(here.sample.sparsity))}
        {say("metric", metric, here && formatMetric(metric, here.sample.value))}
        {say(
          "to-best",
          "from the run\u2019s best",
          typeof toBest === "number" ? formatDifference(metric, toBest) : null,
        )}
        {say(
          "envelope",
          "best there or sparser",
          best ? formatMetric(metric, best.sample.value) : null,
        )}
      </div>
      <h3>At the end</h3>
      {rows.map((row) => (
        <End key={row.run.run} row={row} picture={picture} />
      ))}
    </div>
  );
}

function End({
  row: { run, trail },
  picture: { metric, front, finals },
}: {
  row: Row;
  picture: Picture;
}) {
  const { final } = trail;
  const on = front.has(run.run);
  return (
    <div class="end" data-final={run.run}>
      <span class="mark" style={{ color: runColor(run) }} aria-hidden="true">
        {final ? (on ? "◆" : "○") : ""}
      </span>
      <span class="name" title={run.name}>
        <Name text={run.name} />
        {on && finals.length > 1 && <span class="hidden"> (on the Pareto front)</span>}
      </span>
      <span class="value">{final ? formatShare(final.sparsity) : NONE}</span>
      <span class="value">{final ? formatMetric(metric, final.value) : NONE}</span>
    </div>
  );
}
